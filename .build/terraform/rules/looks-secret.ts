/** What secrets look like, so that none stands where everyone who may look at a function reads it. */
const patterns: readonly RegExp[] = [
  /-----BEGIN [A-Z ]*PRIVATE KEY-----/,
  /\b(AKIA|ASIA)[0-9A-Z]{16}\b/,
  /AccountKey=/,
  /SharedAccessSignature|[?&]sig=/,
  /:\/\/[^/@\s:]+:[^/@\s]+@/,
  /\bptl_[A-Za-z0-9]{8}/,
  /"private_key"/,
];

export function looksSecret(text: string): boolean {
  return patterns.some((pattern) => pattern.test(text));
}
