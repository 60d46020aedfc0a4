import type { Body, BodySink, PushBody } from '../ports/http.ts';

const nowhere: BodySink = { write: () => true, end: () => undefined, abort: () => undefined };

/** Frees what an unread body holds, usually a connection. Must not have been read yet. */
export function discardBody(body: Body): void {
  if (body === undefined || typeof body === 'string' || body instanceof Uint8Array) return;
  if (isPushBody(body)) {
    body.pushTo(nowhere).cancel();
    return;
  }
  // whatever goes wrong with what nobody wants is nobody's concern
  void body[Symbol.asyncIterator]()
    .return?.()
    .then(undefined, () => undefined);
}

export function isPushBody(body: AsyncIterable<Uint8Array>): body is PushBody {
  return 'pushTo' in body;
}
