/** Fields about one connection or one proxy only (RFC 9110 section 7.6.1), and `Expect`, which was answered here. */
const ours: ReadonlySet<string> = new Set([
  'connection',
  'expect',
  'host',
  'keep-alive',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'upgrade',
]);

/**
 * The header fields of a plain request as they go on: without ours and without those that `Connection` names, with the host of the
 * request target (RFC 9112 section 3.2.2) and the upstream's own fields.
 *
 * @param rawHeaders name, value, ... as received
 */
export function forwardedFields(
  rawHeaders: readonly string[],
  host: string,
  extra: Readonly<Record<string, string>> = {},
): string[] {
  const dropped = new Set(ours);
  for (const name of Object.keys(extra)) dropped.add(name.toLowerCase());
  for (let at = 0; at < rawHeaders.length; at += 2) {
    if (rawHeaders[at]?.toLowerCase() !== 'connection') continue;
    for (const option of (rawHeaders[at + 1] ?? '').split(',')) dropped.add(option.trim().toLowerCase());
  }
  // content is framed by these whatever a client says of them
  dropped.delete('content-length');
  dropped.delete('transfer-encoding');
  const fields = ['Host', host];
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? '';
    if (!dropped.has(name.toLowerCase())) fields.push(name, rawHeaders[at + 1] ?? '');
  }
  return [...fields, ...Object.entries(extra).flat()];
}
