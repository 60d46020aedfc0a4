import { describe, expect, it } from 'vitest';
import { routes } from '../../../core/control/routes.ts';
import { addUsage } from '../../../core/session/usage.ts';
import { scopes } from '../../../core/auth/api-key.ts';
import { startPortolan } from '../../support/portolan.ts';
import type { Answer, Harness } from '../../support/portolan.ts';

const start = Date.UTC(2026, 0, 1);
const hour = 3_600_000;

const problem = (type: string): string => `https://portolan.dev/problems/${type}`;

function expectProblem(answer: Answer, status: number, type: string): void {
  expect([answer.status, answer.json?.type], answer.text).toEqual([status, problem(type)]);
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
  expect(answer.headers.get('cache-control')).toBe('no-store');
  expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
}

async function withSession(body: object = { sessionId: 'a' }): Promise<Harness> {
  const harness = startPortolan();
  expect((await harness.call('POST', '/v1/sessions', { body })).status).toBe(201);
  return harness;
}

describe('POST /v1/sessions', () => {
  it('answers 201 with Location, a strong ETag, no-store, nosniff and the session', async () => {
    const { call } = startPortolan();
    const body = {
      sessionId: 'a',
      label: 'Café',
      tags: { team: 'blue' },
      pool: 'residential',
      ttlSeconds: 600,
      country: 'de',
      onPeerLoss: 'fail',
    };
    const answer = await call('POST', '/v1/sessions', { body });
    expect(answer.status).toBe(201);
    expect(answer.headers.get('location')).toBe('/v1/sessions/a');
    expect(answer.headers.get('etag')).toBe('"1"');
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    expect(answer.headers.get('content-type')).toBe('application/json');
    expect(answer.json).toEqual({
      sessionId: 'a',
      state: 'active',
      pool: 'residential',
      vendor: 'iproyal',
      label: 'Café',
      tags: { team: 'blue' },
      country: 'de',
      region: null,
      city: null,
      createdAt: '2026-01-01T00:00:00.000Z',
      expiresAt: '2026-01-01T00:10:00.000Z',
      effectiveUntil: '2026-01-01T00:10:00.000Z',
      idleTimeoutSeconds: null,
      ttlKind: 'fixed',
      guarantee: 'fail-closed',
      generation: 1,
      proxyUrl: expect.stringMatching(/^http:\/\/session:pts_[^@]+@127\.0\.0\.1:8788$/) as unknown,
      proxy: {
        scheme: 'http',
        host: '127.0.0.1',
        port: 8788,
        username: 'session',
        password: expect.stringMatching(/^pts_/) as unknown,
      },
    });
  });

  it.each([undefined, '', '{}', ' {} '])('without content, or with %j, makes a session of all defaults', async (body) => {
    const { call } = startPortolan();
    const { status, json } = await call('POST', '/v1/sessions', { body });
    expect(status).toBe(201);
    expect(json).toMatchObject({ pool: 'default', vendor: 'direct', expiresAt: '2026-01-01T00:30:00.000Z', tags: {}, label: null });
  });

  it('makes an id of 128 random bits when none is given, never twice the same', async () => {
    const { call } = startPortolan();
    const ids = new Set<string>();
    for (let n = 0; n < 100; n++) ids.add((await call('POST', '/v1/sessions')).json.sessionId as string);
    expect(ids.size).toBe(100);
    for (const id of ids) expect(id).toMatch(/^ses_[A-Za-z0-9_-]{22}$/);
  });

  it('refuses an id that is taken, says where, and changes nothing', async () => {
    const { call, store } = await withSession({ sessionId: 'a', label: 'mine' });
    const before = store.sent.length;
    const answer = await call('POST', '/v1/sessions', { body: { sessionId: 'a', label: 'yours' } });
    expectProblem(answer, 409, 'session-id-taken');
    expect(answer.headers.get('location')).toBe('/v1/sessions/a');
    expect(answer.json.errors).toEqual([{ pointer: '/sessionId', detail: 'is taken' }]);
    expect(store.sent.length).toBe(before);
    expect((await call('GET', '/v1/sessions/a')).json.label).toBe('mine');
  });

  it('gives one id to exactly one of 50 callers at the same time', async () => {
    const { call } = startPortolan();
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, n) => call('POST', '/v1/sessions', { body: { sessionId: 'a', label: `n${n}` } })),
    );
    expect(answers.map(({ status }) => status).toSorted()).toEqual([201, ...Array.from({ length: 49 }, () => 409)]);
    const won = answers.find(({ status }) => status === 201);
    expect((await call('GET', '/v1/sessions/a')).json.label).toBe(won?.json.label);
  });

  it('gives the same id to each tenant for itself', async () => {
    const { call, addKey } = await withSession();
    const { key } = await addKey({ tenant: 'other' });
    expect((await call('POST', '/v1/sessions', { key, body: { sessionId: 'a' } })).status).toBe(201);
  });

  it('takes an id again once it has expired, with the generation going on', async () => {
    const { call, clock } = await withSession({ sessionId: 'a', ttlSeconds: 60 });
    await call('POST', '/v1/sessions/a/rotate');
    clock.set(start + 59_999);
    expectProblem(await call('POST', '/v1/sessions', { body: { sessionId: 'a' } }), 409, 'session-id-taken');
    await clock.advance(1);
    const again = await call('POST', '/v1/sessions', { body: { sessionId: 'a' } });
    expect([again.status, again.json.generation, again.headers.get('etag')]).toEqual([201, 3, '"3"']);
  });

  it('gives an expired id to exactly one of 50 callers', async () => {
    const { call, clock } = await withSession({ sessionId: 'a', ttlSeconds: 60 });
    await clock.advance(60_000);
    const answers = await Promise.all(Array.from({ length: 50 }, () => call('POST', '/v1/sessions', { body: { sessionId: 'a' } })));
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(49);
  });

  it('does not take a retired id, until its tombstone is gone', async () => {
    const { call, clock } = await withSession({ sessionId: 'a', ttlSeconds: 60 });
    await call('DELETE', '/v1/sessions/a');
    expectProblem(await call('POST', '/v1/sessions', { body: { sessionId: 'a' } }), 409, 'session-id-retired');
    clock.set(start + 60_000 + hour - 1);
    expectProblem(await call('POST', '/v1/sessions', { body: { sessionId: 'a' } }), 409, 'session-id-retired');
    await clock.advance(1);
    expect((await call('POST', '/v1/sessions', { body: { sessionId: 'a' } })).status).toBe(201);
  });

  it('makes text of one normal form', async () => {
    const { call } = startPortolan();
    const { json } = await call('POST', '/v1/sessions', { body: { label: 'Cafe\u0301', tags: { x: 'e\u0301' } } });
    expect([json.label, json.tags.x]).toEqual(['Café', 'é']);
  });

  it.each([
    [{ pool: 'nope' }, '/pool'],
    [{ country: 'de' }, '/country'],
    [{ pool: 'residential', country: 'XX' }, '/country'],
    [{ pool: 'residential', city: 'Berlin' }, '/country'],
    [{ pool: 'residential', country: 'de', region: 'Bavaria' }, '/region'],
    [{ pool: 'webshare', onPeerLoss: 'fail' }, '/onPeerLoss'],
    [{ ttlSeconds: 86_401 }, '/ttlSeconds'],
  ])('refuses what the pool or its vendor cannot do, never something else silently: %j', async (body, pointer) => {
    const { call, store } = startPortolan();
    const answer = await call('POST', '/v1/sessions', { body });
    expectProblem(answer, 400, 'invalid-request');
    expect(answer.json.errors[0].pointer).toBe(pointer);
    expect(store.calls).toEqual([]);
  });

  it('refuses an unverified vendor with its confidence, until the pool wants it', async () => {
    const { builtInTemplates } = await import('../../../core/session/vendors/catalogue.ts');
    const unsure = { ...builtInTemplates['iproyal'], confidence: 'unsure' } as NonNullable<(typeof builtInTemplates)[string]>;
    const set = (allowUnverified: boolean) => ({
      configuration: {
        pools: { default: { vendor: 'mine', secret: 'iproyal', account: { username: 'u' }, allowUnverified } },
        vendors: { mine: unsure },
      },
    });
    const answer = await startPortolan(set(false)).call('POST', '/v1/sessions');
    expectProblem(answer, 422, 'vendor-unverified');
    expect(answer.json).toMatchObject({ vendor: 'mine', confidence: 'unsure' });
    expect((await startPortolan(set(true)).call('POST', '/v1/sessions')).status).toBe(201);
  });
});

describe('Idempotency-Key', () => {
  const headers = { 'idempotency-key': 'k-1' };

  it('answers a repetition with the session that was made, and makes no other', async () => {
    const { call } = startPortolan();
    const first = await call('POST', '/v1/sessions', { headers, body: { label: 'x', tags: { a: '1', b: '2' } } });
    const again = await call('POST', '/v1/sessions', { headers, body: { tags: { b: '2', a: '1' }, label: 'x' } });
    expect([first.status, again.status]).toEqual([201, 201]);
    expect(again.json).toEqual(first.json);
    expect(again.headers.flat()).toEqual(first.headers.flat());
    expect((await call('GET', '/v1/sessions')).json.sessions).toHaveLength(1);
  });

  it('makes one session for 100 callers at the same time (S1)', async () => {
    const { call } = startPortolan();
    const answers = await Promise.all(Array.from({ length: 100 }, () => call('POST', '/v1/sessions', { headers })));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
    expect(new Set(answers.map(({ json }) => json.sessionId)).size).toBe(1);
    expect((await call('GET', '/v1/sessions')).json.sessions).toHaveLength(1);
  });

  it('refuses the key with another body, and remembers the first (S4)', async () => {
    const { call, store } = startPortolan();
    await call('POST', '/v1/sessions', { headers, body: { label: 'x' } });
    const before = store.calls.filter((name) => name === 'replace').length;
    const answer = await call('POST', '/v1/sessions', { headers, body: { label: 'y' } });
    expectProblem(answer, 422, 'idempotency-key-reused');
    expect(answer.json.errors).toEqual([{ header: 'idempotency-key', detail: 'was used with another body' }]);
    expect(store.calls.filter((name) => name === 'replace').length).toBe(before);
    expect((await call('POST', '/v1/sessions', { headers, body: { label: 'x' } })).status).toBe(201);
  });

  it('is each tenant’s own (S4)', async () => {
    const { call, addKey } = startPortolan();
    const { key } = await addKey({ tenant: 'other' });
    const first = await call('POST', '/v1/sessions', { headers, body: { label: 'x' } });
    const other = await call('POST', '/v1/sessions', { headers, key, body: { label: 'y' } });
    expect(other.status).toBe(201);
    expect(other.json.sessionId).not.toBe(first.json.sessionId);
  });

  it('after a deletion or an expiry answers 410, and never makes the session a second time', async () => {
    const { call, clock } = startPortolan();
    const body = { sessionId: 'a', ttlSeconds: 60 };
    await call('POST', '/v1/sessions', { headers, body });
    await call('DELETE', '/v1/sessions/a');
    expectProblem(await call('POST', '/v1/sessions', { headers, body }), 410, 'session-gone');
    const headers2 = { 'idempotency-key': 'k-2' };
    await call('POST', '/v1/sessions', { headers: headers2, body: { ttlSeconds: 60 } });
    await clock.advance(23 * hour);
    expectProblem(await call('POST', '/v1/sessions', { headers: headers2, body: { ttlSeconds: 60 } }), 410, 'session-gone');
    expectProblem(await call('POST', '/v1/sessions', { headers, body }), 410, 'session-gone');
  });

  it('answers 410 also when the id was used again meanwhile, never the other session', async () => {
    const { call, clock } = startPortolan();
    const body = { sessionId: 'a', ttlSeconds: 60 };
    await call('POST', '/v1/sessions', { headers, body });
    await clock.advance(60_000);
    await call('POST', '/v1/sessions', { body });
    await clock.advance(60_000);
    expectProblem(await call('POST', '/v1/sessions', { headers, body }), 410, 'session-gone');
  });

  it('is forgotten after 24 hours', async () => {
    const { call, clock } = startPortolan();
    const first = await call('POST', '/v1/sessions', { headers, body: { ttlSeconds: 60 } });
    await clock.advance(24 * hour);
    const next = await call('POST', '/v1/sessions', { headers, body: { label: 'y' } });
    expect(next.status).toBe(201);
    expect(next.json.sessionId).not.toBe(first.json.sessionId);
  });

  it('is not used up by an id that was used again without a key: the first session is never made a second time', async () => {
    const { call, clock } = startPortolan();
    await call('POST', '/v1/sessions', { headers, body: { sessionId: 'a', ttlSeconds: 10 } });
    await clock.advance(11_000);
    expect((await call('POST', '/v1/sessions', { body: { sessionId: 'a', ttlSeconds: 10 } })).status).toBe(201);
    for (const wait of [2 * hour, 20 * hour]) {
      await clock.advance(wait);
      const answer = await call('POST', '/v1/sessions', { headers, body: { sessionId: 'a', ttlSeconds: 10 } });
      expectProblem(answer, 410, 'session-gone');
    }
  });

  it('leaves the session’s record longer than its claim, so that no repetition finds the one without the other', async () => {
    const { call, store } = startPortolan();
    await call('POST', '/v1/sessions', { headers, body: { sessionId: 'a', ttlSeconds: 10 } });
    const until = (partition: string): number => store.sent.find((record) => record.partition === partition)?.expiresAt ?? 0;
    expect(until('sessions.acme') - until('idempotency.acme')).toBe(60_000);
  });

  it('whose claim is damaged is a 503 with data_loss, never a second session', async () => {
    const { durable } = await import('../../../core/storage/durable.ts');
    const { nodeCrypto } = await import('../../../adapters/node/node-crypto.ts');
    for (const value of ['', 'no json', '{}', 'null', '[]', '"x"']) {
      const { call, store, clock } = startPortolan();
      const id = nodeCrypto.sha256('k-1');
      await durable(store, { clock, crypto: nodeCrypto }).create({ partition: 'idempotency.acme', id, value });
      const answer = await call('POST', '/v1/sessions', { headers });
      expect([answer.status, answer.json.code]).toEqual([503, 'data_loss']);
    }
  });

  it('answers a repetition with what the session has become', async () => {
    const { call } = startPortolan();
    await call('POST', '/v1/sessions', { headers, body: { sessionId: 'a' } });
    await call('POST', '/v1/sessions/a/rotate');
    expect((await call('POST', '/v1/sessions', { headers, body: { sessionId: 'a' } })).json.generation).toBe(2);
  });

  it('makes exactly one session whichever answer of the store is lost, and the caller repeats', async () => {
    for (let lost = 0; lost < 12; lost++) {
      const { call, store } = startPortolan();
      let n = 0;
      // Every attempt from the n-th write on loses its answer until core gives up; then the caller comes again.
      store.fault = (operation) => (operation !== 'get' && n++ === lost ? { code: 'deadline_exceeded', applied: true } : undefined);
      const first = await call('POST', '/v1/sessions', { headers, body: { label: 'x' } });
      const again = await call('POST', '/v1/sessions', { headers, body: { label: 'x' } });
      expect([first.status, again.status]).toEqual([201, 201]);
      expect(again.json.sessionId).toBe(first.json.sessionId);
      store.fault = () => undefined;
      expect((await call('GET', '/v1/sessions')).json.sessions).toHaveLength(1);
    }
  });

  it('stays good after a 503, whatever had been written by then (S2, S3)', async () => {
    for (const body of [{ label: 'x' }, { sessionId: 'a', label: 'x' }]) {
      for (let from = 0; from < 6; from++) {
        const { call, store } = startPortolan();
        let n = 0;
        store.fault = () => (n++ >= from ? { code: 'unavailable', applied: true } : undefined);
        const first = await call('POST', '/v1/sessions', { headers, body });
        store.fault = () => undefined;
        const again = await call('POST', '/v1/sessions', { headers, body });
        expect([first.status, again.status], `from call ${from}`).toEqual([from < 6 && first.status === 201 ? 201 : 503, 201]);
        expect((await call('GET', '/v1/sessions')).json.sessions).toHaveLength(1);
      }
    }
  });

  it('that was claimed for an expired id before a 503 can still be repeated', async () => {
    const { call, clock, store } = await withSession({ sessionId: 'a', ttlSeconds: 60 });
    await clock.advance(60_000);
    store.fault = (operation) => (operation === 'replace' ? { code: 'unavailable' } : undefined);
    expectProblem(await call('POST', '/v1/sessions', { headers, body: { sessionId: 'a' } }), 503, 'service-unavailable');
    store.fault = () => undefined;
    expect((await call('POST', '/v1/sessions', { headers, body: { sessionId: 'a' } })).status).toBe(201);
  });

  it('that was claimed while the id was taken can be repeated when it is free', async () => {
    const { call, clock } = await withSession({ sessionId: 'a', ttlSeconds: 60 });
    expectProblem(await call('POST', '/v1/sessions', { headers, body: { sessionId: 'a' } }), 409, 'session-id-taken');
    await clock.advance(60_000);
    expect((await call('POST', '/v1/sessions', { headers, body: { sessionId: 'a' } })).status).toBe(201);
  });

  it.each(['', ' ', 'a b', 'é', 'a\tb', 'x'.repeat(256), '""', '"a b"'])(
    'that is not 1 to 255 visible ASCII characters is refused: %.20j',
    async (key) => {
      const { call, store } = startPortolan();
      const answer = await call('POST', '/v1/sessions', { headers: { 'idempotency-key': key } });
      expectProblem(answer, 400, 'invalid-request');
      expect(answer.json.errors[0].header).toBe('idempotency-key');
      expect(store.calls).toEqual([]);
    },
  );

  it('is the same with and without the quotes of a structured field', async () => {
    const { call } = startPortolan();
    const first = await call('POST', '/v1/sessions', { headers });
    expect((await call('POST', '/v1/sessions', { headers: { 'idempotency-key': '"k-1"' } })).json).toEqual(first.json);
  });

  it('is stored as a digest', async () => {
    const { call, store } = startPortolan();
    await call('POST', '/v1/sessions', { headers: { 'idempotency-key': 'c4n4ry-key' }, body: { label: 'x' } });
    expect(JSON.stringify(store.sent)).not.toContain('c4n4ry-key');
  });
});

describe('GET /v1/sessions/{id}', () => {
  it('answers 404 for an id that never was, and for another tenant’s', async () => {
    const { call, addKey } = await withSession();
    const { key } = await addKey({ tenant: 'other' });
    expectProblem(await call('GET', '/v1/sessions/never'), 404, 'session-not-found');
    const strangers = await call('GET', '/v1/sessions/a', { key });
    expectProblem(strangers, 404, 'session-not-found');
    expect(strangers.text).toBe((await call('GET', '/v1/sessions/never', { key })).text);
  });

  it('answers 200 to the last millisecond, then 410, and 404 when the tombstone is gone', async () => {
    const { call, clock } = await withSession({ sessionId: 'a', ttlSeconds: 60 });
    clock.set(start + 59_999);
    expect((await call('GET', '/v1/sessions/a')).status).toBe(200);
    await clock.advance(1);
    const expired = await call('GET', '/v1/sessions/a');
    expectProblem(expired, 410, 'session-gone');
    expect(expired.json.state).toBe('expired');
    clock.set(start + 60_000 + hour - 1);
    expect((await call('GET', '/v1/sessions/a')).status).toBe(410);
    await clock.advance(1);
    expectProblem(await call('GET', '/v1/sessions/a'), 404, 'session-not-found');
  });

  it('answers 410 for a deleted session until its old expiry and the tombstone are over', async () => {
    const { call, clock } = await withSession({ sessionId: 'a', ttlSeconds: 600 });
    await call('DELETE', '/v1/sessions/a');
    const gone = await call('GET', '/v1/sessions/a');
    expectProblem(gone, 410, 'session-gone');
    expect(gone.json.state).toBe('deleted');
    clock.set(start + 600_000 + hour - 1);
    expect((await call('GET', '/v1/sessions/a')).json.state).toBe('deleted');
    await clock.advance(1);
    expect((await call('GET', '/v1/sessions/a')).status).toBe(404);
  });

  it('hands out nothing with under 5 s left, and says expiring', async () => {
    const { call, clock } = await withSession({ sessionId: 'a', ttlSeconds: 60 });
    clock.set(start + 54_999);
    expect((await call('GET', '/v1/sessions/a')).json).toMatchObject({ state: 'active', proxyUrl: expect.any(String) as unknown });
    await clock.advance(1);
    expect((await call('GET', '/v1/sessions/a')).json).toMatchObject({ state: 'expiring', proxyUrl: null, proxy: null });
  });

  it('sees what was acknowledged before: create, extend, rotate, delete', async () => {
    const { call } = await withSession();
    await call('POST', '/v1/sessions/a/extend', { body: { ttlSeconds: 7_200 } });
    expect((await call('GET', '/v1/sessions/a')).json.expiresAt).toBe('2026-01-01T02:00:00.000Z');
    await call('POST', '/v1/sessions/a/rotate');
    expect((await call('GET', '/v1/sessions/a')).json.generation).toBe(2);
    await call('DELETE', '/v1/sessions/a');
    expect((await call('GET', '/v1/sessions/a')).status).toBe(410);
  });
});

describe('POST /v1/sessions/{id}/extend', () => {
  it('counts from now, never makes a session shorter, and moves the ETag on', async () => {
    const { call, clock } = await withSession({ sessionId: 'a', ttlSeconds: 600 });
    await clock.advance(100_000);
    const longer = await call('POST', '/v1/sessions/a/extend', { body: { ttlSeconds: 1_000 } });
    expect([longer.json.expiresAt, longer.headers.get('etag'), longer.json.generation]).toEqual([
      '2026-01-01T00:18:20.000Z',
      '"2"',
      1,
    ]);
    const shorter = await call('POST', '/v1/sessions/a/extend', { body: { ttlSeconds: 10 } });
    expect([shorter.status, shorter.json.expiresAt]).toEqual([200, '2026-01-01T00:18:20.000Z']);
  });

  it('keeps the record as long as the session', async () => {
    const { call, clock } = await withSession({ sessionId: 'a', ttlSeconds: 60 });
    await call('POST', '/v1/sessions/a/extend', { body: { ttlSeconds: 86_400 } });
    await clock.advance(86_399_999);
    expect((await call('GET', '/v1/sessions/a')).status).toBe(200);
    await clock.advance(hour);
    expect((await call('GET', '/v1/sessions/a')).status).toBe(410);
  });

  it('of all of 20 callers at the same time counts', async () => {
    const { call } = await withSession({ sessionId: 'a', ttlSeconds: 60 });
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) => call('POST', '/v1/sessions/a/extend', { body: { ttlSeconds: 100 + n } })),
    );
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    const { json, headers } = await call('GET', '/v1/sessions/a');
    expect(json.expiresAt).toBe('2026-01-01T00:01:59.000Z');
    expect(headers.get('etag')).toBe('"21"');
  });

  it('is refused with under 5 s left, for an ended session, and for one there is not', async () => {
    const { call, clock } = await withSession({ sessionId: 'a', ttlSeconds: 60 });
    const body = { ttlSeconds: 60 };
    expectProblem(await call('POST', '/v1/sessions/b/extend', { body }), 404, 'session-not-found');
    clock.set(start + 55_000);
    expectProblem(await call('POST', '/v1/sessions/a/extend', { body }), 409, 'session-expiring');
    clock.set(start + 60_000);
    expectProblem(await call('POST', '/v1/sessions/a/extend', { body }), 410, 'session-gone');
  });

  it('over the pool’s maximum is refused with a pointer', async () => {
    const { call, store } = await withSession();
    const before = store.writes;
    const answer = await call('POST', '/v1/sessions/a/extend', { body: { ttlSeconds: 86_401 } });
    expectProblem(answer, 400, 'invalid-request');
    expect(answer.json.errors).toEqual([{ pointer: '/ttlSeconds', detail: 'must be at most 86400 in this pool' }]);
    expect(store.writes).toBe(before);
  });
});

describe('the exit of a session from a small space', () => {
  it('is not given to another while the session lives: an extend beyond its reservation is refused until it is rotated', async () => {
    const { call, clock } = await withSession({ sessionId: 'a', pool: 'webshare', ttlSeconds: 86_400 });
    const extend = () => call('POST', '/v1/sessions/a/extend', { body: { ttlSeconds: 86_400 } });
    for (let round = 1; round <= 5; round++) {
      clock.set(start + round * 23 * hour);
      expect((await extend()).status).toBe(200);
    }
    clock.set(start + 6 * 23 * hour);
    const refused = await extend();
    expectProblem(refused, 400, 'invalid-request');
    expect(refused.json.errors).toEqual([
      {
        pointer: '/ttlSeconds',
        detail: 'must end by 2026-01-07T00:00:00.000Z, until when this exit is reserved; rotate for a new one',
      },
    ]);
    expect((await call('POST', '/v1/sessions/a/rotate')).status).toBe(200);
    expect((await extend()).status).toBe(200);
  });

  it('stays bounded only where it is small', async () => {
    const { call, clock } = await withSession({ sessionId: 'a', ttlSeconds: 86_400 });
    for (let round = 1; round <= 9; round++) {
      clock.set(start + round * 23 * hour);
      expect((await call('POST', '/v1/sessions/a/extend', { body: { ttlSeconds: 86_400 } })).status).toBe(200);
    }
  });
});

describe('POST /v1/sessions/{id}/rotate', () => {
  it('gives another generation, another token and another upstream identity', async () => {
    const { call, store } = await withSession({ sessionId: 'a', pool: 'residential', country: 'de' });
    const upstream = async (): Promise<string> =>
      (await call('GET', '/v1/sessions/a?credentials=vendor')).json.proxy.password as string;
    const before = await upstream();
    const rotated = await call('POST', '/v1/sessions/a/rotate');
    expect([rotated.status, rotated.json.generation, rotated.headers.get('etag')]).toEqual([200, 2, '"2"']);
    expect(await upstream()).not.toBe(before);
    expect(store.sent.length).toBeGreaterThan(0);
  });

  it('with the present generation happens once for a thousand callers, and all get the new session', async () => {
    const { call } = await withSession({ sessionId: 'a', pool: 'residential' });
    const answers = await Promise.all(
      Array.from({ length: 1_000 }, () => call('POST', '/v1/sessions/a/rotate', { body: { generation: 1 } })),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(new Set(answers.map(({ json }) => json.generation))).toEqual(new Set([2]));
    expect(new Set(answers.map(({ json }) => json.proxyUrl)).size).toBe(1);
    const { json, headers } = await call('GET', '/v1/sessions/a');
    expect([json.generation, headers.get('etag')]).toEqual([2, '"2"']);
  });

  it('with an older generation answers with the session as it is', async () => {
    const { call, store } = await withSession();
    await call('POST', '/v1/sessions/a/rotate', { body: { generation: 1 } });
    const before = store.writes;
    const late = await call('POST', '/v1/sessions/a/rotate', { body: { generation: 1 } });
    expect([late.status, late.json.generation]).toEqual([200, 2]);
    expect(store.writes).toBe(before);
  });

  it('with a generation not reached is refused', async () => {
    const { call } = await withSession();
    const answer = await call('POST', '/v1/sessions/a/rotate', { body: { generation: 2 } });
    expectProblem(answer, 409, 'generation-ahead');
    expect(answer.json.errors[0].pointer).toBe('/generation');
  });

  it('without one happens for each of 20 callers', async () => {
    const { call } = await withSession();
    const answers = await Promise.all(Array.from({ length: 20 }, () => call('POST', '/v1/sessions/a/rotate')));
    expect(answers.map(({ json }) => json.generation as number).toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 20 }, (_, n) => n + 2),
    );
  });

  it('is refused with under 5 s left, for an ended session, and for one there is not', async () => {
    const { call, clock } = await withSession({ sessionId: 'a', ttlSeconds: 60 });
    expectProblem(await call('POST', '/v1/sessions/b/rotate'), 404, 'session-not-found');
    clock.set(start + 55_000);
    expectProblem(await call('POST', '/v1/sessions/a/rotate'), 409, 'session-expiring');
    await call('DELETE', '/v1/sessions/a');
    expectProblem(await call('POST', '/v1/sessions/a/rotate'), 410, 'session-gone');
  });

  it('does not make the session longer', async () => {
    const { call, clock } = await withSession({ sessionId: 'a', ttlSeconds: 60, pool: 'residential' });
    await clock.advance(30_000);
    expect((await call('POST', '/v1/sessions/a/rotate')).json).toMatchObject({
      expiresAt: '2026-01-01T00:01:00.000Z',
      effectiveUntil: '2026-01-01T00:01:00.000Z',
    });
  });
});

describe('DELETE /v1/sessions/{id}', () => {
  it('answers 204 without content, and again, and for an id that never was', async () => {
    const { call } = await withSession();
    for (const id of ['a', 'a', 'never-was']) {
      const answer = await call('DELETE', `/v1/sessions/${id}`);
      expect([answer.status, answer.text, answer.headers.get('content-type'), answer.headers.get('content-length')]).toEqual([
        204,
        '',
        undefined,
        undefined,
      ]);
    }
  });

  it('is final: no late extend, rotate or create revives the id', async () => {
    const { call } = await withSession();
    await call('DELETE', '/v1/sessions/a');
    expect((await call('POST', '/v1/sessions/a/extend', { body: { ttlSeconds: 60 } })).status).toBe(410);
    expect((await call('POST', '/v1/sessions/a/rotate')).status).toBe(410);
    expect((await call('POST', '/v1/sessions', { body: { sessionId: 'a' } })).status).toBe(409);
    expect((await call('GET', '/v1/sessions/a')).status).toBe(410);
  });

  it('does not touch another tenant’s session', async () => {
    const { call, addKey } = await withSession();
    const { key } = await addKey({ tenant: 'other' });
    expect((await call('DELETE', '/v1/sessions/a', { key })).status).toBe(204);
    expect((await call('GET', '/v1/sessions/a')).status).toBe(200);
  });

  it('forgets label and tags', async () => {
    const { call, store } = await withSession({ sessionId: 'a', label: 'private', tags: { who: 'me' } });
    await call('DELETE', '/v1/sessions/a');
    expect(store.sent.at(-1)?.value).not.toMatch(/private|who/);
  });

  it('works with under 5 s left', async () => {
    const { call, clock } = await withSession({ sessionId: 'a', ttlSeconds: 60 });
    clock.set(start + 58_000);
    expect((await call('DELETE', '/v1/sessions/a')).status).toBe(204);
  });
});

describe('If-Match', () => {
  it.each([
    ['POST', '/v1/sessions/a/extend', { ttlSeconds: 60 }, 200],
    ['POST', '/v1/sessions/a/rotate', {}, 200],
    ['DELETE', '/v1/sessions/a', undefined, 204],
  ])('on %s %s lets only the named state through', async (method, target, body, good) => {
    const { call, store } = await withSession();
    const before = store.writes;
    for (const tag of ['"2"', '"0"', 'W/"1"', '1', '', 'x', '"1', '"01"']) {
      const answer = await call(method, target, { body, headers: { 'if-match': tag } });
      expectProblem(answer, 412, 'precondition-failed');
      expect(answer.headers.get('etag')).toBe('"1"');
    }
    expect(store.writes).toBe(before);
    expect((await call(method, target, { body, headers: { 'if-match': '"7", "1"' } })).status).toBe(good);
  });

  it('with * lets any state through', async () => {
    const { call } = await withSession();
    expect((await call('POST', '/v1/sessions/a/rotate', { headers: { 'if-match': '*' } })).status).toBe(200);
  });

  it('lets one of 20 writers that saw the same state through', async () => {
    const { call } = await withSession();
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => call('POST', '/v1/sessions/a/rotate', { headers: { 'if-match': '"1"' } })),
    );
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, ...Array.from({ length: 19 }, () => 412)]);
  });
});

describe('GET /v1/sessions', () => {
  async function many(count: number): Promise<Harness> {
    const harness = startPortolan();
    for (let n = 0; n < count; n++) {
      const body = {
        sessionId: `s${String(n).padStart(3, '0')}`,
        tags: n % 3 === 0 ? { team: 'blue', n: String(n) } : { team: 'red' },
        ttlSeconds: 60 + n,
        pool: n % 2 === 0 ? 'default' : 'residential',
      };
      expect((await harness.call('POST', '/v1/sessions', { body })).status).toBe(201);
    }
    return harness;
  }

  async function walk({ call }: Harness, query: string, key?: string): Promise<{ ids: string[]; pages: number }> {
    const ids: string[] = [];
    let cursor: string | null = '';
    let pages = 0;
    while (cursor !== null) {
      const answer: Answer = await call(
        'GET',
        `/v1/sessions?${query}${cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`}`,
        { key },
      );
      expect(answer.status).toBe(200);
      ids.push(...(answer.json.sessions as { sessionId: string }[]).map(({ sessionId }) => sessionId));
      cursor = answer.json.nextCursor as string | null;
      pages++;
      expect(pages).toBeLessThan(500);
    }
    return { ids, pages };
  }

  const all = (count: number, wanted: (n: number) => boolean = () => true): string[] =>
    Array.from({ length: count }, (_, n) => n)
      .filter(wanted)
      .map((n) => `s${String(n).padStart(3, '0')}`);

  it('is empty at first', async () => {
    expect((await startPortolan().call('GET', '/v1/sessions')).json).toEqual({ sessions: [], nextCursor: null });
  });

  it('walks through every session once, in order, with pages of any size', async () => {
    const harness = await many(60);
    for (const limit of [1, 7, 30, 59, 60, 61, 200]) {
      const { ids, pages } = await walk(harness, `limit=${limit}`);
      expect(ids).toEqual(all(60));
      expect(pages).toBe(Math.max(1, Math.ceil(60 / limit)));
    }
    expect((await walk(harness, '')).ids).toEqual(all(60));
  });

  it('filters by tag, tag value, pool and state, on every page', async () => {
    const harness = await many(40);
    await harness.call('DELETE', '/v1/sessions/s039');
    await harness.clock.advance(70_000);
    for (const limit of [1, 3, 200]) {
      expect((await walk(harness, `limit=${limit}&tag=n`)).ids).toEqual(all(39, (n) => n % 3 === 0 && n > 10));
      expect((await walk(harness, `limit=${limit}&tag=team:red`)).ids).toEqual(all(39, (n) => n % 3 !== 0 && n > 10));
      expect((await walk(harness, `limit=${limit}&tag=team%3Ablue&pool=residential`)).ids).toEqual(
        all(39, (n) => n % 6 === 3 && n > 10),
      );
      expect((await walk(harness, `limit=${limit}&state=expired`)).ids).toEqual(all(11));
      expect((await walk(harness, `limit=${limit}&state=deleted`)).ids).toEqual(['s039']);
      expect((await walk(harness, `limit=${limit}&state=all`)).ids).toEqual(all(40));
      expect((await walk(harness, `limit=${limit}&tag=nothing`)).ids).toEqual([]);
      expect((await walk(harness, `limit=${limit}&tag=team:`)).ids).toEqual([]);
    }
  });

  it('finds a tag value in any normal form, and goes on with the cursor in another', async () => {
    const { call } = startPortolan();
    for (const sessionId of ['a', 'b']) await call('POST', '/v1/sessions', { body: { sessionId, tags: { city: 'Orl\u00e9ans' } } });
    const first = await call('GET', `/v1/sessions?limit=1&tag=${encodeURIComponent('city:Orle\u0301ans')}`);
    expect(first.json.sessions).toMatchObject([{ sessionId: 'a' }]);
    const rest = await call(
      'GET',
      `/v1/sessions?limit=1&tag=${encodeURIComponent('city:Orl\u00e9ans')}&cursor=${first.json.nextCursor as string}`,
    );
    expect(rest.json.sessions).toMatchObject([{ sessionId: 'b' }]);
  });

  it('shows the others when one pool is gone or its vendor’s secret cannot be read', async () => {
    const harness = startPortolan({ gateway: null });
    for (const [sessionId, pool] of [
      ['a', 'residential'],
      ['b', 'webshare'],
    ]) {
      expect((await harness.call('POST', '/v1/sessions', { body: { sessionId, pool } })).status).toBe(201);
    }
    const pools = { webshare: { vendor: 'webshare', secret: 'webshare' } };
    const { clock, store } = harness;
    const later = startPortolan({ gateway: null, clock, store, configuration: { pools, defaultPool: 'webshare' } });
    const listed = await later.call('GET', '/v1/sessions?credentials=vendor');
    expect(listed.status).toBe(200);
    expect(listed.json.sessions).toMatchObject([
      { sessionId: 'a', proxyUrl: null },
      { sessionId: 'b', proxyUrl: expect.stringContaining('webshare') as unknown },
    ]);
    const unreadable = startPortolan({ gateway: null, clock, store });
    unreadable.secrets.set('iproyal', '{');
    const plain = await unreadable.call('GET', '/v1/sessions');
    expect(plain.json.sessions).toMatchObject([
      { sessionId: 'a', proxyUrl: null },
      { sessionId: 'b', proxyUrl: null },
    ]);
    // Asked for by name, what cannot be had is an outage, and no null.
    expectProblem(await unreadable.call('GET', '/v1/sessions?credentials=vendor'), 503, 'service-unavailable');
    expect((await unreadable.call('GET', '/v1/sessions?credentials=vendor&pool=webshare')).status).toBe(200);
  });

  it('counts an expiring session as active, without credentials', async () => {
    const harness = startPortolan();
    await harness.call('POST', '/v1/sessions', { body: { sessionId: 'a', ttlSeconds: 10 } });
    await harness.clock.advance(5_000);
    expect((await harness.call('GET', '/v1/sessions')).json.sessions).toMatchObject([{ state: 'expiring', proxyUrl: null }]);
    expect((await harness.call('GET', '/v1/sessions?credentials=gateway')).json.sessions).toMatchObject([{ proxy: null }]);
  });

  it('shows nobody another tenant’s sessions', async () => {
    const harness = await many(3);
    const { key } = await harness.addKey({ tenant: 'other' });
    await harness.call('POST', '/v1/sessions', { key, body: { sessionId: 'theirs' } });
    expect((await walk(harness, 'state=all', key)).ids).toEqual(['theirs']);
    expect((await walk(harness, 'state=all')).ids).toEqual(all(3));
  });

  it('takes no cursor that is forged, changed, another tenant’s, or for other filters', async () => {
    const harness = await many(6);
    const { key } = await harness.addKey({ tenant: 'other' });
    const cursor = (await harness.call('GET', '/v1/sessions?limit=2&tag=team')).json.nextCursor as string;
    expect((await harness.call('GET', `/v1/sessions?limit=5&tag=team&cursor=${cursor}`)).status).toBe(200);
    const wrong = [
      `tag=team&cursor=${cursor}A`,
      `tag=team&cursor=x${cursor}`,
      `cursor=${cursor}`,
      `tag=n&cursor=${cursor}`,
      `tag=team&state=all&cursor=${cursor}`,
      `tag=team&pool=default&cursor=${cursor}`,
    ];
    wrong.push('cursor=', 'cursor=.', 'cursor=s001', `cursor=${'a'.repeat(1_025)}`, 'cursor=%00', `cursor=s001.${'A'.repeat(43)}`);
    for (const query of wrong) {
      const answer = await harness.call('GET', `/v1/sessions?${query}`);
      expectProblem(answer, 400, 'invalid-request');
      expect(answer.json.errors[0].parameter).toBe('cursor');
    }
    expectProblem(await harness.call('GET', `/v1/sessions?tag=team&cursor=${cursor}`, { key }), 400, 'invalid-request');
  });

  it('goes on after a session that was deleted, and does not lose those made before the first page', async () => {
    const harness = await many(10);
    const first = (await harness.call('GET', '/v1/sessions?limit=4')).json;
    await harness.call('DELETE', '/v1/sessions/s003');
    await harness.call('DELETE', '/v1/sessions/s004');
    await harness.call('POST', '/v1/sessions', { body: { sessionId: 's0041' } });
    const rest = (await harness.call('GET', `/v1/sessions?limit=200&cursor=${first.nextCursor}`)).json;
    expect((rest.sessions as { sessionId: string }[]).map(({ sessionId }) => sessionId)).toEqual([
      's0041',
      's005',
      's006',
      's007',
      's008',
      's009',
    ]);
  });

  it('looks at no more than some 1,000 records a page, and gives a short page with a cursor', async () => {
    const { call, portolan, store } = startPortolan({
      configuration: { limits: { createsPerHour: 1_000_000 } },
      counters: { exact: true, increment: async () => 1, read: async () => 0 },
    });
    const principal = { keyId: 'k', tenant: 'acme', scopes: new Set<never>() };
    for (let n = 0; n < 1_500; n++)
      await portolan.sessions.create(
        principal,
        { sessionId: `s${String(n).padStart(4, '0')}`, tags: n === 1_499 ? { rare: '1' } : {} },
        undefined,
      );
    const before = store.calls.length;
    const first = (await call('GET', '/v1/sessions?tag=rare&limit=50')).json;
    expect(first).toMatchObject({ sessions: [], nextCursor: expect.any(String) as unknown });
    expect(store.calls.slice(before).filter((name) => name === 'list').length).toBeLessThanOrEqual(11);
    const second = (await call('GET', `/v1/sessions?tag=rare&limit=50&cursor=${first.nextCursor}`)).json;
    expect(second).toMatchObject({ sessions: [{ sessionId: 's1499' }], nextCursor: null });
  });

  it.each([
    'limit=0',
    'limit=201',
    'limit=-1',
    'limit=1.5',
    'limit=x',
    'limit=',
    'limit=1&limit=2',
    'state=dead',
    'pool=No',
    'tag=',
    'colour=red',
    `tag=${'x'.repeat(321)}`,
    '__proto__=1',
    'a=%',
  ])('refuses the query %s', async (query) => {
    const { call, store } = startPortolan();
    expectProblem(await call('GET', `/v1/sessions?${query}`), 400, 'invalid-request');
    expect(store.calls).toEqual([]);
  });
});

describe('GET /v1/sessions/{id}/usage', () => {
  /** Counts 10 bytes up and 2,000 down for the live session `a`, as a gateway does. */
  async function count({ call, portolan, clock }: Harness, operationId: string): Promise<void> {
    const { proxy } = (await call('GET', '/v1/sessions/a')).json as { proxy: { username: string; password: string } };
    const decision = await portolan.gatewayAuthorizer.authorize(proxy);
    if (!decision.allowed) throw new Error('refused');
    await addUsage(portolan.counters, decision, { bytesUp: 10, bytesDown: 2_000 }, operationId, clock.now());
  }

  it('tells the bytes counted for a session, and 404 for another tenant’s', async () => {
    const harness = await withSession();
    const { call, addKey } = harness;
    expect((await call('GET', '/v1/sessions/a/usage')).json).toEqual({ sessionId: 'a', bytesUp: 0, bytesDown: 0 });
    for (const operationId of ['r1', 'r1', 'r2']) await count(harness, operationId);
    expect((await call('GET', '/v1/sessions/a/usage')).json).toEqual({ sessionId: 'a', bytesUp: 20, bytesDown: 4_000 });
    const { key } = await addKey({ tenant: 'other' });
    expectProblem(await call('GET', '/v1/sessions/a/usage', { key }), 404, 'session-not-found');
  });

  it('can be read after the end of the session, while its tombstone is kept', async () => {
    for (const end of ['delete', 'expire']) {
      const harness = await withSession({ sessionId: 'a', ttlSeconds: 60 });
      const { call, clock } = harness;
      await count(harness, 'r1');
      if (end === 'delete') await call('DELETE', '/v1/sessions/a');
      clock.set(start + 60_000 + hour - 1);
      expect((await call('GET', '/v1/sessions/a/usage')).json).toEqual({ sessionId: 'a', bytesUp: 10, bytesDown: 2_000 });
      await clock.advance(1);
      expectProblem(await call('GET', '/v1/sessions/a/usage'), 404, 'session-not-found');
    }
  });

  it('of an id that is used again begins at zero', async () => {
    const harness = await withSession({ sessionId: 'a', ttlSeconds: 60 });
    const { call, clock } = harness;
    await count(harness, 'r1');
    await clock.advance(60_000);
    await call('POST', '/v1/sessions', { body: { sessionId: 'a' } });
    expect((await call('GET', '/v1/sessions/a/usage')).json).toMatchObject({ bytesUp: 0, bytesDown: 0 });
  });

  it('of a session that is extended for weeks does not start again: at least the last 30 days count', async () => {
    const harness = await withSession({ sessionId: 'a', ttlSeconds: 86_400 });
    const { call, clock } = harness;
    for (let round = 1; round <= 100; round++) {
      await count(harness, `round-${round}`);
      const { bytesUp } = (await call('GET', '/v1/sessions/a/usage')).json as { bytesUp: number };
      expect(bytesUp).toBeGreaterThanOrEqual(10 * Math.min(round, 31));
      expect(bytesUp).toBeLessThanOrEqual(10 * Math.min(round, 64));
      clock.set(start + round * 23 * hour);
      await call('POST', '/v1/sessions/a/extend', { body: { ttlSeconds: 86_400 } });
    }
  });
});

describe('paths and methods', () => {
  it.each([
    '/',
    '/v1',
    '/v1/',
    '/v1/session',
    '/v1/sessions/',
    '/v2/sessions',
    '/healthz/',
    '/HEALTHZ',
    '/v1/sessions/a/',
    '/v1/sessions/a/b',
    '/v1/sessions//extend',
    '/v1/sessions/a/extend/',
    '*',
    '',
    '//v1/sessions',
    '/v1/sessions/{sessionId}',
    '/v1/sessions/{sessionId}/extend',
    '/v1//sessions',
    '/v1/../v1/sessions',
    '/v1%2Fsessions',
  ])('%s is not there', async (target) => {
    const { call } = startPortolan();
    for (const method of ['GET', 'POST', 'OPTIONS']) expectProblem(await call(method, target), 404, 'not-found');
  });

  it.each([
    ['/healthz', ['GET', 'HEAD']],
    ['/livez', ['GET', 'HEAD']],
    ['/readyz', ['GET', 'HEAD']],
    ['/v1/openapi.json', ['GET', 'HEAD']],
    ['/v1/sessions', ['POST', 'GET', 'HEAD']],
    ['/v1/sessions/a', ['GET', 'HEAD', 'DELETE']],
    ['/v1/sessions/a/extend', ['POST']],
    ['/v1/sessions/a/rotate', ['POST']],
    ['/v1/sessions/a/usage', ['GET', 'HEAD']],
  ])('%s allows %j and OPTIONS, and says so to any other method', async (target, allowed) => {
    const { call, store } = startPortolan();
    const allow = [...allowed, 'OPTIONS'].join(', ');
    for (const method of ['PUT', 'PATCH', 'TRACE', 'CONNECT', 'BREW', 'get', '', 'DELETE', 'POST', 'HEAD']) {
      if (allowed.includes(method)) continue;
      const answer = await call(method, target);
      if (method !== 'HEAD') expectProblem(answer, 405, 'method-not-allowed');
      expect([answer.status, answer.headers.get('allow')]).toEqual([405, allow]);
    }
    const options = await call('OPTIONS', target, { key: null });
    expect([options.status, options.headers.get('allow'), options.text]).toEqual([204, allow, '']);
    expect(options.headers.get('access-control-allow-origin')).toBeUndefined();
    expect(store.calls).toEqual([]);
  });

  it('answers HEAD as GET without the content', async () => {
    const { call } = await withSession();
    for (const target of ['/v1/sessions/a', '/v1/sessions', '/healthz', '/v1/sessions/none', '/v1/openapi.json']) {
      const [head, get] = [await call('HEAD', target), await call('GET', target)];
      expect([head.status, head.headers.flat(), head.text]).toEqual([get.status, get.headers.flat(), '']);
    }
  });

  it('all but the open ones ask for a key, and each for its scope', async () => {
    // with routes, every operation is offered
    const { call, addKey, store } = startPortolan({ configuration: { routes: [] } });
    await call('POST', '/v1/sessions', { body: { sessionId: 'a' } });
    for (const { method, path, scope } of routes) {
      const target = path.replace('{sessionId}', 'a');
      if (scope === undefined) {
        expect((await call(method, target, { key: null })).status).toBe(200);
        continue;
      }
      const before = store.writes;
      const anonymous = await call(method, target, { key: null, body: method === 'POST' ? { ttlSeconds: 60 } : undefined });
      expectProblem(anonymous, 401, 'unauthorized');
      expect(anonymous.headers.get('www-authenticate')).toBe('Bearer realm="portolan"');
      expect(store.writes).toBe(before);
      const { key } = await addKey({
        scopes: scopes.filter((one) => one !== scope),
      });
      const withKey = store.writes;
      const other = await call(method, target, { key });
      expectProblem(other, 403, 'insufficient-scope');
      expect(other.headers.get('www-authenticate')).toBe(`Bearer realm="portolan", error="insufficient_scope", scope="${scope}"`);
      expect(store.writes).toBe(withKey);
    }
  });
});

describe('credentials', () => {
  it('are a gateway token by default, the vendor’s own only for a key that may read them', async () => {
    const { call, addKey, expectNoSecrets } = await withSession({ sessionId: 'a', pool: 'residential', country: 'de' });
    const { key } = await addKey({ scopes: ['sessions:read', 'sessions:write'] });
    for (const target of ['/v1/sessions/a', '/v1/sessions/a?credentials=gateway']) {
      const { json } = await call('GET', target, { key });
      expect(json.proxy.password).toMatch(/^pts_/);
    }
    for (const [method, target, body] of [
      ['GET', '/v1/sessions/a'],
      ['GET', '/v1/sessions'],
      ['POST', '/v1/sessions/a/rotate'],
      ['POST', '/v1/sessions'],
      ['POST', '/v1/sessions/a/extend', { ttlSeconds: 60 }],
    ] as const) {
      expectProblem(await call(method, `${target}?credentials=vendor`, { key, body }), 403, 'insufficient-scope');
    }
    const vendor = await call('GET', '/v1/sessions/a?credentials=vendor');
    expect(vendor.json.proxy).toMatchObject({ host: 'geo.iproyal.com', port: 12_321, username: 'cust' });
    const url = new URL(vendor.json.proxyUrl as string);
    expect([url.hostname, decodeURIComponent(url.password)]).toEqual(['geo.iproyal.com', vendor.json.proxy.password]);
    expectNoSecrets();
  });

  it('without a gateway are the vendor’s for a key that may read them; otherwise a create is refused and a read has none', async () => {
    const { call, addKey, store } = startPortolan({ gateway: null });
    const { key } = await addKey({ scopes: ['sessions:read', 'sessions:write'] });
    const before = store.writes;
    expectProblem(await call('POST', '/v1/sessions', { key, body: { pool: 'residential' } }), 403, 'insufficient-scope');
    expect(store.writes).toBe(before);
    const created = await call('POST', '/v1/sessions', { body: { sessionId: 'a', pool: 'residential' } });
    expect(created.json.proxy.host).toBe('geo.iproyal.com');
    expect((await call('GET', '/v1/sessions/a', { key })).json).toMatchObject({ proxyUrl: null, proxy: null });
    expect((await call('GET', '/v1/sessions', { key })).json.sessions).toMatchObject([{ proxyUrl: null }]);
    const none = await call('GET', '/v1/sessions/a?credentials=gateway');
    expectProblem(none, 400, 'invalid-request');
    expect(none.json.errors[0].parameter).toBe('credentials');
  });

  it('leave one audit line for each time they are handed out, and none when they are not', async () => {
    const { call, logged, clock } = await withSession({ sessionId: 'a', ttlSeconds: 60, pool: 'residential' });
    const issued = () => logged.filter(({ event }) => event === 'credentials.issued');
    expect(issued()).toHaveLength(1);
    expect(issued()[0]?.attributes).toMatchObject({
      audit: true,
      kind: 'gateway',
      tenant: 'acme',
      sessionId: 'a',
      generation: 1,
      requestId: 'req-1',
    });
    expect(issued()[0]?.attributes['keyId']).toMatch(/^[a-z2-7]{12}$/);
    await call('GET', '/v1/sessions/a?credentials=vendor');
    expect(issued().at(-1)?.attributes).toMatchObject({ kind: 'vendor', sessionId: 'a' });
    await call('GET', '/v1/sessions');
    expect(issued().at(-1)?.attributes).toMatchObject({ kind: 'gateway', sessionId: 'a', generation: 1 });
    await call('POST', '/v1/sessions/a/rotate');
    expect(issued().at(-1)?.attributes).toMatchObject({ generation: 2 });
    const so = issued().length;
    await call('GET', '/v1/sessions/a/usage');
    await call('GET', '/v1/sessions/none');
    clock.set(start + 56_000);
    await call('GET', '/v1/sessions/a');
    await call('GET', '/v1/sessions');
    await call('DELETE', '/v1/sessions/a');
    expect(issued()).toHaveLength(so);
  });

  it('that the vendor’s secret cannot give are a 503, with a code', async () => {
    for (const [value, code] of [
      ['{"username":"u"}', 'data_loss'],
      ['{', 'data_loss'],
      ['{"password":5}', 'data_loss'],
      ['', 'data_loss'],
    ] as const) {
      const { call, secrets, expectNoSecrets } = await withSession({ sessionId: 'a', pool: 'residential' });
      secrets.set('iproyal', value);
      const answer = await call('GET', '/v1/sessions/a?credentials=vendor');
      expectProblem(answer, 503, 'service-unavailable');
      expect(answer.json.code).toBe(code);
      expectNoSecrets();
    }
  });
});

describe('clock steps', () => {
  it.each([5_000, -5_000, hour, -hour])(
    'of %i ms never give an error, a second life, or an early end before the instant named',
    async (step) => {
      const { call, clock } = await withSession({ sessionId: 'a', ttlSeconds: 7_200 });
      clock.set(start + step);
      const { json } = await call('GET', '/v1/sessions/a');
      expect(json).toMatchObject({ state: 'active', expiresAt: '2026-01-01T02:00:00.000Z', createdAt: '2026-01-01T00:00:00.000Z' });
      expect((await call('POST', '/v1/sessions/a/rotate', { body: { generation: 1 } })).json.generation).toBe(2);
      expect((await call('POST', '/v1/sessions/a/extend', { body: { ttlSeconds: 60 } })).json.expiresAt).toBe(
        '2026-01-01T02:00:00.000Z',
      );
      expect((await call('POST', '/v1/sessions', { body: { sessionId: 'b' } })).status).toBe(201);
      await call('DELETE', '/v1/sessions/a');
      clock.set(start);
      expect((await call('GET', '/v1/sessions/a')).status).toBe(410);
      expect((await call('POST', '/v1/sessions', { body: { sessionId: 'a' } })).status).toBe(409);
    },
  );
});

describe('limits', () => {
  it('on requests answer 429 with Retry-After and RateLimit fields, for that tenant only', async () => {
    const { call, addKey, clock } = startPortolan({ configuration: { limits: { requestsPerMinute: 3 } } });
    for (let n = 0; n < 3; n++) expect((await call('GET', '/v1/sessions')).status).toBe(200);
    const answer = await call('GET', '/v1/sessions');
    expectProblem(answer, 429, 'requests-per-minute');
    expect(answer.headers.get('retry-after')).toBe('20');
    expect(answer.headers.get('ratelimit-policy')).toBe('"requests-per-minute";q=3;w=60');
    expect(answer.headers.get('ratelimit')).toBe('"requests-per-minute";r=0;t=20');
    const { key } = await addKey({ tenant: 'other' });
    expect((await call('GET', '/v1/sessions', { key })).status).toBe(200);
    await clock.advance(20_000);
    expect((await call('GET', '/v1/sessions')).status).toBe(200);
    expect((await call('GET', '/v1/sessions')).status).toBe(429);
  });

  it('on sessions an hour answer 429 until the hour is over, and make nothing', async () => {
    const { call, clock } = startPortolan({ configuration: { limits: { createsPerHour: 3 } } });
    for (let n = 0; n < 3; n++) expect((await call('POST', '/v1/sessions')).status).toBe(201);
    await clock.advance(60_000);
    for (let n = 0; n < 3; n++) {
      const answer = await call('POST', '/v1/sessions');
      expectProblem(answer, 429, 'sessions-per-hour');
      expect(answer.headers.get('retry-after')).toBe('3540');
      expect(answer.headers.get('ratelimit-policy')).toBe('"sessions-per-hour";q=3;w=3600');
    }
    expect((await call('GET', '/v1/sessions')).json.sessions).toHaveLength(3);
    clock.set(start + hour);
    expect((await call('POST', '/v1/sessions')).status).toBe(201);
  });

  it('on sessions an hour let exactly so many of 20 callers at the same time through', async () => {
    const { call } = startPortolan({ configuration: { limits: { createsPerHour: 5 } } });
    const answers = await Promise.all(Array.from({ length: 20 }, () => call('POST', '/v1/sessions')));
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(5);
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(15);
  });

  it('do not count a repetition, nor an id that is taken', async () => {
    const { call } = startPortolan({ configuration: { limits: { createsPerHour: 2 } } });
    const headers = { 'idempotency-key': 'k' };
    for (let n = 0; n < 5; n++)
      expect((await call('POST', '/v1/sessions', { headers, body: { sessionId: 'a' } })).status).toBe(201);
    for (let n = 0; n < 5; n++) expect((await call('POST', '/v1/sessions', { body: { sessionId: 'a' } })).status).toBe(409);
    expect((await call('POST', '/v1/sessions')).status).toBe(201);
    expect((await call('POST', '/v1/sessions')).status).toBe(429);
  });
});

describe('health', () => {
  it('is answered without asking anybody', async () => {
    const { call, store, secrets } = startPortolan();
    store.fault = () => ({ code: 'unavailable' });
    secrets.failure = 'unavailable';
    for (const path of ['/healthz', '/livez']) expect((await call('GET', path, { key: null })).json).toEqual({ status: 'ok' });
    expect([store.calls, secrets.reads]).toEqual([[], []]);
  });

  it('is ready when the store answers and the secrets can be read', async () => {
    const { call, clock } = startPortolan();
    expect((await call('GET', '/readyz', { key: null })).json).toEqual({
      status: 'ready',
      store: { status: 'ok' },
      secrets: { status: 'ok', oldestAgeSeconds: 0 },
    });
    await clock.advance(61_000);
    expect((await call('GET', '/readyz', { key: null })).json.secrets).toEqual({ status: 'ok', oldestAgeSeconds: 61 });
  });

  it.each(['unavailable', 'permission_denied', 'failed_precondition'] as const)(
    'is not ready when the store says %s',
    async (code) => {
      const { call, store } = startPortolan();
      store.fault = () => ({ code });
      const answer = await call('GET', '/readyz', { key: null });
      expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '5']);
      expect(answer.json).toMatchObject({ status: 'not-ready', store: { status: 'failing', code } });
    },
  );

  it('is not ready when a secret cannot be read, with its code', async () => {
    const { call, secrets } = startPortolan();
    secrets.failure = 'permission_denied';
    const answer = await call('GET', '/readyz', { key: null });
    expect(answer.status).toBe(503);
    expect(answer.json).toMatchObject({
      status: 'not-ready',
      store: { status: 'ok' },
      secrets: { status: 'failing', code: 'permission_denied', oldestAgeSeconds: null },
    });
  });

  it('is degraded while old secrets are served, and ready again afterwards', async () => {
    const { call, clock, secrets, pending } = startPortolan();
    await call('GET', '/readyz');
    secrets.failure = 'unavailable';
    await clock.advance(400_000);
    await call('GET', '/readyz');
    await Promise.allSettled(pending);
    await clock.advance(1_000);
    const answer = await call('GET', '/readyz');
    expect([answer.status, answer.json.status, answer.json.secrets.status]).toEqual([200, 'degraded', 'stale']);
    secrets.failure = undefined;
    await clock.advance(2_000);
    await call('GET', '/readyz');
    await Promise.allSettled(pending);
    await clock.advance(2_000);
    expect((await call('GET', '/readyz')).json.status).toBe('ready');
  });

  it('is not ready from the moment that the end is announced, whatever was found just before; alive it is, and it serves', async () => {
    const { call, portolan } = startPortolan();
    expect((await call('GET', '/readyz', { key: null })).status).toBe(200);
    portolan.announceStop();
    const answer = await call('GET', '/readyz', { key: null });
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '5']);
    expect(answer.json).toMatchObject({ status: 'stopping', store: { status: 'ok' }, secrets: { status: 'ok' } });
    expect((await call('GET', '/livez', { key: null })).status).toBe(200);
    expect((await call('GET', '/v1/sessions')).status).toBe(200);
  });

  it('is asked of the store once a second, however many ask', async () => {
    const { call, store, clock } = startPortolan();
    await Promise.all(Array.from({ length: 100 }, () => call('GET', '/readyz', { key: null })));
    expect(store.calls).toEqual(['check']);
    await clock.advance(1_000);
    await call('GET', '/readyz', { key: null });
    expect(store.calls).toEqual(['check', 'check']);
  });

  it('does not look ill because one who asked went away', async () => {
    const { call } = startPortolan();
    const gone = new AbortController();
    gone.abort();
    expect((await call('GET', '/readyz', { context: { signal: gone.signal } })).status).toBe(200);
  });
});

describe('the request log', () => {
  it('tells the client behind the proxies that the configuration trusts, and of nobody else', async () => {
    const { call, logged } = startPortolan({ configuration: { proxy: { trustedProxies: ['192.0.2.0/24'] } } });
    const headers = { 'x-forwarded-for': '198.51.100.1, 203.0.113.9, 192.0.2.7' };
    await call('GET', '/v1/sessions', { headers, context: { clientAddress: '192.0.2.1' } });
    await call('GET', '/v1/sessions', { headers, context: { clientAddress: '198.51.100.2' } });
    expect(logged.map(({ attributes }) => attributes['client.address'])).toEqual(['203.0.113.9', '198.51.100.2']);
  });

  it('has one line a request, with facts only', async () => {
    const { call, logged } = await withSession();
    const answer = await call('GET', '/v1/sessions/a?credentials=vendor&x=c4n4ry', {
      context: { traceId: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', coldStart: true },
    });
    expect(answer.status).toBe(400);
    expect(logged.at(-1)).toEqual({
      severity: 'info',
      event: 'http.request',
      attributes: {
        'http.request.method': 'GET',
        'http.route': '/v1/sessions/{sessionId}',
        'http.response.status_code': 400,
        durationMs: 0,
        requestId: 'req-2',
        source: 'test',
        'client.address': '192.0.2.1',
        tenant: 'acme',
        keyId: expect.any(String) as unknown,
        traceId: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
        coldStart: true,
        incident: undefined,
      },
    });
    expect(logged.filter(({ event }) => event === 'http.request')).toHaveLength(2);
    expect(JSON.stringify(logged)).not.toContain('c4n4ry');
  });
});
