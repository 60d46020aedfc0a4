import { RequestRejected } from '../ports/http.ts';
import type { Body, HttpHandler, HttpRequest, HttpResponse, RequestContext } from '../ports/http.ts';
import { HeaderList } from './header-list.ts';

/**
 * A user's own code behind a route, on the web's interfaces (https://fetch.spec.whatwg.org/). What it throws is a bug of its own: 500 with an
 * incident id.
 */
export type WebHandler = (request: Request, context: RequestContext) => Response | Promise<Response>;

/** The same as core calls it. */
export function toHandler(handler: WebHandler): HttpHandler {
  return async (request, context) => fromResponse(await handler(toRequest(request, context.signal), context));
}

/**
 * The request as the web sees it: dot segments of the path are folded and repeated fields joined, as `Request` does.
 *
 * Content is streamed, and nothing of it is read before somebody asks.
 *
 * @throws {RequestRejected} 501 for CONNECT, TRACE and TRACK, which `Request` does not know; 400 for content on GET and HEAD, and for a host
 *   that no URL has
 */
export function toRequest(request: HttpRequest, signal?: AbortSignal): Request {
  const { method, scheme, target, body } = request;
  // Without a host (HTTP/1.0), the path's first segment would become one.
  const authority = request.authority === '' ? 'localhost' : request.authority;
  const url = `${scheme}://${authority}${target === '*' ? '/' : target}`;
  if (!URL.canParse(url)) throw new RequestRejected(400, 'The host is ill-formed');
  if (forbiddenMethods.has(method.toUpperCase())) throw new RequestRejected(501, 'This method is not implemented here');
  if (body !== undefined && (method === 'GET' || method === 'HEAD'))
    throw new RequestRejected(400, 'Content is not taken with this method');
  const flat = request.headers.flat();
  const headers = new Headers();
  for (let at = 0; at < flat.length; at += 2) headers.append(flat[at] ?? '', flat[at + 1] ?? '');
  const init: RequestInit & { readonly duplex?: 'half' } = {
    method,
    headers,
    redirect: 'manual',
    ...(signal && { signal }),
    ...(body !== undefined && { body: toWebBody(body), duplex: 'half' }),
  };
  return new Request(url, init);
}

const forbiddenMethods: ReadonlySet<string> = new Set(['CONNECT', 'TRACE', 'TRACK']);

function toWebBody(body: Exclude<Body, undefined>): BodyInit {
  if (typeof body === 'string') return body;
  if (body instanceof Uint8Array) return body as Uint8Array<ArrayBuffer>;
  const iterator = body[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await iterator.next();
        if (done === true) controller.close();
        else controller.enqueue(value);
      },
      async cancel() {
        await iterator.return?.();
      },
    },
    // Zero: nothing is read ahead of the handler.
    { highWaterMark: 0 },
  );
}

/**
 * A web response as core answers it; its content is streamed. `Set-Cookie` fields stay apart.
 *
 * @throws {TypeError} `Response.error()`, or one whose content was read already
 */
export function fromResponse(response: Response): HttpResponse {
  if (response.status === 0) throw new TypeError('A handler answered with Response.error()');
  if (response.bodyUsed) throw new TypeError('A handler answered with a response whose content was read already');
  // `fetch` has undone the content coding, and left what says so.
  const decoded = response.url !== '' && response.headers.has('content-encoding');
  const fields: string[] = [];
  response.headers.forEach((value, name) => {
    if (name === 'set-cookie' || (decoded && (name === 'content-encoding' || name === 'content-length'))) return;
    fields.push(name, value);
  });
  for (const cookie of response.headers.getSetCookie()) fields.push('set-cookie', cookie);
  return { status: response.status, headers: new HeaderList(fields), body: fromWebBody(response.body) };
}

function fromWebBody(body: ReadableStream<Uint8Array> | null): Body {
  if (body === null) return undefined;
  return {
    [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
      const reader = body.getReader();
      return {
        async next() {
          const { done, value } = await reader.read();
          return done ? { done, value: undefined } : { done: false, value };
        },
        async return() {
          await reader.cancel();
          return { done: true, value: undefined };
        },
      };
    },
  };
}
