import { describe, expect, it } from 'vitest';
import { startPortolan } from '../../support/portolan.ts';

describe("a request's time for everything behind it", () => {
  it('is not exceeded by many calls that are each quick enough', async () => {
    const { call, store, clock } = startPortolan();
    expect((await call('POST', '/v1/sessions')).status).toBe(201);
    const before = clock.now();
    const callsBefore = store.calls.length;
    // Each call answers, after 1,100 ms: the fourth would begin after 3 s.
    store.fault = () => {
      clock.set(clock.now() + 1_100);
      return undefined;
    };
    const answer = await call('POST', '/v1/sessions', { headers: { 'idempotency-key': 'k' } });
    expect([answer.status, answer.json['code']]).toEqual([503, 'deadline_exceeded']);
    expect(store.calls.length - callsBefore).toBe(3);
    expect(clock.now() - before).toBeLessThanOrEqual(3_000 + 1_100);
    store.fault = () => undefined;
    const again = await call('POST', '/v1/sessions', { headers: { 'idempotency-key': 'k' } });
    expect(again.status).toBe(201);
  });

  it("is the platform's, where that is shorter", async () => {
    const { call, store, clock } = startPortolan();
    await call('POST', '/v1/sessions', { body: { sessionId: 'a' } });
    const calls = store.calls.length;
    const late = await call('GET', '/v1/sessions/a', { context: { deadline: clock.now() } });
    expect([late.status, late.json['code'], store.calls.length]).toEqual([503, 'deadline_exceeded', calls]);
  });
});
