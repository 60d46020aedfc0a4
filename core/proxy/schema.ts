import type { JsonSchema } from '../schema/validate.ts';
import { secretNamePattern } from '../secrets/secret-name.ts';
import { proxyDefaults } from './defaults.ts';
import { upstreamDefaults } from './upstream/settings.ts';

/** Names of routes, upstreams and handlers. */
const namePattern = '^[a-z0-9][a-z0-9-]{0,62}$';
/** RFC 9110 section 5.6.2. */
const tokenPattern = "^[!#$%&'*+\\-.^_`|~0-9A-Za-z]{1,128}$";

type Description = string | undefined;

const text = (description: Description, more: JsonSchema = {}): JsonSchema => ({
  type: 'string',
  minLength: 1,
  maxLength: 2_048,
  ...more,
  ...(description !== undefined && { description }),
});
const whole = (minimum: number, maximum: number, description: string, byDefault?: number): JsonSchema => ({
  type: 'integer',
  minimum,
  maximum,
  ...(byDefault !== undefined && { default: byDefault }),
  description,
});
const share = (maximum: number, description: string, byDefault?: number): JsonSchema => ({
  type: 'number',
  minimum: 0,
  maximum,
  ...(byDefault !== undefined && { default: byDefault }),
  description,
});
const flag = (byDefault: boolean, description: string): JsonSchema => ({ type: 'boolean', default: byDefault, description });
const list = (items: JsonSchema, description: string, more: JsonSchema = {}): JsonSchema => ({
  type: 'array',
  maxItems: 1_000,
  items,
  ...more,
  description,
});
const object = (
  description: Description,
  properties: Readonly<Record<string, JsonSchema>>,
  required: readonly string[] = [],
): JsonSchema => ({
  type: 'object',
  additionalProperties: false,
  ...(required.length > 0 && { required }),
  properties,
  ...(description !== undefined && { description }),
});
const orFalse = (of: JsonSchema): JsonSchema => ({ description: of.description ?? '', oneOf: [of, { const: false }] });

const ms = (description: string, byDefault?: number, minimum = 1, maximum = 3_600_000): JsonSchema =>
  whole(minimum, maximum, `${description}, milliseconds.`, byDefault);
const bytes = (description: string, byDefault?: number, minimum = 0): JsonSchema =>
  whole(minimum, 1_073_741_824, `${description}, bytes.`, byDefault);
const name = (description: string): JsonSchema => ({ type: 'string', pattern: namePattern, description });
const secret = (description: string): JsonSchema => ({ type: 'string', pattern: secretNamePattern, description });
const token: JsonSchema = { type: 'string', pattern: tokenPattern };
const status: JsonSchema = { type: 'integer', minimum: 200, maximum: 599 };
const value: JsonSchema = { type: 'string', maxLength: 8_192 };
const values = (description: string): JsonSchema => ({
  type: 'object',
  maxProperties: 100,
  additionalProperties: value,
  description,
});

const fieldMatches = (what: string): JsonSchema =>
  list(
    object(
      undefined,
      {
        name: text(`Name of the ${what}.`, { maxLength: 256 }),
        equals: { ...value, description: 'The whole value.' },
        prefix: { ...value, description: 'How the value begins.' },
        oneOf: list(value, 'Any of these values.', { minItems: 1 }),
        not: flag(false, 'Turns the condition round.'),
      },
      ['name'],
    ),
    `Conditions on a ${what}; all must hold. Without equals, prefix and oneOf it has to be there. Of several values any one will do.`,
    { minItems: 1, maxItems: 32 },
  );

const match = object('What a request must be like; all that is given must hold. Without it every request matches.', {
  hosts: list(
    text(undefined, { maxLength: 262 }),
    '`api.example.com`, `*.example.com` for every name below, with `:port` only that port. Any of them.',
    { minItems: 1 },
  ),
  paths: list(
    text(undefined, { maxLength: 1_024 }),
    '`/exact`, `/prefix/*` (also `/prefix`), `/users/{id}/orders/*`: a parameter is one whole segment. Any of them.',
    { minItems: 1 },
  ),
  methods: list(token, 'Methods, in their case. Any of them.', { minItems: 1, maxItems: 64 }),
  headers: fieldMatches('header field'),
  query: fieldMatches('query parameter'),
  cookies: fieldMatches('cookie'),
  clients: list(text(undefined, { maxLength: 64 }), 'Address ranges of clients, such as `10.0.0.0/8`. Any of them.', {
    minItems: 1,
  }),
});

const hashKey = (description: string): JsonSchema =>
  object(description, {
    header: { ...token, description: 'Value of this header field.' },
    cookie: text('Value of this cookie.', { maxLength: 256 }),
    query: text('Value of this query parameter.', { maxLength: 256 }),
    by: { enum: ['client', 'path'], description: "The client's address, or the path." },
  });

const fieldEdits = (of: string): JsonSchema =>
  object(`Changes to the header fields of ${of}, in the order remove, set, add. Values are literal text.`, {
    remove: list(token, 'Names.', { minItems: 1, maxItems: 100 }),
    set: values('Fields that replace those of the same name.'),
    add: values('Fields put beside those of the same name.'),
  });

const compression = (description: string): JsonSchema =>
  object(description, {
    codings: list(
      { enum: ['br', 'gzip', 'zstd'] },
      'Offered, best first; default what the runtime has of zstd, br, gzip. Empty: off.',
      { maxItems: 3, uniqueItems: true },
    ),
    minBytes: bytes('Content shorter than this is left alone', proxyDefaults.compression.minBytes),
    types: list(
      text(undefined, { maxLength: 128 }),
      'Media types compressed; default text, JSON, XML, JavaScript, SVG and their kin.',
      { maxItems: 100 },
    ),
  });

const { gate, mirror, redirect, route: limits } = proxyDefaults;

const route = object(
  undefined,
  {
    id: name('Unique; in logs and in `portolan routes explain`.'),
    priority: whole(
      -1_000_000,
      1_000_000,
      'Higher first. Two routes may not name the same one; those that name none have 0 and their order decides.',
      0,
    ),
    match,
    upstream: name('Action: forward to this upstream.'),
    split: object(
      'Action: forward to one of two upstreams, a share of clients to each.',
      {
        old: name('The upstream that has always served this.'),
        new: name('The upstream that is to serve it.'),
        newPercent: share(100, 'Share of keys that go to `new`, percent; changes keep every key where it is that need not move.'),
        key: hashKey('What stays on one side; exactly one member. Default `{by: client}`.'),
        gate: object('Sends everything to `old` when `new` does worse; default none.', {
          maxErrorPercent: share(
            100,
            'Greatest share of failures (5xx but 501 and 505, and no answer) on the new side, percent.',
            gate.maxErrorPercent,
          ),
          maxLatencyMs: ms("Greatest p99 of the new side until its response's header; default none"),
          windowMs: ms('Judged over this', gate.windowMs, 1_000),
          minRequests: whole(1, 1_000_000, 'Not judged on fewer requests of the new side.', gate.minRequests),
          retryAfterMs: ms('How long after a roll-back the split applies again; default never', undefined, 1, 604_800_000),
          rescue: flag(true, 'A request that fails on the new side and may be sent again is answered by the old one.'),
        }),
      },
      ['old', 'new', 'newPercent'],
    ),
    redirect: object(
      'Action: send the client elsewhere.',
      {
        to: text('An absolute URL or a path, with `{name}` and `{rest}` in path and query.'),
        status: { enum: [301, 302, 303, 307, 308], default: redirect.status },
        keepQuery: flag(redirect.keepQuery, "Append the request's query."),
      },
      ['to'],
    ),
    respond: object(
      'Action: answer at once.',
      {
        status: { ...status, description: 'A final status.' },
        headers: values('Header fields of the answer.'),
        body: { type: 'string', maxLength: 1_048_576, description: 'Text; `text/plain` unless a field says otherwise.' },
      },
      ['status'],
    ),
    handler: name("Action: a handler in the user's own code."),
    rewrite: object('Changes to the path that is forwarded; the query is kept. Either `path`, or the other two.', {
      stripPrefix: text("Taken off the front, whole segments; the route's paths must lie under it.", { maxLength: 1_024 }),
      addPrefix: text('Put before the path, after stripping.', { maxLength: 1_024 }),
      path: text('Replaces the path; `{name}` stands for a parameter as sent, `{rest}` for what `*` matched.', {
        maxLength: 1_024,
      }),
    }),
    requestFields: fieldEdits('requests'),
    responseFields: fieldEdits('responses'),
    mirror: object(
      'Sends a copy of requests to another upstream, whose answers nobody waits for.',
      {
        upstream: name('Where copies go.'),
        percent: share(100, 'Share of requests copied, percent.', mirror.percent),
        maxInFlight: whole(
          1,
          10_000,
          'Copies on their way at once on one instance; more are left out and counted.',
          mirror.maxInFlight,
        ),
        maxBodyBytes: bytes('Content over this is not mirrored', mirror.maxBodyBytes),
        methods: list(token, 'Methods copied; default the safe ones.', { minItems: 1, maxItems: 64 }),
        timeoutMs: ms(
          'How long a copy may take; default 10,000, in a function 1,000: one that is frozen with its answer has to wait for the copy',
        ),
        compare: object('Compare the two answers and log differences; default none.', {
          ignoreFields: list(token, 'Response fields left out, beside those that always differ.'),
          ignorePointers: list(
            { type: 'string', maxLength: 1_024 },
            'JSON pointers (RFC 6901) left out; `*` stands for any member or index.',
          ),
          maxBodyBytes: bytes('Content compared up to this', mirror.comparedBytes),
        }),
      },
      ['upstream'],
    ),
    timeoutMs: ms('For the whole exchange, all tries included, and never more than the platform leaves', limits.timeoutMs),
    maxRequestBytes: bytes('Greatest request content; over it 413', limits.maxRequestBytes),
    maxRequestFieldBytes: bytes('Greatest request header section; over it 431', limits.maxRequestFieldBytes, 256),
    allowEncodedDelimiters: flag(
      false,
      'Accept `%2F`, `%5C`, `%00`, `%3B`, `%23`, `%3F` in a path and forward them unchanged; otherwise 400.',
    ),
    upgrade: flag(false, 'Let `Upgrade` through, as WebSocket needs; otherwise the field is dropped.'),
    compression: orFalse(compression('Default: as `proxy.compression`; `false` switches it off.')),
  },
  ['id'],
);

const { admission, breaker, concurrency, discovery, healthCheck, hedge, outlier, retry, timeouts } = upstreamDefaults;
const url = (description: string): JsonSchema => text(description, { pattern: '^https?://[^\\s/?#@\\\\]+(/[^\\s?#\\\\]*)?$' });

const upstream = object('One backend: exactly one of `url`, `targets`, `discovery`.', {
  url: url("The only target: scheme, host, port; a path is put before the request's."),
  targets: list(
    object(
      undefined,
      {
        url: url("Scheme, host, port; a path is put before the request's."),
        weight: share(1_000, 'Share against the others; 0 takes it out.', 1),
      },
      ['url'],
    ),
    'Several targets.',
    { minItems: 1 },
  ),
  discovery: object(
    'Targets found by name.',
    {
      kind: {
        enum: ['dns', 'srv'],
        description: '`dns`: A and AAAA records; `srv`: SRV records with their ports, weights and lowest priority.',
      },
      name: text('Looked up.', { maxLength: 253 }),
      scheme: { enum: ['http', 'https'], default: discovery.scheme },
      port: whole(1, 65_535, 'Needed for `dns`.'),
      minTtlMs: ms("Least time an answer is used, whatever its record's TTL", discovery.minTtlMs, 0, 86_400_000),
      maxTtlMs: ms("Longest time an answer is used, whatever its record's TTL", discovery.maxTtlMs, 0, 86_400_000),
    },
    ['kind', 'name'],
  ),
  allowPrivate: flag(false, 'Reach loopback, private and shared addresses; metadata and link-local ones are never reached.'),
  allow: list(text(undefined, { maxLength: 260 }), 'Exceptions: addresses, CIDR ranges, hosts, `host:port`.'),
  protocol: { enum: ['http1', 'http2'], default: 'http1', description: '`http2` over TLS, or in the clear with prior knowledge.' },
  host: text(
    "`upstream` sends the target's own name, `preserve` the client's, anything else is the name; default `upstream` for https, `preserve` for http.",
    { maxLength: 262 },
  ),
  tls: object('Certificates are always verified.', {
    ca: secret("Secret with PEM certificates trusted beside the system's."),
    clientCertificate: secret('Secret with a PEM certificate chain and its private key.'),
    serverName: text("Name expected in the certificate and sent as SNI; default the target's host.", { maxLength: 253 }),
  }),
  balance: object(
    'How a target is chosen.',
    {
      policy: {
        enum: ['hash', 'leastRequests', 'powerOfTwo', 'roundRobin'],
        default: upstreamDefaults.balance.policy,
        description: '`powerOfTwo`: the less loaded of two at random; `hash`: the same one for the same key.',
      },
      key: hashKey('For `hash`; exactly one member.'),
    },
    ['policy'],
  ),
  timeouts: object("Parts of a try's time; the route's `timeoutMs` bounds them all.", {
    connectMs: ms('Name resolution, TCP and TLS', timeouts.connectMs),
    responseHeadersMs: ms("From the end of the request to the response's header section", timeouts.responseHeadersMs),
    idleMs: ms('Between two pieces of content', timeouts.idleMs),
    tryMs: ms("One try until its response's header section; default no bound but the others"),
  }),
  retry: object('Full jitter, under a budget.', {
    retries: whole(0, 5, 'Tries after the first.', retry.retries),
    statuses: list(status, 'Statuses tried again for methods that may be.', { maxItems: 100, default: retry.statuses }),
    methods: list(token, 'Methods that may be sent twice. Others only when not a byte was sent.', {
      maxItems: 64,
      default: retry.methods,
    }),
    baseBackoffMs: ms('Retry n waits random in [0, (2^n - 1) x this)', retry.baseBackoffMs, 0, 60_000),
    maxBackoffMs: ms('But not more than this', retry.maxBackoffMs, 0, 60_000),
    maxBufferedBytes: bytes('Content kept for another try; a longer one is not tried again', retry.maxBufferedBytes),
    budgetRatio: share(1, 'Retries to requests, over 10 s.', retry.budgetRatio),
    budgetMinPerSecond: share(1_000, 'Retries a second allowed whatever the ratio says.', retry.budgetMinPerSecond),
  }),
  circuitBreaker: orFalse(
    object('Spares an upstream that fails; `false` switches it off.', {
      consecutiveFailures: whole(1, 1_000, 'Opens after so many failures in a row.', breaker.consecutiveFailures),
      failureRatio: share(1, 'Or from this share of failures in the window.', breaker.failureRatio),
      minRequests: whole(1, 1_000_000, 'Not judged by ratio on fewer.', breaker.minRequests),
      windowMs: ms('Judged over this', breaker.windowMs, 100),
      openMs: ms('First time open; doubles with each failed probe', breaker.openMs),
      maxOpenMs: ms('Longest time open', breaker.maxOpenMs),
      probes: whole(1, 100, 'Successful probes that close it.', breaker.probes),
      shared: flag(breaker.shared, 'Tell other instances through the store, read at most once a second.'),
    }),
  ),
  outlierEjection: orFalse(
    object('Takes single targets out that fail; `false` switches it off.', {
      consecutiveFailures: whole(1, 1_000, 'Failures in a row that eject.', outlier.consecutiveFailures),
      baseEjectionMs: ms('Ejected for this times the number of ejections', outlier.baseEjectionMs),
      maxEjectionMs: ms('Longest ejection', outlier.maxEjectionMs),
      maxEjectedPercent: share(
        100,
        'Greatest share of targets out at once, percent; always one may be.',
        outlier.maxEjectedPercent,
      ),
      panicPercent: share(100, 'With fewer healthy targets than this, percent, health is ignored.', outlier.panicPercent),
    }),
  ),
  healthCheck: object('Active checks, on servers only.', {
    path: text('Origin-form target.', { pattern: '^/[!-~]*$', default: healthCheck.path }),
    intervalMs: ms('Between two checks', healthCheck.intervalMs, 100),
    timeoutMs: ms('For one check', healthCheck.timeoutMs),
    unhealthyAfter: whole(1, 100, 'Failures in a row that take a target out.', healthCheck.unhealthyAfter),
    healthyAfter: whole(1, 100, 'Successes in a row that bring it back.', healthCheck.healthyAfter),
    statuses: list(status, 'Good statuses; default 200 to 299.', { minItems: 1, maxItems: 100 }),
  }),
  concurrency: object('Requests at once on one instance.', {
    max: whole(1, 100_000, 'Requests at once; with `adaptive` the ceiling.', concurrency.max),
    maxQueued: whole(0, 100_000, 'Requests that may wait for a place.', concurrency.maxQueued),
    queueTimeoutMs: ms('Longest wait', concurrency.queueTimeoutMs, 0),
    adaptive: flag(concurrency.adaptive, 'Find the limit by the gradient of latency.'),
  }),
  admission: object('Refuse a share of requests at random while many fail; default none.', {
    successRatio: share(1, 'Refuses below this share of successes.', admission.successRatio),
    windowMs: ms('Judged over this', admission.windowMs, 1_000),
    maxRejectRatio: share(1, 'Greatest share refused.', admission.maxRejectRatio),
  }),
  hedge: object('Send a second try beside a slow first one; default none.', {
    delayMs: ms('After this; default the p95 of recent ones, at least 20'),
    budgetRatio: share(1, 'Hedges to requests, over 10 s.', hedge.budgetRatio),
  }),
  fallback: name('Upstream that answers when this one cannot.'),
});

const proxy = object('What holds for every route.', {
  via: text('Pseudonym in `Via` and `CDN-Loop`: a token. Give each hop of a chain its own.', {
    pattern: tokenPattern,
    default: proxyDefaults.proxy.via,
  }),
  trustedProxies: list(
    text(undefined, { maxLength: 64 }),
    'Address ranges of the proxies in front, whose forwarding fields count; default none.',
  ),
  forwardedFields: {
    enum: ['both', 'forwarded', 'none', 'x-forwarded'],
    default: proxyDefaults.proxy.forwardedFields,
    description: 'Which forwarding fields upstreams get.',
  },
  serverTiming: flag(false, 'Add `Server-Timing` to answers.'),
  versionField: { ...token, description: 'Response field that says which configuration version answered; default none.' },
  proxyStatus: flag(false, 'Add `Proxy-Status` (RFC 9209) to answers of upstreams too, not only to our own.'),
  compression: compression('Compression of answers, negotiated.'),
  accessLog: object('One line for each request; values of fields and parameters are left out unless named here.', {
    enabled: flag(true, 'Write it.'),
    requestFields: list(token, 'Request fields whose values are logged.'),
    queryParameters: list(text(undefined, { maxLength: 256 }), 'Query parameters whose values are logged.'),
  }),
  controlHosts: list(text(undefined, { maxLength: 262 }), 'The control API answers on these hosts alone; default on every host.', {
    minItems: 1,
  }),
  live: object('Configuration pushed while running.', {
    pollMs: ms('How often an instance looks for a new version', proxyDefaults.proxy.pollMs, 100),
  }),
});

/** The gateway's members of the configuration's schema. */
export const proxyProperties: Readonly<Record<'proxy' | 'routes' | 'upstreams', JsonSchema>> = {
  routes: {
    type: 'array',
    minItems: 1,
    maxItems: 20_000,
    items: route,
    description: 'Rules; the first that matches by priority, then by order, wins. Each has exactly one action.',
  },
  upstreams: {
    type: 'object',
    maxProperties: 1_000,
    propertyNames: { pattern: namePattern },
    additionalProperties: upstream,
    description: 'Backends by name.',
  },
  proxy,
};
