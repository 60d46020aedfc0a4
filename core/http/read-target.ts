import { RequestRejected } from '../ports/http.ts';

/** Visible ASCII; `#` never belongs to a request target (RFC 9112 section 3.2). */
const targetCharacters = /^[\x21\x22\x24-\x7e]+$/;
const absoluteForm = /^https?:\/\/([^/?]*)(.*)$/i;
const hostCharacters = /^[^\s/?#@\\,]*$/;

/**
 * Reads a request target as sent: origin, absolute or asterisk form (RFC 9112 section 3.2). An absolute target overrides `Host`.
 *
 * @param host the `Host` field in lower case; empty when there is none, which then is the authority
 * @throws {RequestRejected} 400, ill-formed
 */
export function readTarget(sent: string, method: string, host: string): { readonly authority: string; readonly target: string } {
  if (!targetCharacters.test(sent)) throw new RequestRejected(400, 'The request target is ill-formed');
  const [, named, rest = ''] = sent.startsWith('/') ? [] : (absoluteForm.exec(sent) ?? []);
  const authority = named?.toLowerCase() ?? host;
  if (!hostCharacters.test(authority) || named === '') throw new RequestRejected(400, 'The host is ill-formed');
  if (named !== undefined) return { authority, target: rest.startsWith('/') ? rest : `/${rest}` };
  if (sent.startsWith('/') || (sent === '*' && method === 'OPTIONS')) return { authority, target: sent };
  throw new RequestRejected(400, 'The request target is ill-formed');
}
