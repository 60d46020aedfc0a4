import { describe, expect, it } from 'vitest';
import type { PortErrorCode } from '../../../core/ports/index.ts';
import { storeOperations } from '../../support/fallible-store.ts';
import { startPortolan } from '../../support/portolan.ts';
import type { Harness } from '../../support/portolan.ts';

const retryable = ['aborted', 'deadline_exceeded', 'resource_exhausted', 'unavailable'] as const;
const final = [
  'cancelled',
  'data_loss',
  'failed_precondition',
  'internal',
  'invalid_argument',
  'not_found',
  'out_of_range',
  'permission_denied',
  'unauthenticated',
  'unimplemented',
] as const;
const codes: readonly PortErrorCode[] = [...retryable, ...final];

/** Every call of the API, each on a session that is there. */
const calls: readonly (readonly [what: string, send: (harness: Harness) => ReturnType<Harness['call']>])[] = [
  ['create', ({ call }) => call('POST', '/v1/sessions', { body: { sessionId: 'new' } })],
  ['create in a pool with few tokens', ({ call }) => call('POST', '/v1/sessions', { body: { pool: 'webshare' } })],
  ['create with a key', ({ call }) => call('POST', '/v1/sessions', { headers: { 'idempotency-key': 'k' } })],
  ['create of an expired id', ({ call }) => call('POST', '/v1/sessions', { body: { sessionId: 'old' } })],
  ['get', ({ call }) => call('GET', '/v1/sessions/a')],
  ['get of none', ({ call }) => call('GET', '/v1/sessions/none')],
  ['list', ({ call }) => call('GET', '/v1/sessions')],
  ['extend', ({ call }) => call('POST', '/v1/sessions/a/extend', { body: { ttlSeconds: 60 } })],
  ['rotate', ({ call }) => call('POST', '/v1/sessions/a/rotate')],
  ['delete', ({ call }) => call('DELETE', '/v1/sessions/a')],
  ['delete of none', ({ call }) => call('DELETE', '/v1/sessions/none')],
  ['usage', ({ call }) => call('GET', '/v1/sessions/a/usage')],
];

async function ready(): Promise<Harness> {
  const harness = startPortolan();
  await harness.call('POST', '/v1/sessions', { body: { sessionId: 'old', ttlSeconds: 10 } });
  await harness.clock.advance(10_000);
  await harness.call('POST', '/v1/sessions', { body: { sessionId: 'a' } });
  return harness;
}

describe('a store that fails', () => {
  it.each(codes)(
    'with %s on any operation is a 503 with Retry-After and that code, never a 404, and then all is well again',
    async (code) => {
      for (const [what, send] of calls) {
        for (const failing of storeOperations) {
          const harness = await ready();
          const operations = new Set(harness.store.calls);
          const before = harness.store.calls.length;
          harness.store.fault = (operation) => (operation === failing ? { code } : undefined);
          const answer = await send(harness);
          const met = harness.store.calls.slice(before).includes(failing);
          if (met) {
            expect([answer.status, answer.json?.code], `${what} with ${failing} failing`).toEqual([503, code]);
            // What no retry can mend needs somebody: ask less often.
            expect(answer.headers.get('retry-after')).toBe((retryable as readonly string[]).includes(code) ? '1' : '30');
            expect(answer.json).toMatchObject({
              type: 'https://portolan.dev/problems/service-unavailable',
              incident: expect.stringMatching(/^[\w-]{12}$/) as unknown,
            });
            expect(answer.text).not.toMatch(/Planted|key-value-store|sessions\./);
            const failed = harness.logged.find(({ event }) => event === 'service.failed');
            expect(failed?.attributes).toMatchObject({
              'error.type': code,
              operation: `key-value-store.${failing}`,
              reason: 'Planted',
              incident: answer.json.incident,
            });
          } else {
            expect(answer.status, `${what} does not ${failing}`).toBeLessThan(500);
          }
          harness.store.fault = () => undefined;
          expect((await harness.call('GET', '/v1/sessions?state=all')).status).toBe(200);
          expect(operations.size).toBeGreaterThan(0);
        }
      }
    },
  );

  it.each(retryable)('once with %s is not noticed', async (code) => {
    for (const [what, send] of calls) {
      const well = await send(await ready());
      for (let failing = 0; failing < 8; failing++) {
        const harness = await ready();
        let n = 0;
        harness.store.fault = () => (n++ === failing ? { code } : undefined);
        expect((await send(harness)).status, `${what}, call ${failing}`).toBe(well.status);
      }
    }
  });

  it.each(retryable)('to acknowledge once, with %s, changes nothing about the answer or the effect', async (code) => {
    for (const [what, send] of calls) {
      const good = await ready();
      const well = await send(good);
      for (let losing = 0; losing < 8; losing++) {
        const harness = await ready();
        let n = 0;
        harness.store.fault = () => (n++ === losing ? { code, applied: true } : undefined);
        const answer = await send(harness);
        expect([answer.status, answer.headers.get('etag')], `${what}, call ${losing}`).toEqual([
          well.status,
          well.headers.get('etag'),
        ]);
        harness.store.fault = () => undefined;
        const present = async ({ call }: Harness): Promise<unknown> => {
          const { json } = await call('GET', '/v1/sessions?state=all');
          return (json.sessions as { generation: number; state: string }[]).map(({ generation, state }) => [generation, state]);
        };
        expect(await present(harness)).toEqual(await present(good));
      }
    }
  });

  it('for good is given up inside the budget of a request', async () => {
    const harness = await ready();
    const startedAt = harness.clock.now();
    harness.store.fault = () => ({ code: 'unavailable' });
    expect((await harness.call('GET', '/v1/sessions/a')).status).toBe(503);
    expect(harness.clock.now() - startedAt).toBeLessThanOrEqual(3_000);
  });

  it('is asked no more once the caller’s time is over', async () => {
    const harness = await ready();
    const before = harness.store.calls.length;
    harness.store.fault = () => ({ code: 'unavailable' });
    const { status } = await harness.call('GET', '/v1/sessions/a', { context: { deadline: harness.clock.now() + 1 } });
    expect([status, harness.store.calls.length - before]).toEqual([503, 1]);
  });

  it('and is slow is asked no more once the caller’s time is over, in the middle of a call of many steps', async () => {
    const { portolan, clock, store } = startPortolan();
    store.fault = () => {
      clock.set(clock.now() + 900);
      return undefined;
    };
    const principal = { keyId: 'k', tenant: 'acme', scopes: new Set<never>() };
    const until = { deadline: clock.now() + 3_000 };
    const made = portolan.sessions.create(principal, { sessionId: 'a' }, { key: 'k', bodyHash: 'h' }, until);
    await expect(made).rejects.toMatchObject({ code: 'deadline_exceeded' });
    expect(store.sent.filter(({ partition }) => partition === 'sessions.acme')).toEqual([]);
    store.fault = () => undefined;
    await portolan.sessions.create(principal, { sessionId: 'a' }, undefined);
    const before = store.sent.length;
    const past = { deadline: clock.now() };
    await expect(portolan.sessions.extend(principal, 'a', 60, undefined, past)).rejects.toMatchObject({
      code: 'deadline_exceeded',
    });
    await expect(portolan.sessions.list(principal, {}, past)).rejects.toMatchObject({ code: 'deadline_exceeded' });
    expect(store.sent.length).toBe(before);
  });

  it('that says how long to wait is quoted in Retry-After', async () => {
    const { PortError } = await import('../../../core/ports/index.ts');
    const harness = await ready();
    harness.store.fault = () => {
      throw new PortError('resource_exhausted', 'key-value-store.get', { retryAfterMs: 7_200 });
    };
    const answer = await harness.call('GET', '/v1/sessions/a');
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '8']);
  });

  it('with damaged records is a 503 with data_loss, never absence', async () => {
    const { durable } = await import('../../../core/storage/durable.ts');
    const { nodeCrypto } = await import('../../../adapters/node/node-crypto.ts');
    for (const value of ['', 'no json', '{}', '{"v":2}', 'null', '[]']) {
      const { call, store, clock } = startPortolan();
      await durable(store, { clock, crypto: nodeCrypto }).create({ partition: 'sessions.acme', id: 'a', value });
      for (const send of [
        () => call('GET', '/v1/sessions/a'),
        () => call('GET', '/v1/sessions'),
        () => call('POST', '/v1/sessions', { body: { sessionId: 'a' } }),
      ]) {
        const answer = await send();
        expect([answer.status, answer.json.code]).toEqual([503, 'data_loss']);
      }
    }
  });
});

describe('secrets that fail', () => {
  it.each(codes)('with %s are a 503 with that code where they are needed', async (code) => {
    const { call, secrets } = startPortolan();
    secrets.failure = code;
    const answer = await call('GET', '/v1/sessions');
    expect([answer.status, answer.json.code]).toEqual([503, code]);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
  });

  it('do not stop what needs none of them', async () => {
    const { call, addKey, secrets } = startPortolan({ configuration: { auth: { storedKeys: true } } });
    const { key } = await addKey();
    await call('POST', '/v1/sessions', { key, body: { sessionId: 'a' } });
    secrets.failure = 'unavailable';
    expect((await call('GET', '/v1/sessions/a', { key })).status).toBe(200);
    expect((await call('DELETE', '/v1/sessions/a', { key })).status).toBe(204);
  });

  it('past their hard age are an outage, not old values', async () => {
    const { call, clock, secrets, pending } = startPortolan();
    await call('POST', '/v1/sessions', { body: { sessionId: 'a', ttlSeconds: 86_400 } });
    secrets.failure = 'unavailable';
    await clock.advance(3_500_000);
    expect((await call('GET', '/v1/sessions/a')).status).toBe(200);
    await Promise.allSettled(pending);
    await clock.advance(200_000);
    expect((await call('GET', '/v1/sessions/a')).status).toBe(503);
  });

  it('reach waitUntil while they are read in the background', async () => {
    const { call, clock, secrets, pending } = startPortolan();
    await call('POST', '/v1/sessions', { body: { sessionId: 'a' } });
    expect(pending).toEqual([]);
    await clock.advance(400_000);
    let go = (): void => undefined;
    secrets.hold = new Promise<void>((resolve) => (go = resolve));
    expect((await call('GET', '/v1/sessions/a')).status).toBe(200);
    expect(pending).toHaveLength(1);
    go();
    await Promise.all(pending);
    expect((await call('GET', '/readyz')).json.secrets.oldestAgeSeconds).toBe(0);
  });
});

describe('a bug', () => {
  it('is a 500 with an incident id to find in the log, and says nothing else', async () => {
    const harness = await ready();
    harness.store.fault = () => {
      throw new RangeError('c4n4ry in a message');
    };
    const answer = await harness.call('GET', '/v1/sessions/a');
    expect(answer.status).toBe(500);
    expect(answer.json).toEqual({
      type: 'https://portolan.dev/problems/internal-error',
      title: 'Something went wrong on our side',
      status: 500,
      incident: expect.stringMatching(/^[\w-]{12}$/) as unknown,
    });
    const bug = harness.logged.find(({ event }) => event === 'bug');
    expect(bug?.attributes).toMatchObject({
      'error.type': 'RangeError',
      incident: answer.json.incident,
      stack: expect.stringContaining('at ') as unknown,
    });
    expect(JSON.stringify(harness.logged)).not.toContain('c4n4ry');
    expect(harness.logged.at(-1)?.attributes).toMatchObject({ 'http.response.status_code': 500, incident: answer.json.incident });
  });

  it('that throws no Error is a 500 all the same', async () => {
    const harness = await ready();
    for (const thrown of ['c4n4ry', null, undefined, { message: 'c4n4ry' }]) {
      harness.store.fault = () => {
        // oxlint-disable-next-line typescript/only-throw-error
        throw thrown;
      };
      const answer = await harness.call('GET', '/v1/sessions/a');
      expect([answer.status, answer.text.includes('c4n4ry')]).toEqual([500, false]);
    }
    expect(JSON.stringify(harness.logged)).not.toContain('c4n4ry');
  });
});
