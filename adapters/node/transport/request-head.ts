import { UpstreamError } from '../../../core/ports/index.ts';
import type { HttpRequest } from '../../../core/ports/index.ts';
import { fieldName, isFieldValue, isToken } from '../field-grammar.ts';

/** The start of a request as text (one byte a character), and how its content is framed. */
export interface RequestHead {
  readonly text: string;
  /** Bytes of content; `chunked`; `undefined` when there is none. */
  readonly framing: number | 'chunked' | undefined;
  /** The other side is asked before the content is sent (RFC 9110 section 10.1.1). */
  readonly expectsContinue: boolean;
}

const targetCharacters = /^[\x21-\x7e\x80-\xff]+$/;
const lengthDigits = /^\d{1,15}$/;

/** Fields that manage one connection: this one has its own (RFC 9110 section 7.6.1). */
const ofConnection: ReadonlySet<string> = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade']);

/** Methods whose requests say that they have no content, where they have none (RFC 9110 section 8.6). */
const withContent: ReadonlySet<string> = new Set(['PATCH', 'POST', 'PUT']);

/**
 * Writes a request's start line and fields for HTTP/1.1. Framing is ours: the length of content that is there, the given length of a stream, or
 * chunks.
 *
 * @param bodyLength bytes of content; `stream` when only its end tells; `undefined` without content
 * @throws {UpstreamError} what cannot be written without changing what it says
 */
export function writeRequestHead(request: HttpRequest, bodyLength: number | 'stream' | undefined, upgrade: boolean): RequestHead {
  const { method, target } = request;
  const flat = request.headers.flat();
  if (!isToken(method) || !targetCharacters.test(target)) throw unwritable();
  let fields = '';
  let host: string | undefined;
  let given: string | undefined;
  let upgradeTo: string | undefined;
  let hasTe = false;
  let expectsContinue = false;
  for (let at = 0; at < flat.length; at += 2) {
    const name = flat[at] ?? '';
    const value = flat[at + 1] ?? '';
    if (fieldName(name) === undefined || !isFieldValue(value)) throw unwritable();
    if (name === 'host') {
      if (host !== undefined) throw unwritable();
      host = value;
    } else if (name === 'content-length') {
      given = value;
    } else if (ofConnection.has(name)) {
      if (name === 'upgrade') upgradeTo = upgradeTo === undefined ? value : `${upgradeTo}, ${value}`;
    } else {
      if (name === 'te') hasTe = true;
      else if (name === 'expect') expectsContinue = value.toLowerCase() === '100-continue';
      fields += `${name}: ${value}\r\n`;
    }
  }
  host ??= request.authority;
  if (!isFieldValue(host)) throw unwritable();
  const options: string[] = [];
  if (upgrade && upgradeTo !== undefined) {
    options.push('upgrade');
    fields += `upgrade: ${upgradeTo}\r\n`;
  }
  if (hasTe) options.push('te');
  if (options.length > 0) fields += `connection: ${options.join(', ')}\r\n`;
  const framing = framingOf(bodyLength, given, method);
  if (framing === 'chunked') fields += 'transfer-encoding: chunked\r\n';
  else if (framing !== undefined) fields += `content-length: ${framing}\r\n`;
  return {
    text: `${method} ${target} HTTP/1.1\r\nhost: ${host}\r\n${fields}\r\n`,
    framing,
    expectsContinue: expectsContinue && framing !== undefined,
  };
}

function framingOf(bodyLength: number | 'stream' | undefined, given: string | undefined, method: string): RequestHead['framing'] {
  if (bodyLength !== 'stream') {
    return bodyLength === undefined && (given === '0' || withContent.has(method)) ? 0 : bodyLength;
  }
  if (given === undefined) return 'chunked';
  if (!lengthDigits.test(given)) throw unwritable();
  return Number(given);
}

/** Not the upstream's fault, but no message that HTTP can carry. */
function unwritable(): UpstreamError {
  return new UpstreamError('http_protocol_error', false);
}
