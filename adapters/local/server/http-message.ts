import type { IncomingMessage } from 'node:http';
import { HeaderList } from '../../../core/http/header-list.ts';
import { readTarget } from '../../../core/http/read-target.ts';
import { fieldName } from '../../node/field-grammar.ts';
import { RequestRejected } from '../../../core/ports/index.ts';
import type { HttpRequest } from '../../../core/ports/index.ts';

/** How the content of a request is framed (RFC 9112 section 6). */
export type Framing =
  { readonly kind: 'none' } | { readonly kind: 'length'; readonly length: number } | { readonly kind: 'chunked' };

export interface ReceivedHead {
  readonly request: Omit<HttpRequest, 'body' | 'scheme' | 'trailers'>;
  readonly framing: Framing;
}

const digits = /^\d{1,15}$/;
const none: Framing = { kind: 'none' };
const chunked: Framing = { kind: 'chunked' };

/**
 * Reads what Node parsed, and refuses what it lets pass: transfer codings it reports only after the handler ran, several `Host`
 * fields, ill-formed targets.
 *
 * @throws {RequestRejected} 400, or 501 for an unknown transfer coding
 */
export function readHead(message: IncomingMessage): ReceivedHead {
  const { rawHeaders, method = '' } = message;
  const fields: string[] = [];
  let host: string | undefined;
  let framing = none;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const sent = rawHeaders[at] ?? '';
    const name = fieldName(sent) ?? sent.toLowerCase();
    const value = rawHeaders[at + 1] ?? '';
    fields.push(name, value);
    if (name === 'host') {
      if (host !== undefined) throw new RequestRejected(400, 'There must be one Host field');
      host = value.toLowerCase();
    } else if (name === 'transfer-encoding') {
      if (framing !== none) throw new RequestRejected(400, 'Content must be framed in one way');
      if (message.httpVersionMinor === 0) throw new RequestRejected(400, 'HTTP/1.0 has no transfer codings');
      if (value.toLowerCase() !== 'chunked') throw new RequestRejected(501, 'The only transfer coding is chunked');
      framing = chunked;
    } else if (name === 'content-length') {
      if (framing !== none || !digits.test(value)) throw new RequestRejected(400, 'Content must be framed in one way');
      framing = { kind: 'length', length: Number(value) };
    }
  }
  if (host === undefined && message.httpVersionMinor !== 0) throw new RequestRejected(400, 'There must be a Host field');
  return { request: { method, ...readTarget(message.url ?? '', method, host ?? ''), headers: new HeaderList(fields) }, framing };
}
