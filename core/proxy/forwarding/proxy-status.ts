/**
 * One member of `Proxy-Status` (RFC 9209 section 2).
 *
 * @param pseudonym ours, as in `Via`
 * @param nextHop name of the upstream, if one was chosen
 * @param parameter `error=...` or `received-status=...`
 */
export function proxyStatus(pseudonym: string, nextHop: string | undefined, parameter: string): string {
  // A token of HTTP is one of structured fields only where it begins with a letter (RFC 9651 section 3.3.4).
  const name = structuredToken.test(pseudonym) ? pseudonym : `"${pseudonym}"`;
  return nextHop === undefined ? `${name}; ${parameter}` : `${name}; ${parameter}; next-hop="${nextHop}"`;
}

const structuredToken = /^[A-Za-z*][!#$%&'*+\-.^_`|~0-9A-Za-z:/]*$/;
