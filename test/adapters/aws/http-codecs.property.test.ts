import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { lambdaHttpCodecs } from '../../../adapters/aws/select-codec.ts';
import { selectCodec } from '../../../adapters/aws/select-codec.ts';
import { bodyBytes } from '../../../core/http/body.ts';
import { HeaderList } from '../../../core/http/header-list.ts';
import { albEvent, albMultiEvent, all, functionUrlEvent, httpV2Event, restEvent } from '../../support/aws/events.ts';
import type { WireRequest } from '../../support/aws/events.ts';
import { readResult } from '../../support/aws/results.ts';
import type { WireResponse } from '../../support/aws/results.ts';

const token = fc.stringMatching(/^[a-z][a-z0-9!#$%&'*+.^_`|~-]{0,12}$/);
const fieldValue = fc.stringMatching(/^([!-~]([ -~]{0,20}[!-~])?)?$/);
const escape = fc.integer({ min: 0, max: 255 }).map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`);
const utf8 = fc.string({ unit: 'binary', maxLength: 3 }).map((text) => encodeURIComponent(text.toWellFormed()));
const pchar = fc.stringMatching(/^[A-Za-z0-9._~!$&'()*+,;=:@-]{1,8}$/);
const segment = fc.array(fc.oneof(pchar, utf8), { maxLength: 4 }).map((parts) => parts.join(''));
const path = fc.array(segment, { maxLength: 5 }).map((segments) => `/${segments.join('/')}`);
const parameter = fc.tuple(
  fc.stringMatching(/^[a-z]{1,4}$/),
  fc.oneof(
    pchar.map((text) => text.replaceAll(/[&]/g, '')),
    utf8,
  ),
);
const query = fc.array(parameter, { maxLength: 5 });
const address = fc.oneof(fc.ipV4(), fc.ipV6());

/** Fields as clients send them; what the platforms treat apart is generated apart. */
const fields = fc
  .array(fc.tuple(token, fieldValue), { maxLength: 8 })
  .map((pairs) =>
    pairs.filter(([name]) => !['host', 'cookie', 'content-type', 'x-forwarded-for', 'x-forwarded-proto'].includes(name)),
  );
const content = fc.option(fc.uint8Array({ minLength: 1, maxLength: 64 }), { nil: undefined });

const request: fc.Arbitrary<WireRequest & { readonly query: readonly (readonly [string, string])[] }> = fc
  .record({
    method: fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD', 'PROPFIND'),
    path,
    query,
    fields,
    content,
    address,
  })
  .map((sent) => ({
    method: sent.method,
    scheme: 'https',
    authority: 'api.example.com',
    target: sent.path + (sent.query.length === 0 ? '' : `?${sent.query.map(([name, value]) => `${name}=${value}`).join('&')}`),
    headers: ['host', 'api.example.com', ...sent.fields.flat(), 'x-forwarded-for', sent.address, 'x-forwarded-proto', 'https'],
    body: sent.content,
    clientAddress: sent.address,
    query: sent.query,
  }));

/** What is left of repeated values, per source. */
type Join = (values: readonly string[]) => readonly string[];
const every: Join = (values) => values;
const joined: Join = (values) => [values.join(',')];
const last: Join = (values) => values.slice(-1);

const sources: readonly {
  readonly source: keyof typeof lambdaHttpCodecs;
  readonly event: (request: WireRequest) => unknown;
  readonly fields: Join;
  /** The target that can be known, of the sent path and query. */
  readonly target: (path: string, query: readonly (readonly [string, string])[]) => string;
}[] = [
  {
    source: 'aws-url',
    event: (sent) => functionUrlEvent({ ...sent, authority: 'x.lambda-url.eu-central-1.on.aws' }),
    fields: joined,
    target: exact,
  },
  { source: 'aws-http-v2', event: httpV2Event, fields: joined, target: (sent, pairs) => exact(recoded(sent), pairs) },
  {
    source: 'aws-rest',
    event: restEvent,
    fields: every,
    target: (sent, pairs) =>
      exact(
        sent,
        byName(pairs, every).map(([name, value]) => [name, decodedOnce(value)]),
      ),
  },
  { source: 'aws-alb', event: albEvent, fields: last, target: (sent, pairs) => exact(sent, byName(pairs, last)) },
  { source: 'aws-alb-multi', event: albMultiEvent, fields: every, target: (sent, pairs) => exact(sent, byName(pairs, every)) },
];

function exact(sent: string, pairs: readonly (readonly [string, string])[]): string {
  return sent + (pairs.length === 0 ? '' : `?${pairs.map(([name, value]) => `${name}=${value}`).join('&')}`);
}

function byName(pairs: readonly (readonly [string, string])[], join: Join): [string, string][] {
  const names = [...new Set(pairs.map(([name]) => name))];
  return names.flatMap((name) =>
    join(pairs.filter(([each]) => each === name).map(([, value]) => value)).map((value): [string, string] => [name, value]),
  );
}

/** A REST API decodes a value as a form, and it is escaped again. */
function decodedOnce(value: string): string {
  return encodeURIComponent(decodeURIComponent(value.replaceAll('+', ' ')));
}

/** An HTTP API decodes the path and cuts it at a question mark; what a path cannot hold is escaped again. */
function recoded(sent: string): string {
  const decoded = decodeURIComponent(sent).split('?')[0] ?? '';
  return decoded.replaceAll(/[^A-Za-z0-9._~!$&'()*+,;=:@/-]/gu, (character) =>
    // encodeURIComponent leaves nothing alone that is matched here.
    encodeURIComponent(character),
  );
}

describe.each(sources)('$source', ({ source, event, fields: join, target }) => {
  test('what a client sends is what core sees, but for what the platform loses', async () => {
    await fc.assert(
      fc.asyncProperty(request, async (sent) => {
        const happened: unknown = JSON.parse(JSON.stringify(event(sent)));
        const codec = selectCodec(happened);
        expect(codec.source).toBe(source);
        const seen = codec.decode(happened);
        expect(seen.method).toBe(sent.method);
        expect(seen.target).toBe(target(sent.target.split('?')[0] ?? '', sent.query));
        expect(codec.clientAddress(happened)).toBe(sent.clientAddress);
        expect(Buffer.from(await bodyBytes(seen.body))).toEqual(Buffer.from(sent.body ?? []));
        for (const [name, values] of Object.entries(all(sent.headers)))
          expect(seen.headers.getAll(name), name).toEqual(join(values));
        expect(Object.keys(all(seen.headers.flat())).toSorted()).toEqual(Object.keys(all(sent.headers)).toSorted());
      }),
      { numRuns: 300 },
    );
  });

  test('what core answers is what the client gets', async () => {
    const answer = fc.record({
      status: fc.integer({ min: 200, max: 599 }),
      fields: fc
        .array(fc.tuple(token, fieldValue), { maxLength: 8 })
        .map((pairs) => pairs.filter(([name]) => !['set-cookie', 'connection', 'upgrade'].includes(name))),
      cookies: fc.array(fieldValue, { maxLength: 6 }),
      body: fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.uint8Array(),
        fc.string().map((text) => Buffer.from(text)),
        fc.constant(undefined),
      ),
    });
    const happened: unknown = JSON.parse(JSON.stringify(event(plainGet)));
    await fc.assert(
      fc.asyncProperty(answer, async ({ status, fields: pairs, cookies, body }) => {
        const flat = [...pairs.flat(), ...cookies.flatMap((cookie) => ['set-cookie', cookie])];
        const result = await lambdaHttpCodecs[source].encode({ status, headers: new HeaderList(flat), body }, happened);
        const got: WireResponse = readResult(source, JSON.parse(JSON.stringify(result)));
        expect(got.status).toBe(status);
        expect(got.body).toEqual(Buffer.from(typeof body === 'string' ? body.toWellFormed() : (body ?? [])));
        const values = all(got.headers);
        expect(values['set-cookie'] ?? []).toEqual(cookies);
        for (const [name, sent] of Object.entries(all(pairs.flat()))) expect(values[name]?.join(', '), name).toBe(sent.join(', '));
        expect(Object.keys(values).toSorted()).toEqual(Object.keys(all(flat)).toSorted());
      }),
      { numRuns: 300 },
    );
  });
});

const plainGet: WireRequest = {
  method: 'GET',
  scheme: 'https',
  authority: 'api.example.com',
  target: '/',
  headers: ['host', 'api.example.com'],
  body: undefined,
  clientAddress: '203.0.113.9',
};

test('no text in an event makes a target that is not visible ASCII from a slash on', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), escape, (any, rest, escaped) => {
      for (const { source, event } of sources) {
        const odd = {
          ...(event(plainGet) as object),
          rawPath: `/${any}${escaped}`,
          path: `/${any}${escaped}`,
          rawQueryString: rest,
        };
        expect(lambdaHttpCodecs[source].decode(odd).target).toMatch(/^\/[!-~]*$/);
      }
    }),
    { numRuns: 300 },
  );
});
