import { subscribe } from 'node:diagnostics_channel';
import type { IncomingMessage, ServerResponse } from 'node:http';

const invocationField = 'x-ms-invocation-id';
/** The platform sends request and invocation apart: how long a request whose client is gone is kept for its invocation, in milliseconds. */
const forgottenMs = 60_000;
const responses = new Map<string, ServerResponse>();
let tracking = false;

/**
 * Keeps the response each invocation will be answered with. With streams on, the library runs an HTTP server of its own for the platform's
 * forwarded requests, and gives no access to it; Node tells of every request a server begins
 * (https://nodejs.org/docs/latest-v24.x/api/diagnostics_channel.html#http).
 *
 * With the response in hand we can do what the library cannot: see that the client is gone, wait for a slow one, break off an answer
 * that broke off behind us (it would hang), and send several `Set-Cookie` as they are.
 */
export function trackResponses(): void {
  if (tracking) return;
  tracking = true;
  subscribe('http.server.request.start', (message) => {
    const { request, response } = message as { request: IncomingMessage; response: ServerResponse };
    const invocationId = request.headers[invocationField];
    if (typeof invocationId !== 'string') return;
    responses.set(invocationId, response);
    response.once('close', () => {
      // The invocation may come after its client is gone, or be none of ours.
      if (responses.has(invocationId)) setTimeout(() => responses.delete(invocationId), forgottenMs).unref();
    });
  });
}

/** The response of an invocation that begins, once; `undefined` when Node did not tell of it. */
export function takeResponse(invocationId: string): ServerResponse | undefined {
  const response = responses.get(invocationId);
  responses.delete(invocationId);
  return response;
}

/** Aborts when the client goes away before it has the whole answer. */
export function clientGone(response: ServerResponse): AbortSignal {
  const gone = new AbortController();
  const onClose = (): void => {
    if (!response.writableFinished) gone.abort();
  };
  if (response.destroyed) onClose();
  else response.once('close', onClose);
  return gone.signal;
}

/**
 * The same content, at the client's pace: sends the head ahead, stops when the client is gone, and breaks the answer off when the content does.
 */
export async function* paced(body: AsyncIterable<Uint8Array>, response: ServerResponse): AsyncGenerator<Uint8Array> {
  try {
    // The library asks for content when it has set its fields, this one last; they would wait for the first chunk.
    // `flushHeaders` would write them as UTF-8, and they may hold any byte.
    if (response.hasHeader(invocationField)) response.write('', 'latin1');
    for await (const chunk of body) {
      yield chunk;
      if (response.writableNeedDrain) await drained(response);
      if (response.destroyed) return;
    }
  } catch (error) {
    // Content ends with its client: that is no failed invocation.
    if (response.destroyed) return;
    response.destroy();
    throw error;
  }
}

/** Until there is room again, or nobody reads any more. Leaves no listener behind: a long answer waits many times. */
function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const settle = (): void => {
      response.off('drain', settle).off('close', settle);
      resolve();
    };
    if (response.destroyed) resolve();
    else response.on('drain', settle).on('close', settle);
  });
}
