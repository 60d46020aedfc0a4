import { isIP } from 'node:net';
import type { HttpRequest as FunctionsRequest, HttpResponseInit } from '@azure/functions';
import type { Body, HeaderFields, HttpEventCodec, HttpRequest } from '../../core/ports/index.ts';
import { parseSetCookie } from './set-cookie.ts';

/** What the codec knows beside the messages: who the platform says is calling. */
export interface FunctionsHttpCodec extends HttpEventCodec<FunctionsRequest, HttpResponseInit> {
  /**
   * The peer's address, without port, as App Service attests it: it adds the right-most `x-forwarded-for`.
   *
   * @param trustedHops how many proxies of one's own stand before App Service, Front Door for example; each adds the address that it was
   * called from to the right of the field; default 0
   */
  clientAddress(event: FunctionsRequest, trustedHops?: number): string | undefined;
}

/** The statuses whose content the library drops. */
const withoutContent: ReadonlySet<number> = new Set([204, 205, 304]);
/** RFC 9110 section 5.6.2: what a field's name is made of. */
const token = /^[\w!#$%&'*+.^`|~-]+$/;

/**
 * HTTP triggers of Azure Functions, model v4 of `@azure/functions`, streaming both ways.
 *
 * What the platform and its library lose before we see a request: dot segments of the path and a default port (the library's URL
 * parser), content of GET and HEAD, the borders between repeated fields. Of an answer: see `parseSetCookie`, for answers with more than
 * one `Set-Cookie`; hop-by-hop fields; content of 204, 205 and 304.
 */
export const functionsHttp: FunctionsHttpCodec = {
  source: 'azure',
  maxResponseBytes: undefined,

  matches(event): event is FunctionsRequest {
    const { method, url, headers, params } = (event ?? {}) as Partial<FunctionsRequest>;
    return (
      typeof method === 'string' && typeof url === 'string' && typeof headers?.get === 'function' && typeof params === 'object'
    );
  },

  decode: (event) => new DecodedRequest(event),

  encode({ status, headers, body }) {
    const setCookies = headers.getAll('set-cookie');
    // As bytes: for text the library would add a content type.
    const content = typeof body === 'string' ? Buffer.from(body) : body;
    const length = content instanceof Uint8Array && !withoutContent.has(status) ? content.length : undefined;
    const fields = headers.flat();
    const pairs: [string, string][] = [];
    for (let at = 0; at < fields.length; at += 2) {
      const name = fields[at] ?? '';
      // Of several `Set-Cookie` fields the library keeps the last: they go as cookies. One goes as it is, exactly.
      if (name === 'set-cookie' && setCookies.length > 1) continue;
      // announces what the platform does not carry, and Node refuses it beside a length
      if (name === 'trailer') continue;
      if (name !== 'content-length' || length === undefined) pairs.push([name, fields[at + 1] ?? '']);
    }
    if (length !== undefined) pairs.push(['content-length', String(length)]);
    const result: HttpResponseInit = { status, headers: pairs, body: content };
    if (setCookies.length > 1) result.cookies = setCookies.map(parseSetCookie);
    return result;
  },

  clientAddress(event, trustedHops = 0) {
    const hops = event.headers.get('x-forwarded-for')?.split(',') ?? [];
    return withoutPort(hops.at(-1 - trustedHops)?.trim() ?? '');
  },
};

class DecodedRequest implements HttpRequest {
  readonly method: string;
  readonly scheme: 'http' | 'https';
  readonly authority: string;
  readonly target: string;
  readonly headers: HeaderFields;
  readonly #event: FunctionsRequest;
  #body: Body;

  constructor(event: FunctionsRequest) {
    const { url } = event;
    const authority = url.indexOf('//') + 2;
    const target = url.indexOf('/', authority);
    const fragment = url.indexOf('#');
    this.method = event.method;
    this.scheme = url.startsWith('https:') ? 'https' : 'http';
    this.authority = url.slice(authority, target);
    this.target = fragment < 0 ? url.slice(target) : url.slice(target, fragment);
    this.headers = new WebHeaderFields(event.headers);
    this.#event = event;
  }

  get body(): Body {
    const { body } = this.#event;
    return (this.#body ??= body === null ? undefined : contentOf(body as ReadableStream<Uint8Array>));
  }
}

/**
 * The content of a request. Who stops reading does not cancel the library's stream, which would leave the rest unread in the connection, before
 * the next request on it: what nobody wants is read and forgotten.
 */
async function* contentOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader();
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
  } finally {
    // that the client is gone is nothing to a reader that is
    readAway(reader).catch(() => undefined);
  }
}

async function readAway(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  while (!(await reader.read()).done);
}

/** The library's `Headers`, read in place. They have joined repeated fields already. */
class WebHeaderFields implements HeaderFields {
  readonly #headers: Headers;
  #flat: readonly string[] | undefined;

  constructor(headers: Headers) {
    this.#headers = headers;
  }

  get(name: string): string | undefined {
    // `Headers` throw for what can be no name.
    return token.test(name) ? (this.#headers.get(name) ?? undefined) : undefined;
  }

  getAll(name: string): readonly string[] {
    const value = this.get(name);
    return value === undefined ? [] : [value];
  }

  flat(): readonly string[] {
    return (this.#flat ??= [...this.#headers].flat());
  }
}

/** `192.0.2.1:443`, `[2001:db8::1]:443` and both without port; what is no address is none. */
function withoutPort(host: string): string | undefined {
  const address = /^\[(.+)\](?::\d+)?$/.exec(host)?.[1] ?? /^([^:]+)(?::\d+)?$/.exec(host)?.[1] ?? host;
  return isIP(address) === 0 ? undefined : address;
}
