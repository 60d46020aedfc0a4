/**
 * What becomes of a field on its way to the next hop, as far as its name alone says. A number, since this is asked of every field of every
 * message.
 */
export const fieldKind = {
  /** End to end, and none of our business: unknown fields too (RFC 9110 section 5.1). */
  pass: 0,
  /** Of this connection only (RFC 9110 section 7.6.1), or a claim of identity that nobody here attests. */
  drop: 1,
  connection: 2,
  te: 3,
  upgrade: 4,
  via: 5,
  cdnLoop: 6,
  maxForwards: 7,
  /** What a proxy says of its client; holds only from one that is trusted. */
  claim: 8,
  /** The claims we say anew: `forwarded`, `x-forwarded-for`, `-host`, `-proto`. */
  ownClaim: 9,
  trace: 10,
  xray: 11,
  date: 12,
  /** Frames or routes the message: kept although `connection` names it. */
  kept: 13,
  /** Written with `_` or `.`, which some servers read as `-`: whether it passes depends on what we set ourselves. */
  respelt: 14,
  /** No field name at all (RFC 9110 section 5.1). */
  invalid: 15,
  /** Goes on where the answer to it can come back (RFC 9110 section 10.1.1). */
  expect: 16,
} as const;

export type FieldKind = (typeof fieldKind)[keyof typeof fieldKind];

/** Judges names, and remembers the verdicts: a lookup for nearly every field. */
export type FieldKinds = (name: string) => FieldKind;

const { pass, drop, connection, te, upgrade, via, cdnLoop, maxForwards, claim, ownClaim, trace, xray, date, kept, expect } =
  fieldKind;

/** RFC 9110 section 7.6.1, whether `connection` names them or not. */
const ofConnection = ['keep-alive', 'proxy-connection', 'transfer-encoding', 'http2-settings'];

/** For requests. */
export const requestKinds: FieldKinds = createKinds(
  [
    ...all(drop, ...ofConnection, 'proxy-authorization', 'proxy-authenticate'),
    ['connection', connection],
    ['expect', expect],
    ['te', te],
    ['upgrade', upgrade],
    ['via', via],
    ['cdn-loop', cdnLoop],
    ['max-forwards', maxForwards],
    ...all(ownClaim, 'forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto'),
    ...all(trace, 'traceparent', 'tracestate'),
    ['x-amzn-trace-id', xray],
    ...all(kept, 'host', 'content-length'),
    // What proxies of all makes say of their clients, and where they came from.
    ...all(claim, 'x-real-ip', 'true-client-ip', 'x-client-ip', 'x-cluster-client-ip', 'cf-connecting-ip', 'fastly-client-ip'),
    ...all(
      claim,
      'x-azure-clientip',
      'x-azure-socketip',
      'x-envoy-external-address',
      'x-original-forwarded-for',
      'x-original-host',
    ),
    // Some frameworks route by these instead of by the target.
    ...all(claim, 'x-original-url', 'x-rewrite-url'),
  ],
  [
    ['x-forwarded', claim],
    // Identity as App Service, load balancers and Google's front ends attest it. We stand behind none of them.
    ['x-ms-client-principal', drop],
    ['x-ms-token-', drop],
    ['x-amzn-oidc-', drop],
    ['x-goog-authenticated-user-', drop],
    ['x-goog-iap-', drop],
  ],
);

/** For responses. `alt-svc` would lead clients past us (RFC 7838); `proxy-authenticate` is for the hop that asked (RFC 9110 section 11.7.1). */
export const responseKinds: FieldKinds = createKinds(
  [
    ...all(drop, ...ofConnection, 'te', 'alt-svc', 'proxy-authenticate', 'proxy-authentication-info', 'proxy-authorization'),
    ['connection', connection],
    ['upgrade', upgrade],
    ['date', date],
    ['via', kept],
    ['content-length', kept],
  ],
  [],
);

/**
 * For trailers: what frames a message, routes it, modifies a request, authenticates, or describes the response or its content may not come
 * after it (RFC 9110 section 6.5.1).
 */
export const trailerKinds: FieldKinds = createKinds(
  [
    ...all(
      drop,
      ...ofConnection,
      'connection',
      'te',
      'upgrade',
      'trailer',
      'content-length',
      'host',
      'via',
      'cdn-loop',
      'forwarded',
    ),
    ...all(drop, 'cache-control', 'expect', 'max-forwards', 'pragma', 'range', 'if-match', 'if-none-match', 'if-modified-since'),
    ...all(drop, 'if-unmodified-since', 'if-range', 'authorization', 'cookie', 'set-cookie', 'www-authenticate'),
    ...all(drop, 'authentication-info', 'age', 'expires', 'date', 'location', 'retry-after', 'vary', 'warning', 'alt-svc'),
    ...all(drop, 'content-encoding', 'content-type', 'content-range', 'content-location', 'traceparent', 'tracestate'),
  ],
  [
    ['proxy-', drop],
    ['x-forwarded', drop],
    ['x-real-ip', drop],
    ['x-ms-client-principal', drop],
    ['x-ms-token-', drop],
    ['x-amzn-', drop],
    ['x-goog-authenticated-user-', drop],
    ['x-goog-iap-', drop],
  ],
);

/** The name as those read it that take `_` and `.` for `-`. */
export function canonicalName(name: string): string {
  return name.replace(/[_.]/g, '-');
}

function all(kind: FieldKind, ...names: readonly string[]): (readonly [string, FieldKind])[] {
  return names.map((name) => [name, kind] as const);
}

/** Names are the sender's: enough for any honest traffic, and a flood of invented ones costs no memory. */
const maxKnown = 2_000;
const maxKnownLength = 64;
const token = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;

function createKinds(
  exact: readonly (readonly [name: string, kind: FieldKind])[],
  prefixes: readonly (readonly [prefix: string, kind: FieldKind])[],
): FieldKinds {
  const named = new Map(exact);
  let known = new Map(named);

  const judge = (name: string): FieldKind => {
    if (!token.test(name)) return fieldKind.invalid;
    const own = named.get(name) ?? prefixes.find(([prefix]) => name.startsWith(prefix))?.[1];
    if (own !== undefined) return own;
    const canonical = canonicalName(name);
    if (canonical === name) return pass;
    // Another spelling of a field that means something to us is no field that anybody needs.
    const meant = named.get(canonical) ?? prefixes.find(([prefix]) => canonical.startsWith(prefix))?.[1];
    return meant === undefined ? fieldKind.respelt : drop;
  };

  return (name) => {
    const found = known.get(name);
    if (found !== undefined) return found;
    const kind = judge(name);
    if (name.length <= maxKnownLength) {
      if (known.size >= maxKnown) known = new Map(named);
      known.set(name, kind);
    }
    return kind;
  };
}
