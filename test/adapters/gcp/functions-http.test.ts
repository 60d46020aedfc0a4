import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { functionsHttp } from '../../../adapters/gcp/functions-http.ts';
import type { FunctionEvent, FunctionResult } from '../../../adapters/gcp/functions-http.ts';
import { bodyBytes } from '../../../core/http/body.ts';
import { HeaderList } from '../../../core/http/header-list.ts';
import type { HttpResponse } from '../../../core/ports/index.ts';
import { testHttpEventCodec } from '../../conformance/http-codec.ts';
import { readCorpusFile } from '../../corpus/format.ts';
import { gcpCorpusText } from '../../corpus/generate-gcp.ts';
import type { SentEvent } from '../../support/gcp/function-event.ts';

const codec = functionsHttp();

testHttpEventCodec({
  name: 'Google Cloud Functions',
  codec,
  corpus: readCorpusFile('gcp'),
  clientAddress: (event) => codec.clientAddress(event),
  status: ({ statusCode }) => statusCode,
  toEvent: (json) => {
    const { content, rawBody, ...event } = json as SentEvent & { readonly rawBody?: string };
    return {
      ...event,
      ...(content === undefined ? {} : { sentBody: Buffer.from(content, 'base64') }),
      ...(rawBody === undefined ? {} : { rawBody: Buffer.from(rawBody, 'base64') }),
    };
  },
  toComparable: comparable,
  skips: {
    'an answer over the platform’s limit is a 500, streamed or not, and its stream is not read to the end':
      'a streamed answer has gone out before its length is known; the whole ones are tested in functions-http.test.ts',
  },
});

/** A streamed result says its length by its chunks: here it is written down as that of a whole one. */
async function comparable({ statusCode, rawHeaders, body }: FunctionResult): Promise<unknown> {
  const bytes = Buffer.from(await bodyBytes(body));
  const isStream = typeof body === 'object' && !(body instanceof Uint8Array);
  return {
    statusCode,
    rawHeaders: isStream ? [...rawHeaders, 'content-length', String(bytes.length)] : rawHeaders,
    body: bytes.toString('base64'),
  };
}

const get: FunctionEvent = { method: 'GET', originalUrl: '/', rawHeaders: ['Host', 'x'] };
const head: FunctionEvent = { ...get, method: 'HEAD' };
const answer = (body: HttpResponse['body'], ...headers: readonly [string, string][]): HttpResponse => ({
  status: 200,
  headers: HeaderList.of(...headers),
  body,
});

test('gcp.json is what the generator writes', async () => {
  expect(readFileSync(new URL('../../corpus/gcp.json', import.meta.url), 'utf8')).toBe(await gcpCorpusText());
});

test('behind a front door that signs its calls Authorization is the caller’s, or nobody’s', () => {
  const signed = functionsHttp({ forwardedAuthorization: true });
  const fieldsOf = (...fields: readonly string[]): readonly string[] =>
    signed.decode({ ...get, rawHeaders: ['Host', 'x', 'Authorization', 'Bearer google', ...fields] }).headers.flat();
  expect(fieldsOf('X-Forwarded-Authorization', 'Bearer caller')).toEqual(['host', 'x', 'authorization', 'Bearer caller']);
  expect(fieldsOf('A', 'b')).toEqual(['host', 'x', 'a', 'b']);
});

test('where nobody signs, what a client writes stays as it is', () => {
  const fields = ['host', 'x', 'authorization', 'Bearer a', 'x-forwarded-authorization', 'Bearer b'];
  expect(codec.decode({ ...get, rawHeaders: fields }).headers.flat()).toEqual(fields);
});

test('a whole answer over 32 MiB is a 500, also to HEAD', async () => {
  const tooLong = new Uint8Array(33_554_433);
  expect(await codec.encode(answer(tooLong), get)).toMatchObject({
    statusCode: 500,
    body: expect.stringContaining('response-too-large'),
  });
  expect(await codec.encode(answer(tooLong), head)).toMatchObject({ statusCode: 500, body: undefined });
});

test('an answer to HEAD has no content, its length is that of the content, or the one it says', async () => {
  expect(await codec.encode(answer('four'), head)).toEqual({
    statusCode: 200,
    rawHeaders: ['content-length', '4'],
    body: undefined,
  });
  expect(await codec.encode(answer(undefined, ['content-length', '42']), head)).toEqual({
    statusCode: 200,
    rawHeaders: ['content-length', '42'],
    body: undefined,
  });
});

test('a stream that says its length keeps saying it', async () => {
  const stream = (async function* () {
    yield Buffer.from('four');
  })();
  expect(await codec.encode(answer(stream, ['content-length', '4']), get)).toMatchObject({ rawHeaders: ['content-length', '4'] });
});

test.each([
  ['two Host fields', { ...get, rawHeaders: ['Host', 'a', 'host', 'b'] }],
  ['no Host', { ...get, rawHeaders: [] }],
  ['userinfo in Host', { ...get, rawHeaders: ['Host', 'a@b'] }],
  ['a list in Host', { ...get, rawHeaders: ['Host', 'a,b'] }],
  ['a fragment', { ...get, originalUrl: '/a#b' }],
  ['a space', { ...get, originalUrl: '/a b' }],
  ['a control character', { ...get, originalUrl: '/a\u0001' }],
  ['beyond ASCII', { ...get, originalUrl: '/é' }],
  ['no slash', { ...get, originalUrl: 'a' }],
  ['an asterisk to GET', { ...get, originalUrl: '*' }],
  ['an absolute target without a host', { ...get, originalUrl: 'http:///a' }],
  ['another scheme', { ...get, originalUrl: 'ftp://a/' }],
])('a request with %s is refused with 400', (_, event) => {
  expect(() => codec.decode(event)).toThrow(expect.objectContaining({ name: 'RequestRejected', status: 400 }));
});

test('proxies of our own before the front end are skipped', () => {
  const event = { ...get, rawHeaders: ['Host', 'x', 'X-Forwarded-For', '6.6.6.6, 203.0.113.9, 35.191.0.1'] };
  expect(functionsHttp({ trustedHops: 1 }).clientAddress(event)).toBe('203.0.113.9');
  expect(functionsHttp({ trustedHops: 3 }).clientAddress(event)).toBeUndefined();
});
