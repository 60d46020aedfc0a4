import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkConfiguration } from '../../../core/config/check-configuration.ts';
import { builtInTemplates } from '../../../core/session/vendors/catalogue.ts';

const base = { auth: { keysSecret: 'api-keys' }, signingSecret: 'signing', pools: { default: { vendor: 'direct' } } };
const pool = { vendor: 'iproyal', secret: 'iproyal', account: { username: 'u' } };

/** A vendor that keeps an exit for so long and no longer. */
const keeping = (maxSeconds: number) => ({
  ...builtInTemplates['iproyal'],
  ttl: { ...builtInTemplates['iproyal']?.ttl, maxSeconds },
});

const check = (parsed: unknown, hasGateway = true) => checkConfiguration(parsed, builtInTemplates, { hasGateway });

/** The problems of `base` with something else on top. */
function problemsOf(change: object, hasGateway = true): readonly unknown[] {
  const whole = Object.fromEntries(Object.entries({ ...base, ...change }).filter(([, value]) => value !== undefined));
  const checked = check(whole, hasGateway);
  return checked.ok ? [] : checked.problems;
}

describe('a configuration', () => {
  it('with only what is required is right', () => {
    expect(check(base)).toEqual({ ok: true, configuration: base, warnings: [] });
  });

  it('with everything is right', () => {
    const whole = {
      $schema: './portolan.schema.json',
      auth: { keysSecret: 'api-keys', storedKeys: false },
      signingSecret: 'signing',
      defaultPool: 'a',
      pools: {
        a: { ...pool, country: 'de', protocol: 'socks5', onPeerLoss: 'fail', defaultTtlSeconds: 600, maxTtlSeconds: 3_600 },
        mine: { vendor: 'mine', secret: 'mine', account: { username: 'u' } },
      },
      gateway: { publicUrl: 'http://gateway.example.com:8788', egress: { allowLoopback: true, allow: ['10.0.0.0/8'] } },
      sessions: { defaultTtlSeconds: 60, maxTtlSeconds: 600, tombstoneSeconds: 60 },
      limits: { requestsPerMinute: 1, createsPerHour: 1 },
      secrets: { softTtlSeconds: 1, hardTtlSeconds: 1 },
      vendors: { mine: builtInTemplates['iproyal'] },
    };
    expect(check(whole)).toMatchObject({ ok: true, warnings: [] });
  });

  it.each<[what: string, change: object, pointer: string, detail: string, hint?: string]>([
    ['an unknown member', { secret: 1 }, '/secret', 'is not a known member', 'did you mean "secrets"?'],
    [
      'an unknown member far from all',
      { zzz: 1 },
      '/zzz',
      'is not a known member',
      'known here: $schema, auth, signingSecret, pools',
    ],
    [
      'an unknown member of a pool',
      { pools: { a: { ...pool, contry: 'de' } } },
      '/pools/a/contry',
      'is not a known member',
      'did you mean "country"?',
    ],
    ['stored keys switched off and nothing else', { auth: { storedKeys: false } }, '/auth/keysSecret', 'is required'],
    [
      'one of the two jobs under a mistyped name',
      { pools: undefined, pols: { a: pool } },
      '/pols',
      'is not a known member',
      'did you mean "pools"?',
    ],
    [
      'a required member of a pool under a mistyped name',
      { pools: { a: { vendro: 'direct' } } },
      '/pools/a/vendor',
      'is required',
      'is "vendro" meant to be it?',
    ],
    ['neither job', { pools: undefined }, '/pools', 'is required'],
    ['pools without keys', { auth: undefined }, '/auth', 'is required'],
    ['pools without a signing secret', { signingSecret: undefined, routes: [{}] }, '/signingSecret', 'is required'],
    [
      'a required member under a mistyped name',
      { signingSecret: undefined, signngSecret: 'signing' },
      '/signingSecret',
      'is required',
      'is "signngSecret" meant to be it?',
    ],
    ['no pools', { pools: {} }, '/pools', 'must have at least 1 members'],
    ['a secret that is no name', { signingSecret: 'S3cret value!' }, '/signingSecret', 'must match ^[a-z][a-z0-9-]{0,62}$'],
    [
      'a vendor nobody knows',
      { pools: { a: { ...pool, vendor: 'iproyl' } } },
      '/pools/a/vendor',
      'is not a vendor template',
      'did you mean "iproyal"?',
    ],
    ...['constructor', 'tostring', 'valueof'].map((vendor): [string, object, string, string] => [
      `a vendor called ${vendor}, which every object inherits`,
      { pools: { a: { ...pool, vendor } } },
      '/pools/a/vendor',
      'is not a vendor template',
    ]),
    ...['not a host!!', '10.0.0.0/33', 'host:0', 'host:65536', 'http://host', 'a b', ''].map(
      (entry): [string, object, string, string] => [
        `the egress exception ${JSON.stringify(entry)}, on which no gateway could start`,
        { gateway: { egress: { allow: ['10.0.0.0/8', entry] } } },
        '/gateway/egress/allow/1',
        entry === '' ? 'must have at least' : 'is not an address range',
      ],
    ),
    [
      'a default lifetime of a pool over the maximum of all, which would be cut in silence',
      { pools: { a: { ...pool, defaultTtlSeconds: 7_200 } }, sessions: { maxTtlSeconds: 3_600 } },
      '/pools/a/defaultTtlSeconds',
      'greater than maxTtlSeconds (3600',
    ],
    [
      'a default lifetime of a pool over what its vendor keeps',
      { pools: { a: { ...pool, vendor: 'mine', defaultTtlSeconds: 601 } }, vendors: { mine: keeping(600) } },
      '/pools/a/defaultTtlSeconds',
      'greater than what the vendor keeps (600)',
    ],
    [
      'a vendor without its secret',
      { pools: { a: { vendor: 'iproyal', account: { username: 'u' } } } },
      '/pools/a/secret',
      'is required',
      'name the secret',
    ],
    [
      'a vendor whose port is not known',
      { pools: { a: { vendor: 'hex-proxies', secret: 'h' } } },
      '/pools/a/endpoint',
      'the port of Hex Proxies',
    ],
    ['a protocol the vendor lacks', { pools: { a: { ...pool, protocol: 'https' } } }, '/pools/a/protocol', 'has no such endpoint'],
    [
      'a switch the vendor lacks',
      { pools: { a: { vendor: 'webshare', secret: 'w', onPeerLoss: 'fail' } } },
      '/pools/a/onPeerLoss',
      'no way to refuse',
    ],
    ['a country that is none', { pools: { a: { ...pool, country: 'XX' } } }, '/pools/a/country', 'no ISO 3166-1 alpha-2 code'],
    [
      'a default lifetime over the maximum',
      { pools: { a: { ...pool, defaultTtlSeconds: 20, maxTtlSeconds: 10 } } },
      '/pools/a/defaultTtlSeconds',
      'greater than maxTtlSeconds',
    ],
    [
      'a default lifetime over the default maximum',
      { sessions: { defaultTtlSeconds: 86_401 } },
      '/sessions/defaultTtlSeconds',
      'greater than maxTtlSeconds',
    ],
    [
      'a soft age over the hard one',
      { secrets: { softTtlSeconds: 11, hardTtlSeconds: 10 } },
      '/secrets/softTtlSeconds',
      'greater than hardTtlSeconds',
    ],
    [
      'a default pool there is not',
      { defaultPool: 'defualt' },
      '/defaultPool',
      'is not a configured pool',
      'did you mean "default"?',
    ],
    ['a gateway address that is none', { gateway: { publicUrl: 'http://host:99999' } }, '/gateway/publicUrl', 'is not a URL'],
    ['credentials in the gateway address', { gateway: { publicUrl: 'http://u:p@host' } }, '/gateway/publicUrl', 'must match'],
    ['a reserved vendor name', { vendors: { direct: builtInTemplates['iproyal'] } }, '/vendors/direct', 'is a reserved name'],
    [
      'an unknown key in a template',
      { vendors: { mine: { ...builtInTemplates['iproyal'], pasword: [] } } },
      '/vendors/mine/pasword',
      'is not a known member',
      'did you mean "password"?',
    ],
    [
      'a template whose text is wrong',
      { vendors: { mine: { ...builtInTemplates['iproyal'], username: ['{nobody}'] } } },
      '/vendors/mine/username/0',
      '',
    ],
  ])('with %s is refused with a pointer, and a hint where one helps', (_, change, pointer, detail, hint) => {
    const [problem] = problemsOf(change) as { pointer: string; detail: string; hint?: string }[];
    expect(problem?.pointer).toBe(pointer);
    expect(problem?.detail).toContain(detail);
    if (hint !== undefined) expect(problem?.hint).toContain(hint);
  });

  it('accepts stored keys by default, so that an empty "auth" is one source of keys', () => {
    expect(problemsOf({ auth: {} })).toEqual([]);
  });

  it('with every form of egress exception is right', () => {
    const allow = [
      '10.1.0.0/16',
      'fd00::/8',
      '10.1.2.3',
      '10.1.2.3:8080',
      '[fd00::1]:80',
      'intranet.example',
      'intranet.example:443',
    ];
    expect(problemsOf({ gateway: { egress: { allow } } })).toEqual([]);
  });

  it('with a direct pool needs a gateway, here or elsewhere', () => {
    expect(problemsOf({}, false)).toMatchObject([{ pointer: '/pools/default/vendor' }]);
    expect(problemsOf({ gateway: { publicUrl: 'http://gateway.example.com:8788' } }, false)).toEqual([]);
  });

  it('tells all that is wrong with its shape at once, each with its hint, and no more than anybody reads', () => {
    const problems = problemsOf({
      pools: { a: { ...pool, vendr: 'x' }, b: { vendor: 1 }, c: 'direct' },
      sesions: {},
      limits: { requestsPerMinute: 'many' },
    });
    expect(problems).toMatchObject([
      { pointer: '/pools/a/vendr', hint: 'did you mean "vendor"?' },
      { pointer: '/pools/b/vendor', detail: 'must be a string', hint: 'write it in quotes' },
      { pointer: '/pools/c', detail: 'must be an object' },
      { pointer: '/sesions', hint: 'did you mean "sessions"?' },
      { pointer: '/limits/requestsPerMinute' },
    ]);
    // a name that pointers hold cut
    expect(problemsOf({ pools: { ['long'.repeat(30)]: { vendor: true } } })).toHaveLength(2);
    expect(problemsOf({ pools: Object.fromEntries(Array.from({ length: 60 }, (_, at) => [`p${at}`, 1])) })).toHaveLength(50);
  });

  it('tells all that its shape cannot say at once', () => {
    const problems = problemsOf({
      defaultPool: 'x',
      sessions: { defaultTtlSeconds: 20, maxTtlSeconds: 10 },
      pools: { a: { vendor: 'nobody' }, b: { vendor: 'iproyal' } },
    });
    expect(problems.map((problem) => (problem as { pointer: string }).pointer)).toEqual([
      '/defaultPool',
      '/sessions/defaultTtlSeconds',
      '/pools/a/vendor',
      '/pools/b/secret',
    ]);
  });

  it('with an unverified vendor is right, with a warning until it is wanted', () => {
    const unsure = { ...builtInTemplates['iproyal'], confidence: 'unsure' as const };
    const pools = (allowUnverified?: boolean) => ({
      pools: { a: { ...pool, vendor: 'mine', ...(allowUnverified !== undefined && { allowUnverified }) } },
      vendors: { mine: unsure },
    });
    expect(check({ ...base, ...pools() })).toMatchObject({ ok: true, warnings: [{ pointer: '/pools/a/vendor' }] });
    expect(check({ ...base, ...pools(true) })).toMatchObject({ ok: true, warnings: [] });
  });

  it.each([undefined, null, 1, 'text', [], {}])('that is %j is refused, never an exception', (parsed) => {
    expect(check(parsed).ok).toBe(false);
  });

  it('of any form is judged, never an exception, and a problem never holds a value', () => {
    const value = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom<unknown>('c4n4ry value', 1, true, null, 'direct', 'iproyal', 'api-keys'),
        fc.dictionary(
          fc.constantFrom('auth', 'pools', 'a', 'vendor', 'secret', 'signingSecret', 'keysSecret', '__proto__', 'account'),
          tie('value'),
        ),
        fc.array(tie('value'), { maxLength: 2 }),
      ),
    })).value;
    fc.assert(
      fc.property(value, value, (pools, auth) => {
        const checked = check({ ...base, auth, pools });
        expect(JSON.stringify(checked.ok ? [] : checked.problems)).not.toContain('c4n4ry');
      }),
      { numRuns: 500 },
    );
  });
});
