import { subscribe } from 'node:diagnostics_channel';
import type { IncomingMessage } from 'node:http';
import { RequestRejected } from '../../core/ports/index.ts';
import type { Body } from '../../core/ports/index.ts';

/** A request as it came in, before the framework had it. */
export interface SentRequest {
  readonly target: string;
  readonly hasContent: boolean;
}

const requests = new WeakMap<IncomingMessage, SentRequest>();
const contentFields = ['content-length', 'transfer-encoding'] as const;
let subscribed = false;

/**
 * From now on every request of this process's HTTP server reaches its handler as sent. Called once by a deployed function, before the framework
 * listens.
 *
 * Left to itself the Functions Framework reads all content before the function is asked, takes it out of its content coding, and
 * answers by itself what its parsers do not like: 400 to malformed JSON and 415 to a charset or coding it does not know, as HTML, with a stack trace unless
 * `NODE_ENV=production`; 400 to a path with a malformed escape; 404 to `/favicon.ico` and `/robots.txt` unless `IGNORED_ROUTES` is empty; and 404 to `OPTIONS *`. A
 * proxy must pass all of that on.
 *
 * So before the framework sees a request, on Node's channel for that moment (https://nodejs.org/api/diagnostics_channel.html#http), its target and the fields that
 * announce content are put aside: the framework finds a request for `/` without content and calls the function. `rawHeaders` stay as they
 * are, and the content stays unread in the message.
 */
export function receiveAsSent(): void {
  if (subscribed) return;
  subscribed = true;
  subscribe('http.server.request.start', (event) => {
    const { request } = event as { readonly request: IncomingMessage };
    requests.set(request, { target: request.url ?? '', hasContent: announcesContent(request) });
    request.url = '/';
    for (const name of contentFields) delete request.headers[name];
  });
}

/** The request as sent; `undefined` where `receiveAsSent` was not called before it came. */
export function sentRequest(message: IncomingMessage): SentRequest | undefined {
  return requests.get(message);
}

/** Whether a message says that content follows (RFC 9112 section 6). */
export function announcesContent({ headers }: IncomingMessage): boolean {
  return contentFields.some((name) => name in headers);
}

/** Content up to this is read at once, which saves it the cost of a stream. */
const bufferedBytes = 65_536;

/** The content as sent: none, bytes when it is short and says so, else a stream. */
export async function sentBody(message: IncomingMessage, rawHeaders: readonly string[]): Promise<Body> {
  const at = rawHeaders.findIndex((name, index) => index % 2 === 0 && name.toLowerCase() === 'content-length');
  const length = at < 0 ? undefined : Number(rawHeaders[at + 1]);
  if (length === 0) return undefined;
  const stream = contentOf(message);
  if (length === undefined || length > bufferedBytes) return stream;
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function* contentOf(message: IncomingMessage): AsyncGenerator<Uint8Array> {
  try {
    // A handler that stops reading must still be able to answer on this connection.
    yield* message.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>;
  } catch {
    throw new RequestRejected(400, 'Content ended early');
  } finally {
    // What nobody wants is read and forgotten: it stands before the next request on this connection.
    message.resume();
  }
}
