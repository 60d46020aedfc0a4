import { describe, expect, it } from 'vitest';
import { problemResponse } from '../../../core/http/problem.ts';
import { rejectedResponse } from '../../../core/http/reject.ts';
import { RequestRejected } from '../../../core/ports/index.ts';

describe('a problem response', () => {
  it('has the form of RFC 9457, is not cached and not sniffed', () => {
    const response = problemResponse({ status: 418, type: 'teapot', title: 'A teapot', extensions: { short: true } }, ['x-a', 'b']);
    expect(response.status).toBe(418);
    expect(JSON.parse(response.body as string)).toEqual({
      type: 'https://portolan.dev/problems/teapot',
      title: 'A teapot',
      status: 418,
      short: true,
    });
    expect(response.headers.flat()).toEqual([
      'content-type',
      'application/problem+json',
      'cache-control',
      'no-store',
      'x-content-type-options',
      'nosniff',
      'x-a',
      'b',
    ]);
  });

  it.each([
    [400, 'bad-request'],
    [413, 'content-too-large'],
    [414, 'uri-too-long'],
    [431, 'header-fields-too-large'],
    [408, 'request-timeout'],
    [501, 'not-implemented'],
    [402, 'bad-request'],
  ])('for a rejected event of status %i has a type', (status, type) => {
    const response = rejectedResponse(new RequestRejected(status, 'Why'));
    expect(response.status).toBe(status);
    expect(JSON.parse(response.body as string)).toMatchObject({
      type: `https://portolan.dev/problems/${type}`,
      status,
      detail: 'Why',
    });
  });
});
