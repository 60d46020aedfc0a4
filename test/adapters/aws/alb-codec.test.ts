import { expect, test } from 'vitest';
import { albCodec, albMultiCodec } from '../../../adapters/aws/alb-codec.ts';
import type { AlbEvent, AlbMultiEvent } from '../../../adapters/aws/alb-codec.ts';
import { HeaderList } from '../../../core/http/header-list.ts';
import { readCorpusFile } from '../../corpus/format.ts';

const single = readCorpusFile('aws-alb').event as AlbEvent;
const multi = readCorpusFile('aws-alb-multi').event as AlbMultiEvent;
const cookies = (n: number): HeaderList => new HeaderList(Array.from({ length: n }, (_, at) => ['set-cookie', `c${at}=1`]).flat());

test('512 cookies go out of a load balancer without multi-value headers, each under a name of its own', async () => {
  const { statusCode, headers } = await albCodec.encode({ status: 200, headers: cookies(512), body: '' }, single);
  expect(statusCode).toBe(200);
  expect(new Set(Object.keys(headers).map((name) => name.toLowerCase()))).toEqual(new Set(['set-cookie']));
  expect(Object.values(headers)).toEqual(Array.from({ length: 512 }, (_, at) => `c${at}=1`));
});

test('one cookie more is a problem, not a lost cookie', async () => {
  const { statusCode, body } = await albCodec.encode({ status: 200, headers: cookies(513), body: '' }, single);
  expect(statusCode).toBe(500);
  expect(body).toContain('response-too-large');
});

test('with multi-value headers there is no such limit', async () => {
  const { multiValueHeaders } = await albMultiCodec.encode({ status: 200, headers: cookies(513), body: '' }, multi);
  expect(multiValueHeaders['set-cookie']).toHaveLength(513);
});

test('a result up to the megabyte is carried, one byte more is a problem', async () => {
  const size = async (length: number): Promise<number> => {
    const result = await albCodec.encode({ status: 200, headers: new HeaderList(), body: 'x'.repeat(length) }, single);
    return result.statusCode === 200 ? Buffer.byteLength(JSON.stringify(result)) : Number.NaN;
  };
  const frame = await size(0);
  expect(await size(1_048_576 - frame)).toBe(1_048_576);
  expect(await size(1_048_577 - frame)).toBeNaN();
});

test('text that JSON would blow up goes as base64 when that fits', async () => {
  const body = '\u0000'.repeat(500_000);
  const result = await albCodec.encode({ status: 200, headers: new HeaderList(), body }, single);
  expect(result).toMatchObject({ statusCode: 200, isBase64Encoded: true, body: Buffer.from(body).toString('base64') });
});

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['10.0.0.1, 192.0.2.1', '192.0.2.1'],
  ['192.0.2.1:4711', '192.0.2.1'],
  ['10.0.0.1, [2001:db8::1]:4711', '2001:db8::1'],
  ['2001:db8::1', '2001:db8::1'],
  ['10.0.0.1, unknown', undefined],
  ['<b>', undefined],
  ['', undefined],
])('who asks is the last address of X-Forwarded-For, and nothing else: %j', (forwardedFor, address) => {
  expect(albCodec.clientAddress({ ...single, headers: { 'x-forwarded-for': forwardedFor } })).toBe(address);
  expect(albMultiCodec.clientAddress({ ...multi, multiValueHeaders: { 'x-forwarded-for': ['10.9.9.9', forwardedFor] } })).toBe(
    address,
  );
});
