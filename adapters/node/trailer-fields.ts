/**
 * Fields that mean something before the content only: framing, routing, authentication, request modifiers, response controls, and how the
 * content is to be read (RFC 9110 section 6.5.1). In a trailer section they are dropped.
 */
const forbidden: ReadonlySet<string> = new Set([
  'authorization',
  'cache-control',
  'connection',
  'content-encoding',
  'content-length',
  'content-range',
  'content-type',
  'cookie',
  'expect',
  'host',
  'keep-alive',
  'location',
  'max-forwards',
  'pragma',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'range',
  'retry-after',
  'set-cookie',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'vary',
  'www-authenticate',
]);

/** @param name in lower case */
export function isTrailerField(name: string): boolean {
  return !forbidden.has(name) && !name.startsWith('if-');
}
