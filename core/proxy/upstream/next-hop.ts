import { HeaderList } from '../../http/header-list.ts';
import type { Body, HttpRequest } from '../../ports/http.ts';
import type { Target } from './target.ts';

/**
 * The request as one target gets it: its scheme and authority, its path in front, and the `host` field.
 *
 * @param host `upstream`: the target's own; `preserve`: as it is, or the client's authority; anything else is the value; `undefined`: `upstream` for
 *   https, `preserve` for http
 */
export function nextHop(request: HttpRequest, content: Body, { at }: Target, host: string | undefined): HttpRequest {
  const { scheme, authority, basePath } = at;
  const policy = host ?? (scheme === 'https' ? 'upstream' : 'preserve');
  const name = policy === 'upstream' ? authority : policy === 'preserve' ? undefined : policy;
  return {
    method: request.method,
    scheme,
    authority,
    target: basePath === '' || request.target === '*' ? request.target : basePath + request.target,
    headers: withHost(request, name),
    body: content,
    trailers: request.trailers,
  };
}

function withHost(request: HttpRequest, name: string | undefined): HttpRequest['headers'] {
  const fields = request.headers.flat();
  let at = 0;
  while (at < fields.length && fields[at] !== 'host') at += 2;
  if (at >= fields.length) {
    const value = name ?? request.authority;
    return value === '' ? request.headers : new HeaderList(['host', value, ...fields]);
  }
  const sent = fields[at + 1] ?? '';
  // Beside a target in absolute form the field says nothing (RFC 9112 section 3.2.2): the host that was routed by is the one that goes on.
  const wanted = name ?? (request.authority === '' || sent.toLowerCase() === request.authority ? sent : request.authority);
  if (sent === wanted) return request.headers;
  const edited = fields.slice();
  edited[at + 1] = wanted;
  return new HeaderList(edited);
}

/** Whether the request asks to switch protocols. */
export function asksUpgrade(request: HttpRequest): boolean {
  const fields = request.headers.flat();
  for (let at = 0; at < fields.length; at += 2) if (fields[at] === 'upgrade') return true;
  return false;
}
