import type { HttpRequest as FunctionsRequest, HttpResponseInit } from '@azure/functions';
import type { Body, HeaderFields, HttpEventCodec, HttpRequest } from '../../core/ports/index.ts';
import { parseSetCookie } from './set-cookie.ts';

/** What the codec knows beside the messages: who the platform says is calling. */
export interface FunctionsHttpCodec extends HttpEventCodec<FunctionsRequest, HttpResponseInit> {
  /** The peer's address, without port, as App Service attests it: it adds the right-most `x-forwarded-for`. */
  clientAddress(event: FunctionsRequest): string | undefined;
}

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
    const fields = headers.flat();
    const pairs: [string, string][] = [];
    for (let at = 0; at < fields.length; at += 2) {
      const name = fields[at] ?? '';
      // Of several `Set-Cookie` fields the library keeps the last: they go as cookies. One goes as it is, exactly.
      if (name !== 'set-cookie' || setCookies.length === 1) pairs.push([name, fields[at + 1] ?? '']);
    }
    return {
      status,
      headers: pairs,
      // As bytes: for text the library would add a content type.
      body: typeof body === 'string' ? Buffer.from(body) : body,
      ...(setCookies.length > 1 ? { cookies: setCookies.map(parseSetCookie) } : {}),
    };
  },

  clientAddress(event) {
    const forwardedFor = event.headers.get('x-forwarded-for');
    return forwardedFor === null ? undefined : withoutPort(forwardedFor.slice(forwardedFor.lastIndexOf(',') + 1).trim());
  },
};

class DecodedRequest implements HttpRequest {
  readonly method: string;
  readonly scheme: 'http' | 'https';
  readonly authority: string;
  readonly target: string;
  readonly headers: HeaderFields;
  readonly #event: FunctionsRequest;

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
    return this.#event.body ?? undefined;
  }
}

/** The library's `Headers`, read in place. They have joined repeated fields already. */
class WebHeaderFields implements HeaderFields {
  readonly #headers: Headers;
  #flat: readonly string[] | undefined;

  constructor(headers: Headers) {
    this.#headers = headers;
  }

  get(name: string): string | undefined {
    return this.#headers.get(name) ?? undefined;
  }

  getAll(name: string): readonly string[] {
    const value = this.#headers.get(name);
    return value === null ? [] : [value];
  }

  flat(): readonly string[] {
    return (this.#flat ??= [...this.#headers].flat());
  }
}

/** `192.0.2.1:443`, `[2001:db8::1]:443` and both without port; anything that is no address is none. */
function withoutPort(address: string): string | undefined {
  return /^(?:\[([\da-f:.]+)\]|(\d{1,3}(?:\.\d{1,3}){3}))(?::\d{1,5})?$|^([\da-f]*:[\da-f:.]+)$/i
    .exec(address)
    ?.slice(1)
    .find(Boolean);
}
