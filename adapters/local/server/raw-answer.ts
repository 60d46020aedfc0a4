import { STATUS_CODES } from 'node:http';
import type { HeaderFields, HttpResponse } from '../../../core/ports/index.ts';
import { fieldName, isFieldValue } from '../../node/field-grammar.ts';

/** An answer to what never became a request, as the bytes of the last message on its connection. */
export function rawAnswer({ status, headers, body }: HttpResponse): string {
  const text = typeof body === 'string' ? body : '';
  const flat = ['connection', 'close', 'content-length', `${Buffer.byteLength(text)}`, ...headers.flat()];
  return `${statusLine(status)}${lines(flat) ?? ''}\r\n${text}`;
}

/** The header section of a response that has no content of its own: 1xx; `undefined` for fields that cannot be written. */
export function rawInformational(status: number, headers: HeaderFields, more: readonly string[] = []): string | undefined {
  const fields = lines([...headers.flat(), ...more]);
  return fields === undefined ? undefined : `${statusLine(status)}${fields}\r\n`;
}

function statusLine(status: number): string {
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Unknown'}\r\n`;
}

function lines(flat: readonly string[]): string | undefined {
  let text = '';
  for (let at = 0; at < flat.length; at += 2) {
    const name = flat[at] ?? '';
    const value = flat[at + 1] ?? '';
    if (fieldName(name) === undefined || !isFieldValue(value)) return undefined;
    text += `${name}: ${value}\r\n`;
  }
  return text;
}
