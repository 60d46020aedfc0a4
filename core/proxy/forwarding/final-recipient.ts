import { HeaderList } from '../../http/header-list.ts';
import { problemResponse } from '../../http/problem.ts';
import type { HttpRequest, HttpResponse } from '../../ports/http.ts';

/**
 * The answer to TRACE or OPTIONS with `Max-Forwards: 0`, which go no further than us (RFC 9110 section 7.6.2); `undefined` for every other
 * request.
 *
 * TRACE is not reflected: what came is told to nobody who could not see it anyway.
 */
export function answerAsFinalRecipient({ method, headers }: HttpRequest): HttpResponse | undefined {
  if ((method !== 'OPTIONS' && method !== 'TRACE') || !/^0+$/.test(headers.get('max-forwards') ?? '')) return undefined;
  return method === 'OPTIONS'
    ? { status: 204, headers: new HeaderList(['allow', allowed]), body: undefined }
    : problemResponse({ status: 405, type: 'method-not-allowed', title: 'TRACE ends here' }, ['allow', allowed]);
}

const allowed = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS';
