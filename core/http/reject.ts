import type { HttpResponse, RequestRejected } from '../ports/http.ts';
import { problemResponse } from './problem.ts';

const titles: Readonly<Record<number, readonly [type: string, title: string]>> = {
  400: ['bad-request', 'Bad request'],
  408: ['request-timeout', 'The request took too long to arrive'],
  413: ['content-too-large', 'Content too large'],
  414: ['uri-too-long', 'URI too long'],
  501: ['not-implemented', 'Not implemented'],
  431: ['header-fields-too-large', 'Request header fields too large'],
};

/** The answer to an event that is no acceptable request. */
export function rejectedResponse(rejected: RequestRejected): HttpResponse {
  const [type, title] = titles[rejected.status] ?? ['bad-request', 'Bad request'];
  return problemResponse({ status: rejected.status, type, title, detail: rejected.detail });
}
