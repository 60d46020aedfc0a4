import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { startPortolan } from '../../support/portolan.ts';
import type { Answer, Call, Harness } from '../../support/portolan.ts';

/** What is wrong with each: sent to `POST /v1/sessions`; the answer's place of error. */
const badBodies: readonly (readonly [what: string, body: string | Uint8Array, pointer: string])[] = [
  ['nothing that is JSON', 'no json', ''],
  ['JSON cut short', '{"label":"x"', ''],
  ['JSON with a trailing comma', '{"label":"x",}', ''],
  ['JSON twice', '{}{}', ''],
  ['a number with a leading zero', '{"ttlSeconds":010}', ''],
  ['NaN', '{"ttlSeconds":NaN}', ''],
  ['a comment', '{/* */}', ''],
  ['a raw control character in a string', '{"label":"a\u0001b"}', ''],
  ['bytes that are no UTF-8', Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d), ''],
  ['UTF-16', new Uint8Array(Buffer.from('{}', 'utf16le')), ''],
  ['a list', '[]', ''],
  ['null', 'null', ''],
  ['a text', '"x"', ''],
  ['a number', '1', ''],
  ['an unknown member', '{"labell":"x"}', '/labell'],
  ['an unknown member with a slash', '{"a/b~c":"x"}', '/a~1b~0c'],
  ['a member of another call', '{"generation":1}', '/generation'],
  ['__proto__', '{"__proto__":{"label":"x"}}', '/__proto__'],
  ['constructor', '{"constructor":{"prototype":{}}}', '/constructor'],
  ['__proto__ in tags', '{"tags":{"__proto__":"x"}}', '/tags/__proto__'],
  ['a member named twice', '{"label":"a","label":"b"}', ''],
  ['a member named twice by an escape', '{"label":"a","\\u006cabel":"b"}', ''],
  ['nesting too deep', '['.repeat(10_000), ''],
  ['tags too deep', `{"tags":${'{"a":'.repeat(20)}1${'}'.repeat(20)}}`, ''],
  ['an id that is a number', '{"sessionId":1}', '/sessionId'],
  ['an id that is an object', '{"sessionId":{"$ne":null}}', '/sessionId'],
  ['an id that is null', '{"sessionId":null}', '/sessionId'],
  ['an empty id', '{"sessionId":""}', '/sessionId'],
  ['an id that would be a URL', '{"sessionId":"x@evil.example/"}', '/sessionId'],
  ['an id with a query', '{"sessionId":"a?b"}', '/sessionId'],
  ['an id with a fragment', '{"sessionId":"a#b"}', '/sessionId'],
  ['an id with a dot', '{"sessionId":"a.b"}', '/sessionId'],
  ['an id of dots', '{"sessionId":".."}', '/sessionId'],
  ['an id with percent-encoding', '{"sessionId":"a%2Fb"}', '/sessionId'],
  ['an id with a space', '{"sessionId":"a b"}', '/sessionId'],
  ['an id with a line break', '{"sessionId":"a\\r\\nb"}', '/sessionId'],
  ['an id with a trailing line feed', '{"sessionId":"a\\n"}', '/sessionId'],
  ['an id with NUL', '{"sessionId":"a\\u0000"}', '/sessionId'],
  ['an id beginning with a hyphen', '{"sessionId":"-a"}', '/sessionId'],
  ['an id in other letters', '{"sessionId":"ä"}', '/sessionId'],
  ['an id of 65 characters', `{"sessionId":"${'a'.repeat(65)}"}`, '/sessionId'],
  ['a label that is a list', '{"label":[]}', '/label'],
  ['a label over 256 characters', `{"label":"${'x'.repeat(257)}"}`, '/label'],
  ['a label with a control character', '{"label":"a\\u0007"}', '/label'],
  ['a label with a C1 control', '{"label":"a\\u009b2J"}', '/label'],
  ['a label with a line separator', '{"label":"a\\u2028"}', '/label'],
  ['tags that are a list', '{"tags":["a"]}', '/tags'],
  ['17 tags', JSON.stringify({ tags: Object.fromEntries(Array.from({ length: 17 }, (_, n) => [`t${n}`, ''])) }), '/tags'],
  ['a tag key of 64 characters', JSON.stringify({ tags: { ['k'.repeat(64)]: '' } }), `/tags/${'k'.repeat(64)}`],
  ['a tag key with a colon', '{"tags":{"a:b":"c"}}', '/tags/a:b'],
  ['an empty tag key', '{"tags":{"":"c"}}', '/tags/'],
  ['a tag value over 256', JSON.stringify({ tags: { a: 'v'.repeat(257) } }), '/tags/a'],
  ['a tag value that is a number', '{"tags":{"a":1}}', '/tags/a'],
  ['a tag value with a control character', '{"tags":{"a":"\\u001b[2J"}}', '/tags/a'],
  ['a pool that is none', '{"pool":"no-such"}', '/pool'],
  ['a pool of another form', '{"pool":"../x"}', '/pool'],
  ['a pool named like a method', '{"pool":"constructor"}', '/pool'],
  ['a lifetime of zero', '{"ttlSeconds":0}', '/ttlSeconds'],
  ['a lifetime below ten', '{"ttlSeconds":9}', '/ttlSeconds'],
  ['a negative lifetime', '{"ttlSeconds":-60}', '/ttlSeconds'],
  ['a broken lifetime', '{"ttlSeconds":60.5}', '/ttlSeconds'],
  ['a lifetime as text', '{"ttlSeconds":"60"}', '/ttlSeconds'],
  ['an infinite lifetime', '{"ttlSeconds":1e400}', '/ttlSeconds'],
  ['a lifetime of a year', '{"ttlSeconds":31536000}', '/ttlSeconds'],
  ['a country of three letters', '{"country":"USA"}', '/country'],
  ['a country with a separator', '{"country":"u-"}', '/country'],
  ['a region with a separator', '{"region":"a:b"}', '/region'],
  ['a city with a percent sign', '{"city":"%20"}', '/city'],
  ['an empty city', '{"city":""}', '/city'],
  ['a city of other letters', '{"city":"München"}', '/city'],
  ['a switch that is none', '{"onPeerLoss":"ignore"}', '/onPeerLoss'],
];

/** Bad calls apart from the body of a create. */
const badCalls: readonly (readonly [
  what: string,
  method: string,
  target: string,
  call: Call,
  status: number,
  place: object | undefined,
])[] = [
  ['an extend without content', 'POST', '/v1/sessions/a/extend', {}, 400, { pointer: '/ttlSeconds' }],
  ['an extend of nothing', 'POST', '/v1/sessions/a/extend', { body: {} }, 400, { pointer: '/ttlSeconds' }],
  ['an extend by text', 'POST', '/v1/sessions/a/extend', { body: { ttlSeconds: '60' } }, 400, { pointer: '/ttlSeconds' }],
  ['an extend with more', 'POST', '/v1/sessions/a/extend', { body: { ttlSeconds: 60, label: 'x' } }, 400, { pointer: '/label' }],
  ['a rotate of generation 0', 'POST', '/v1/sessions/a/rotate', { body: { generation: 0 } }, 400, { pointer: '/generation' }],
  [
    'a rotate of half a generation',
    'POST',
    '/v1/sessions/a/rotate',
    { body: { generation: 1.5 } },
    400,
    { pointer: '/generation' },
  ],
  [
    'a rotate of an unsafe generation',
    'POST',
    '/v1/sessions/a/rotate',
    { body: '{"generation":9007199254740993}' },
    400,
    { pointer: '/generation' },
  ],
  ['a path with an id that would be a URL', 'GET', '/v1/sessions/x@evil.example', {}, 400, { parameter: 'sessionId' }],
  ['a path with an encoded slash', 'GET', '/v1/sessions/a%2Fb', {}, 400, { parameter: 'sessionId' }],
  ['a path with dots', 'GET', '/v1/sessions/..', {}, 400, { parameter: 'sessionId' }],
  ['a path with encoded dots', 'DELETE', '/v1/sessions/%2e%2e', {}, 400, { parameter: 'sessionId' }],
  ['a path with a long id', 'GET', `/v1/sessions/${'a'.repeat(65)}`, {}, 400, { parameter: 'sessionId' }],
  ['a path with a very long id', 'GET', `/v1/sessions/${'a'.repeat(100_000)}`, {}, 400, { parameter: 'sessionId' }],
  ['a path with other letters', 'GET', '/v1/sessions/ä', {}, 400, { parameter: 'sessionId' }],
  ['a path with a line break', 'GET', '/v1/sessions/a\r\nx', {}, 400, { parameter: 'sessionId' }],
  ['a query where there is none', 'DELETE', '/v1/sessions/a?force=1', {}, 400, { parameter: 'force' }],
  ['an unknown query parameter', 'GET', '/v1/sessions/a?verbose=1', {}, 400, { parameter: 'verbose' }],
  ['credentials of another kind', 'GET', '/v1/sessions/a?credentials=all', {}, 400, { parameter: 'credentials' }],
  ['a query parameter twice', 'GET', '/v1/sessions/a?credentials=gateway&credentials=vendor', {}, 400, undefined],
  ['ill-formed percent-encoding', 'GET', '/v1/sessions/a?%zz', {}, 400, undefined],
  ['a forged cursor', 'GET', `/v1/sessions?cursor=a.${'A'.repeat(43)}`, {}, 400, { parameter: 'cursor' }],
  ['a cursor of other characters', 'GET', '/v1/sessions?cursor=%27--', {}, 400, { parameter: 'cursor' }],
];

const contentTypes = [
  'text/plain',
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=x',
  '',
  'json',
  'application/jsonp',
  'application/json; charset=utf-16',
  'text/json',
  'application/json;',
  'application/xml',
];

function expectRefused(answer: Answer, status: number, place: object | undefined): void {
  expect(answer.status, answer.text).toBe(status);
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
  expect(answer.json.type).toMatch(/^https:\/\/portolan\.dev\/problems\/[a-z-]+$/);
  if (place !== undefined) expect(answer.json.errors?.[0]).toMatchObject(place);
  for (const error of (answer.json.errors ?? []) as object[]) {
    expect(['pointer', 'parameter', 'header', 'detail'], 'documented members only').toEqual(
      expect.arrayContaining(Object.keys(error)),
    );
  }
  expect(answer.text).not.toMatch(/\\n\s+at |\.ts:|node:|Error:/);
}

/** The whole store, as it would answer. */
async function contents({ store }: Harness): Promise<unknown> {
  const partitions = [...new Set(store.sent.map(({ partition }) => partition))];
  return Promise.all(partitions.map(async (partition) => (await store.list(partition, { limit: 1_000 })).records));
}

describe('bad input', () => {
  it.each(badBodies)('a create with %s is 400 with a pointer, and nothing is written', async (_, body, pointer) => {
    const harness = startPortolan();
    const answer = await harness.call('POST', '/v1/sessions', { body });
    expectRefused(answer, 400, { pointer });
    expect(answer.json.type).toBe('https://portolan.dev/problems/invalid-request');
    expect(harness.store.calls).toEqual([]);
    expect('label' in {}).toBe(false);
  });

  it.each(badCalls)('%s is refused, and nothing is written', async (_, method, target, call, status, place) => {
    const harness = startPortolan();
    await harness.call('POST', '/v1/sessions', { body: { sessionId: 'a' } });
    const before = await contents(harness);
    const writes = harness.store.writes;
    expectRefused(await harness.call(method, target, call), status, place);
    expect(await contents(harness)).toEqual(before);
    expect(harness.store.writes).toBe(writes);
  });

  it.each(contentTypes)('content of type %j is 415 with what would be accepted', async (type) => {
    const { call, store } = startPortolan();
    for (const target of ['/v1/sessions', '/v1/sessions/a/extend', '/v1/sessions/a/rotate']) {
      const answer = await call('POST', target, { body: '{"ttlSeconds":60}', headers: { 'content-type': type } });
      expectRefused(answer, 415, undefined);
      expect(answer.headers.get('accept-post')).toBe('application/json');
    }
    expect(store.calls).toEqual([]);
  });

  it.each(['gzip', 'br', 'deflate, gzip', 'x'])('content with the coding %s is 415', async (coding) => {
    const { call, store } = startPortolan();
    expectRefused(await call('POST', '/v1/sessions', { body: '{}', headers: { 'content-encoding': coding } }), 415, undefined);
    expect(store.calls).toEqual([]);
  });

  it.each([
    'application/json',
    'application/json; charset=utf-8',
    'APPLICATION/JSON; charset="UTF-8"',
    'application/merge-patch+json',
    'application/json ; charset = utf-8',
  ])('content of type %s is taken', async (type) => {
    expect(
      (
        await startPortolan().call('POST', '/v1/sessions', {
          body: '{}',
          headers: { 'content-type': type, 'content-encoding': 'identity' },
        })
      ).status,
    ).toBe(201);
  });

  it('content over 16 KiB is 413, as text, bytes or a stream, whatever content-length says', async () => {
    const { call, store } = startPortolan();
    const padded = (size: number): string => `{${' '.repeat(size - 2)}}`;
    const stream = async function* (): AsyncGenerator<Uint8Array> {
      for (;;) yield new Uint8Array(1_024).fill(32);
    };
    for (const body of [
      padded(16_385),
      new TextEncoder().encode(padded(16_385)),
      stream(),
      padded(10_000_000),
      'é'.repeat(8_193),
    ]) {
      for (const length of [undefined, '1']) {
        const headers = length === undefined ? {} : { 'content-length': length };
        const answer = await call('POST', '/v1/sessions', {
          body: typeof body === 'object' && Symbol.asyncIterator in body ? stream() : body,
          headers,
        });
        expectRefused(answer, 413, undefined);
        expect(answer.json.type).toBe('https://portolan.dev/problems/content-too-large');
      }
    }
    expect(store.calls).toEqual([]);
    expect((await call('POST', '/v1/sessions', { body: padded(16_384) })).status).toBe(201);
  });

  it('content that breaks off is not taken for content', async () => {
    const { call, store } = startPortolan();
    const broken = async function* (): AsyncGenerator<Uint8Array> {
      yield new TextEncoder().encode('{"label":');
      throw new Error('c4n4ry connection reset');
    };
    const answer = await call('POST', '/v1/sessions', { body: broken() });
    expect(answer.status).toBe(500);
    expect(answer.text).not.toContain('c4n4ry');
    expect(store.writes).toBe(0);
  });

  it('an id such as a-country-us is legal, and never reaches the vendor’s grammar', async () => {
    for (const sessionId of ['a-country-us', 'x-zone-premium', 'session-1-lifetime-7d', 'a_session-hijack']) {
      const { call, store } = startPortolan();
      for (const pool of ['residential', 'webshare']) {
        const created = await call('POST', '/v1/sessions?credentials=vendor', {
          body: { sessionId: `${sessionId}-${pool}`, pool },
        });
        expect(created.status).toBe(201);
        const { username, password, host } = created.json.proxy as Record<string, string>;
        expect(`${username} ${password} ${host}`).not.toContain(sessionId);
        expect(`${username} ${password}`).not.toMatch(/country|zone|hijack/);
      }
      expect(
        store.sent
          .filter(({ partition }) => partition.startsWith('tokens.'))
          .map(({ id }) => id)
          .join(),
      ).toMatch(/^[a-z0-9,]+$/);
    }
  });

  it('changes no prototype, whatever was sent (R4)', async () => {
    const { call } = startPortolan();
    for (const [, body] of badBodies) await call('POST', '/v1/sessions', { body });
    expect(Object.keys(Object.prototype)).toEqual([]);
    expect(({} as Record<string, unknown>)['label']).toBeUndefined();
  });
});

describe('any request', () => {
  const token = fc.oneof(
    fc.constantFrom('sessionId', 'label', 'tags', 'ttlSeconds', 'pool', 'country', 'generation', '__proto__', 'onPeerLoss', 'city'),
    fc.string({ unit: 'binary', maxLength: 8 }),
  );
  const value = fc.oneof(
    fc.constantFrom<unknown>(
      'a',
      'residential',
      'webshare',
      60,
      10,
      86_400,
      'de',
      'fail',
      'rotate',
      1,
      2,
      null,
      {},
      [],
      { team: 'blue' },
      1e400,
      -1,
      '😀',
      '\u0000',
      'x@evil.example/',
    ),
    fc.jsonValue({ maxDepth: 3 }),
  );
  const json = fc.dictionary(token, value, { maxKeys: 4 }).map((object) => JSON.stringify(object));
  const body = fc.oneof(
    { weight: 6, arbitrary: json },
    {
      weight: 16,
      arbitrary: fc.constantFrom(
        '{"sessionId":"a"}',
        '{"sessionId":"b","pool":"residential"}',
        '{"ttlSeconds":60}',
        '{"generation":1}',
        '{}',
      ),
    },
    { weight: 1, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.string({ unit: 'binary' }) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 40 }) },
    { weight: 1, arbitrary: fc.tuple(json, fc.nat(40)).map(([text, at]) => text.slice(0, at)) },
  );
  const segment = fc.oneof(
    fc.constantFrom('a', 'b', 'extend', 'rotate', 'usage', '..', '%2F', 'x@evil.example', '{sessionId}', ''),
    fc.string({ unit: 'binary', maxLength: 6 }),
  );
  const query = fc.oneof(
    { weight: 10, arbitrary: fc.constant('') },
    fc.constantFrom(
      '?credentials=vendor',
      '?credentials=gateway',
      '?limit=1',
      '?limit=1&state=all',
      '?cursor=a.b',
      '?',
      '?&&',
      '?tag=team:blue',
      '?a=%',
    ),
    fc.string({ unit: 'binary', maxLength: 12 }).map((text) => `?${text}`),
  );
  /** Mostly calls there are, so that they get past the first check. */
  const line = fc
    .tuple(
      fc.oneof(
        {
          weight: 8,
          arbitrary: fc.constantFrom<readonly [method: string, path: string]>(
            ['POST', '/v1/sessions'],
            ['POST', '/v1/sessions'],
            ['GET', '/v1/sessions'],
            ['GET', '/v1/sessions/a'],
            ['DELETE', '/v1/sessions/a'],
            ['DELETE', '/v1/sessions/b'],
            ['POST', '/v1/sessions/a/extend'],
            ['POST', '/v1/sessions/a/rotate'],
            ['POST', '/v1/sessions/b/rotate'],
            ['GET', '/v1/sessions/a/usage'],
          ),
        },
        fc.tuple(
          fc.constantFrom('GET', 'POST', 'DELETE', 'HEAD', 'OPTIONS', 'PUT', 'get', ''),
          fc.oneof(
            fc.constantFrom('/healthz', '/readyz', '/v1/openapi.json', '/', '*', ''),
            fc.array(segment, { maxLength: 4 }).map((segments) => `/v1/sessions/${segments.join('/')}`),
          ),
        ),
      ),
      query,
    )
    .map(([[method, path], search]) => ({ method, target: path + search }));
  const headerValue = fc.oneof(
    fc.constantFrom('"1"', '"2"', '*', 'W/"1"', 'k1', 'k2', '', 'gzip', 'application/json', 'text/plain'),
    fc.string({ unit: 'binary', maxLength: 12 }),
  );
  const names = fc.constantFrom('if-match', 'idempotency-key', 'content-type', 'content-encoding', 'x-other', 'cookie');
  const headers = fc.oneof({ weight: 3, arbitrary: fc.constant({}) }, fc.dictionary(names, headerValue, { maxKeys: 2 }));
  const key = fc.constantFrom(
    'good',
    'good',
    'good',
    'good',
    'good',
    'good',
    'good',
    'reader',
    'stranger',
    'none',
    'wrong',
    'garbage',
  );
  const fault = fc.constantFrom(
    undefined,
    undefined,
    undefined,
    undefined,
    'unavailable',
    'deadline_exceeded',
    'permission_denied',
    'aborted',
    'lost',
  ) as fc.Arbitrary<undefined | 'unavailable' | 'deadline_exceeded' | 'permission_denied' | 'aborted' | 'lost'>;
  const step = fc.record({
    line,
    body,
    headers,
    key,
    fault,
    pass: fc.constantFrom(0, 0, 0, 1_000, 60_000, 3_600_000, -5_000),
  });

  it('gets a documented answer, never a 500, never an exception, and no secret leaks', async () => {
    const statuses = new Set<number>();
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
        const harness = startPortolan();
        const { clock, store, call, addKey } = harness;
        const keys: Record<string, string | null> = {
          good: harness.key,
          reader: (await addKey({ scopes: ['sessions:read'] })).key,
          stranger: (await addKey({ tenant: 'other' })).key,
          none: null,
          wrong: `${harness.key.slice(0, -1)}${harness.key.endsWith('A') ? 'B' : 'A'}`,
          garbage: 'x y',
        };
        await call('POST', '/v1/sessions', { body: { sessionId: 'a', ttlSeconds: 7_200 } });
        for (const one of steps) {
          clock.set(clock.now() + one.pass);
          let calls = 0;
          const { fault: code } = one;
          store.fault = () => {
            // The first call fails, or loses its answer; what comes after works, so that both ways out are taken.
            if (code === undefined || calls++ > 0) return undefined;
            return code === 'lost' ? { code: 'deadline_exceeded', applied: true } : { code };
          };
          const answer = await call(one.line.method, one.line.target, {
            key: keys[one.key] ?? null,
            body: one.body,
            headers: one.headers,
          });
          statuses.add(answer.status);
          expect(answer.status, answer.text).not.toBe(500);
          if (answer.status === 503) expect(code === 'permission_denied' || one.line.target.startsWith('/readyz')).toBe(true);
          if (answer.status >= 400) expect(answer.text).not.toMatch(/\\n\s+at |\.ts:|node:/);
        }
        for (const line of harness.lines) expect(() => JSON.parse(line) as unknown).not.toThrow();
        expect(harness.logged.filter(({ event }) => event === 'http.request')).toHaveLength(steps.length + 1);
        expect(harness.logged.filter(({ event }) => event === 'bug')).toEqual([]);
        harness.expectNoSecrets();
      }),
      { numRuns: 300 },
    );
    // It went deep, not only into the first check.
    for (const status of [200, 201, 204, 400, 401, 403, 404, 405, 409, 415, 503]) expect(statuses).toContain(status);
  });
});
