import { describe, expect, it } from 'vitest';
import { guarantee, planLifetime } from '../../../../core/session/vendors/lifetime.ts';
import { needsOptIn } from '../../../../core/session/vendors/template.ts';
import { builtIn, plainTemplate, rendered } from './rendering.ts';

describe('the lifetime of a session at a vendor (D35, D36, D40)', () => {
  it('is what was asked for where the vendor can be told, and says how idle it may be', () => {
    expect(planLifetime(builtIn('oxylabs'), 1_800)).toEqual({
      ttlSeconds: 1_800,
      upstreamTtlSeconds: 1_800,
      idleTimeoutSeconds: 60,
      ttlKind: 'fixed',
      shortened: false,
    });
  });

  it('is rounded up to the vendor’s unit and minimum, so that the vendor never ends it first', () => {
    expect(planLifetime(builtIn('oxylabs'), 61)).toMatchObject({ ttlSeconds: 61, upstreamTtlSeconds: 120, shortened: false });
    expect(planLifetime(builtIn('geonode'), 30)).toMatchObject({ ttlSeconds: 30, upstreamTtlSeconds: 180, shortened: false });
  });

  it('is shortened to the vendor’s maximum, and says so', () => {
    expect(planLifetime(builtIn('massive'), 14_401)).toMatchObject({
      ttlSeconds: 14_400,
      upstreamTtlSeconds: 14_400,
      shortened: true,
    });
    expect(planLifetime(builtIn('massive'), 14_400)).toMatchObject({ ttlSeconds: 14_400, shortened: false });
  });

  it('is the vendor’s own where nothing can be told', () => {
    expect(planLifetime(builtIn('dataimpulse'), 3_600)).toMatchObject({
      ttlSeconds: 1_800,
      upstreamTtlSeconds: undefined,
      shortened: true,
    });
    expect(planLifetime(builtIn('dataimpulse'), 600)).toMatchObject({ ttlSeconds: 600, shortened: false });
  });

  it('is the vendor’s default where nothing is told, even when more could be', () => {
    const template = { ...plainTemplate, ttl: { kind: 'fixed', maxSeconds: 7_200, defaultSeconds: 600 } } as const;
    expect(planLifetime(template, 3_600)).toMatchObject({ ttlSeconds: 600, shortened: true });
    expect(planLifetime({ ...template, ttl: { kind: 'fixed', maxSeconds: 7_200 } }, 10_000)).toMatchObject({
      ttlSeconds: 7_200,
      shortened: true,
    });
    expect(planLifetime({ ...template, ttl: { kind: 'sliding', defaultSeconds: 600 } }, 3_600)).toMatchObject({
      ttlSeconds: 3_600,
      shortened: false,
    });
  });

  it('has no end at a vendor that counts from the last use, only an idle time', () => {
    expect(planLifetime(builtIn('bytio'), 604_800)).toEqual({
      ttlSeconds: 604_800,
      upstreamTtlSeconds: undefined,
      idleTimeoutSeconds: 900,
      ttlKind: 'sliding',
      shortened: false,
    });
  });

  it('has no end where none is published', () => {
    expect(planLifetime(builtIn('bright-data'), 86_400)).toMatchObject({
      ttlSeconds: 86_400,
      ttlKind: 'none',
      idleTimeoutSeconds: 60,
    });
  });

  it('is not told where the fail-closed switch leaves no place for it', () => {
    expect(planLifetime(builtIn('soax'), 3_600, true)).toMatchObject({ ttlSeconds: 3_600, upstreamTtlSeconds: undefined });
    expect(planLifetime(builtIn('soax'), 3_600, false)).toMatchObject({ upstreamTtlSeconds: 3_600 });
  });

  it('is written as planned', () => {
    const template = {
      ...plainTemplate,
      username: ['{account.username}-{sid}-{ttl}'],
      ttl: { kind: 'fixed', unit: 'minute', minSeconds: 120 },
    } as const;
    expect(rendered(template, { ttlSeconds: 1 }).username).toBe('USERNAME-abcd1234-2');
    expect(rendered(template, { ttlSeconds: 121 }).username).toBe('USERNAME-abcd1234-3');
  });
});

describe('what a session can promise when its exit is lost (D37)', () => {
  it('is fail-closed only when asked for and the vendor can', () => {
    expect(guarantee(builtIn('iproyal'), 'fail')).toBe('fail-closed');
    expect(guarantee(builtIn('iproyal'), 'rotate')).toBe('best-effort');
    expect(guarantee(builtIn('decodo'), 'fail')).toBe('best-effort');
  });
});

describe('templates nobody is sure of (D58)', () => {
  it('need an opt-in, by default only the unsure ones', () => {
    expect(needsOptIn(builtIn('netnut'))).toBe(true);
    expect(needsOptIn(builtIn('hex-proxies'))).toBe(false);
  });

  it('need it up to a threshold', () => {
    expect(needsOptIn(builtIn('hex-proxies'), 'C')).toBe(true);
    expect(needsOptIn(builtIn('decodo'), 'C')).toBe(false);
    expect(needsOptIn(builtIn('decodo'), 'B')).toBe(true);
    expect(needsOptIn(builtIn('oxylabs'), 'B')).toBe(false);
  });
});
