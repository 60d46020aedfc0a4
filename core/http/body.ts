import { RequestRejected } from '../ports/http.ts';
import type { Body, BodySink, PushBody } from '../ports/http.ts';

const utf8 = new TextEncoder();

/** The bytes of a body; a stream is read to its end. `undefined` becomes no bytes. */
export async function bodyBytes(body: Body): Promise<Uint8Array> {
  return readBody(body, Number.MAX_SAFE_INTEGER);
}

/**
 * The bytes of a body, at most `maxBytes`; reading stops there.
 *
 * @throws {RequestRejected} 413, over `maxBytes`
 */
export async function readBody(body: Body, maxBytes: number): Promise<Uint8Array> {
  if (body === undefined) return new Uint8Array();
  if (typeof body === 'string' || body instanceof Uint8Array) {
    const bytes = typeof body === 'string' ? utf8.encode(body) : body;
    return bytes.length > maxBytes ? tooLarge(maxBytes) : bytes;
  }
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > maxBytes) tooLarge(maxBytes);
    chunks.push(chunk);
  }
  return concatenated(chunks, length);
}

/** @param length of all chunks together */
export function concatenated(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

function tooLarge(maxBytes: number): never {
  throw new RequestRejected(413, `Content must have at most ${maxBytes} bytes`);
}

export function isStream(body: Body): body is AsyncIterable<Uint8Array> {
  return body !== undefined && typeof body !== 'string' && !(body instanceof Uint8Array);
}

export function isPushBody(body: AsyncIterable<Uint8Array>): body is PushBody {
  return 'pushTo' in body;
}

/** Frees what an unread body holds, usually a connection. Must not have been read yet. */
export function discardBody(body: Body): void {
  if (!isStream(body)) return;
  if (isPushBody(body)) {
    body.pushTo(nowhere).cancel();
    return;
  }
  // whatever goes wrong with what nobody wants is nobody's concern
  void body[Symbol.asyncIterator]()
    .return?.()
    .then(undefined, () => undefined);
}

const nowhere: BodySink = { write: () => true, end: () => undefined, abort: () => undefined };
