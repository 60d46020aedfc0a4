import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deleted, extended, isLive, purgeAt, rotated, stateOf } from '../../../core/session/session.ts';
import type { Session } from '../../../core/session/session.ts';
import { fromRecord, toRecord } from '../../../core/session/session-record.ts';
import { parseVendorAccount } from '../../../core/session/vendor-account.ts';

const session: Session = {
  tenant: 'acme',
  sessionId: 'a',
  pool: 'default',
  vendor: 'direct',
  label: 'label',
  tags: { a: 'b' },
  geo: { country: 'de' },
  onPeerLoss: 'fail',
  createdAt: 1_000,
  expiresAt: 61_000,
  generation: 1,
  revision: 1,
  upstream: { token: 't', startedAt: 1_000, ttlSeconds: 60 },
  creationId: 'c',
};

describe('a session', () => {
  it('is active, expiring for its last 5 s, then expired; or deleted', () => {
    expect([0, 55_999, 56_000, 60_999, 61_000, 1e15].map((now) => stateOf(session, now))).toEqual([
      'active',
      'active',
      'expiring',
      'expiring',
      'expired',
      'expired',
    ]);
    expect([0, 61_000].map((now) => stateOf({ ...session, deletedAt: 5 }, now))).toEqual(['deleted', 'deleted']);
    expect([0, 60_999, 61_000].map((now) => isLive(session, now))).toEqual([true, true, false]);
    expect(isLive({ ...session, deletedAt: 5 }, 0)).toBe(false);
  });

  it('is changed by making another, whose revision is one more', () => {
    const before = structuredClone(session);
    expect(extended(session, 99)).toEqual({ ...session, expiresAt: 99, revision: 2 });
    expect(rotated(session, { startedAt: 2, ttlSeconds: 3 })).toEqual({
      ...session,
      upstream: { startedAt: 2, ttlSeconds: 3 },
      generation: 2,
      revision: 2,
    });
    expect(deleted(session, 7)).toEqual({ ...session, label: undefined, tags: {}, deletedAt: 7, revision: 2 });
    expect(session).toEqual(before);
  });

  it('may be purged after its tombstone, and not while its creation could be repeated', () => {
    expect(purgeAt(session, 3_600_000)).toBe(3_661_000);
    expect(purgeAt({ ...session, keepUntil: 86_400_000 }, 3_600_000)).toBe(86_400_000);
    expect(purgeAt({ ...session, keepUntil: 5 }, 3_600_000)).toBe(3_661_000);
  });

  it('goes into a record and comes back the same', () => {
    const text = fc.string({ unit: 'binary' });
    const any = fc.record({
      label: fc.option(text, { nil: undefined }),
      tags: fc.dictionary(text, text),
      generation: fc.integer({ min: 1 }),
      expiresAt: fc.nat(),
    });
    fc.assert(
      fc.property(any, (changes) => {
        const one: Session = { ...session, ...changes };
        const record = toRecord(one, 1_000);
        expect(record).toMatchObject({ partition: 'sessions.acme', id: 'a', expiresAt: one.expiresAt + 1_000 });
        expect(record.value.isWellFormed()).toBe(true);
        const { v, ...back } = fromRecord({ ...record, version: '1' }) as Session & { v: number };
        expect([v, back]).toEqual([1, JSON.parse(JSON.stringify(one))]);
      }),
    );
  });
});

describe('a vendor account', () => {
  it.each<[string, string, Record<string, string>]>([
    ['secret', 'secret', {}],
    ['secret\n', 'secret', {}],
    ['secret\r\n', 'secret', {}],
    [' with spaces ', ' with spaces ', {}],
    ['[1]', '[1]', {}],
    ['', '', {}],
    ['{"password":"p","username":"u"}', 'p', { username: 'u' }],
    [' {"password":"{p}"}', '{p}', {}],
  ])('%j is read', (secret, password, fields) => {
    expect(parseVendorAccount(secret)).toEqual({ password, fields });
  });

  it.each(['{', '{}', '{"password":1}', '{"password":"c4n4ry","username":1}', '{"password":"c4n4ry","x":null}', '{c4n4ry}'])(
    '%j is data_loss, said without the value',
    (secret) => {
      expect(() => parseVendorAccount(secret)).toThrow(
        expect.objectContaining({
          name: 'PortError',
          code: 'data_loss',
          message: expect.not.stringContaining('c4n4ry') as unknown,
        }),
      );
    },
  );
});
