import { RequestRejected } from '../ports/http.ts';
import type { Body, HttpRequest } from '../ports/http.ts';

/**
 * A request's content with a bound, judged by what it says of itself and by what comes.
 *
 * @throws {RequestRejected} 413, also from reading a stream
 */
export function limitBody(request: HttpRequest, maxBytes: number): Body {
  const declared = request.headers.get('content-length');
  if (declared !== undefined && Number(declared) > maxBytes) throw tooLarge(maxBytes);
  const { body } = request;
  if (body === undefined) return undefined;
  if (typeof body === 'string' || body instanceof Uint8Array) {
    // a character is at most three bytes: nearly every text is judged by its length alone
    const most = typeof body === 'string' ? body.length * 3 : body.length;
    if (most > maxBytes && (typeof body === 'string' ? utf8.encode(body) : body).length > maxBytes) throw tooLarge(maxBytes);
    return body;
  }
  // one that says how long it is, is held to it by whoever reads it from the network
  return declared === undefined ? limited(body, maxBytes) : body;
}

const utf8 = new TextEncoder();

async function* limited(body: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<Uint8Array> {
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > maxBytes) throw tooLarge(maxBytes);
    yield chunk;
  }
}

function tooLarge(maxBytes: number): RequestRejected {
  return new RequestRejected(413, `Content must have at most ${maxBytes} bytes`);
}
