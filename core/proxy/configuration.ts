/**
 * The gateway's part of the configuration, as written. `core/proxy/schema.ts` says the same as JSON Schema, with defaults; the two are kept
 * equal by a test. Durations are in milliseconds (`...Ms`), sizes in bytes (`...Bytes`), shares in [0, 1] (`...Ratio`) or percent.
 */
export interface ProxyConfiguration {
  /** Rules in order; the first that matches by priority, then by order, wins. */
  readonly routes?: readonly RouteConfiguration[] | undefined;
  /** Backends by name. */
  readonly upstreams?: Readonly<Record<string, UpstreamConfiguration>> | undefined;
  readonly proxy?: ProxySettings | undefined;
}

/** What holds for every route. */
export interface ProxySettings {
  /** Pseudonym in `Via` and `CDN-Loop` (RFC 9110 section 7.6.3, RFC 8586); a token; default `portolan`. Give each hop of a chain its own. */
  readonly via?: string | undefined;
  /** Ranges of the proxies in front, whose forwarding fields count; default none. On functions the platform's own hop is known already. */
  readonly trustedProxies?: readonly string[] | undefined;
  /** Which forwarding fields upstreams get; default `both`. */
  readonly forwardedFields?: 'both' | 'forwarded' | 'none' | 'x-forwarded' | undefined;
  /** Add `Server-Timing` to answers; default false. */
  readonly serverTiming?: boolean | undefined;
  /** Name of a response field that says which configuration version answered; default none. */
  readonly versionField?: string | undefined;
  /** Add `Proxy-Status` (RFC 9209) to answers of an upstream too, not only to our own; default false. */
  readonly proxyStatus?: boolean | undefined;
  readonly compression?: CompressionConfiguration | undefined;
  readonly accessLog?: AccessLogConfiguration | undefined;
  /** What the control API keeps for itself: its paths on these hosts alone; default on every host. */
  readonly controlHosts?: readonly string[] | undefined;
  /** How often an instance looks for a new version, `pollMs`; default 5,000. */
  readonly live?: { readonly pollMs?: number | undefined } | undefined;
}

export interface CompressionConfiguration {
  /** Codings offered, best first; default `zstd` where the runtime has it, `br`, `gzip`. An empty list switches compression off. */
  readonly codings?: readonly ('br' | 'gzip' | 'zstd')[] | undefined;
  /** Content shorter than this is left alone, in bytes; default 1,024. */
  readonly minBytes?: number | undefined;
  /** Media types compressed; default text, JSON, XML, JavaScript, SVG and their `+json`, `+xml` kin. */
  readonly types?: readonly string[] | undefined;
}

export interface AccessLogConfiguration {
  /** Default true. */
  readonly enabled?: boolean | undefined;
  /** Names of request fields whose values are logged; default none: everything else is left out. */
  readonly requestFields?: readonly string[] | undefined;
  /** Names of query parameters whose values are logged; default none. */
  readonly queryParameters?: readonly string[] | undefined;
}

/** One rule: a condition and exactly one of `upstream`, `split`, `redirect`, `respond`, `handler`. */
export interface RouteConfiguration {
  /** Unique; in logs and in `explain`. `[a-z0-9][a-z0-9-]{0,62}`. */
  readonly id: string;
  /** Higher first; two routes may not have the same one unless it is left out; default 0, and then the order decides. */
  readonly priority?: number | undefined;
  readonly match?: MatchConfiguration | undefined;
  /** Name of an upstream. */
  readonly upstream?: string | undefined;
  /** Two backends, a share each, and the gate between them. */
  readonly split?: SplitConfiguration | undefined;
  readonly redirect?: RedirectConfiguration | undefined;
  readonly respond?: FixedResponse | undefined;
  /** Name of a handler in the user's own code. */
  readonly handler?: string | undefined;

  readonly rewrite?: RewriteConfiguration | undefined;
  readonly requestFields?: FieldEdits | undefined;
  readonly responseFields?: FieldEdits | undefined;
  readonly mirror?: MirrorConfiguration | undefined;
  /** For the whole exchange, all tries included; default 30,000, and never more than the platform leaves. */
  readonly timeoutMs?: number | undefined;
  /** Greatest request content; over it 413; default 10 MiB, or what the platform takes. */
  readonly maxRequestBytes?: number | undefined;
  /** Greatest request header section, names and values; over it 431; default 16,384. */
  readonly maxRequestFieldBytes?: number | undefined;
  /** Accept `%2F`, `%5C`, `%00`, `%3B`, `%23`, `%3F` inside a path segment and forward them unchanged; default false: 400. */
  readonly allowEncodedDelimiters?: boolean | undefined;
  /** Let `Upgrade` through (WebSocket); default false: the field is dropped. */
  readonly upgrade?: boolean | undefined;
  /** Default: as `proxy.compression`. */
  readonly compression?: CompressionConfiguration | false | undefined;
}

/**
 * All that is given must hold. Names of header fields are matched without regard to case, all other names and values exactly; of a field, parameter or
 * cookie that comes several times any value will do.
 */
export interface MatchConfiguration {
  /** `api.example.com`, or `*.example.com` for every name below; with `:port` only that port. Any of them. */
  readonly hosts?: readonly string[] | undefined;
  /**
   * `/exact`, `/prefix/*` (also `/prefix`), or with parameters `/users/{id}/orders/*`: a parameter is one whole segment, not empty.
   * Any of them. Matched on the path as sent, percent-encoded octets of unreserved characters taken for the characters.
   */
  readonly paths?: readonly string[] | undefined;
  readonly methods?: readonly string[] | undefined;
  readonly headers?: readonly FieldMatch[] | undefined;
  readonly query?: readonly FieldMatch[] | undefined;
  readonly cookies?: readonly FieldMatch[] | undefined;
  /** CIDR ranges of client addresses. Any of them. */
  readonly clients?: readonly string[] | undefined;
}

/** `equals`, `prefix`, `oneOf` or, with none of them, presence; `not` turns it round. */
export interface FieldMatch {
  readonly name: string;
  readonly equals?: string | undefined;
  readonly prefix?: string | undefined;
  readonly oneOf?: readonly string[] | undefined;
  readonly not?: boolean | undefined;
}

export interface RewriteConfiguration {
  /** Taken off the front of the path, whole segments; the route's paths must lie under it. */
  readonly stripPrefix?: string | undefined;
  /** Put before the path, after stripping. */
  readonly addPrefix?: string | undefined;
  /** Replaces the path; `{name}` stands for a parameter as sent, `{rest}` for what `*` matched. The query is kept. */
  readonly path?: string | undefined;
}

/** Edits in the order remove, set, add. Values are literal text: nothing is expanded in them. Fields of the connection cannot be edited. */
export interface FieldEdits {
  readonly remove?: readonly string[] | undefined;
  readonly set?: Readonly<Record<string, string>> | undefined;
  readonly add?: Readonly<Record<string, string>> | undefined;
}

export interface RedirectConfiguration {
  /** An absolute URL or a path; `{name}` and `{rest}` as in a rewrite. */
  readonly to: string;
  /** Default 308. */
  readonly status?: 301 | 302 | 303 | 307 | 308 | undefined;
  /** Append the request's query; default true. */
  readonly keepQuery?: boolean | undefined;
}

export interface FixedResponse {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: string | undefined;
}

/** What a choice that should stay the same for one client is made by: exactly one member. `client` is the client's address. */
export interface HashKey {
  readonly header?: string | undefined;
  readonly cookie?: string | undefined;
  readonly query?: string | undefined;
  readonly by?: 'client' | 'path' | undefined;
}

/** Moving traffic from an old backend to a new one (strangler). */
export interface SplitConfiguration {
  /** Name of the upstream that has always served this. */
  readonly old: string;
  readonly new: string;
  /** Share of keys that go to `new`, 0 to 100 with up to two decimals. */
  readonly newPercent: number;
  /** Default `{by: client}`. A request without the key goes by the client. */
  readonly key?: HashKey | undefined;
  /** Sends everything to `old` when `new` does worse; default none. */
  readonly gate?: GateConfiguration | undefined;
}

export interface GateConfiguration {
  /** Greatest share of failures (5xx but 501 and 505, and no answer) on the new side, percent; default 1. */
  readonly maxErrorPercent?: number | undefined;
  /** Greatest p99 of the new side until its response header, milliseconds; default none. */
  readonly maxLatencyMs?: number | undefined;
  /** Judged over this, milliseconds; default 30,000. */
  readonly windowMs?: number | undefined;
  /** Not judged on fewer requests of the new side; default 20. */
  readonly minRequests?: number | undefined;
  /** After a roll-back, how long until the split applies again; default never: until the split is changed, or the same configuration pushed again. */
  readonly retryAfterMs?: number | undefined;
  /** A request that fails on the new side and may be sent again is answered by the old one; default true. */
  readonly rescue?: boolean | undefined;
}

/** A copy of requests to another upstream, whose answers nobody waits for. */
export interface MirrorConfiguration {
  readonly upstream: string;
  /** Default 100. */
  readonly percent?: number | undefined;
  /** Copies on their way at once on one instance; more are left out and counted; default 32. */
  readonly maxInFlight?: number | undefined;
  /** Content over this is not mirrored, bytes; default 262,144. */
  readonly maxBodyBytes?: number | undefined;
  /** Methods copied; default the safe ones. */
  readonly methods?: readonly string[] | undefined;
  /** How long a copy may take; default 10,000, in a function 1,000: one that is frozen with its answer has to wait for the copy. */
  readonly timeoutMs?: number | undefined;
  /** Compare the two answers and log differences; default none. */
  readonly compare?: CompareConfiguration | undefined;
}

export interface CompareConfiguration {
  /** Response fields left out, beside those that always differ (date, age, via...). */
  readonly ignoreFields?: readonly string[] | undefined;
  /** RFC 6901 pointers into JSON content left out; `*` stands for any member or index. */
  readonly ignorePointers?: readonly string[] | undefined;
  /** Content compared up to this, bytes; default 65,536. */
  readonly maxBodyBytes?: number | undefined;
}

/** One backend: exactly one of `url`, `targets`, `discovery`. */
export interface UpstreamConfiguration {
  /** One target: scheme, host, port; a path is put before the request's. */
  readonly url?: string | undefined;
  readonly targets?: readonly TargetConfiguration[] | undefined;
  readonly discovery?: DiscoveryConfiguration | undefined;
  /** Reach loopback, private and shared addresses; never metadata or link-local ones; default false. */
  readonly allowPrivate?: boolean | undefined;
  /** Exceptions as in `gateway.egress.allow`. */
  readonly allow?: readonly string[] | undefined;
  /** Default `http1`. `http2` needs https, or is spoken with prior knowledge (h2c). */
  readonly protocol?: 'http1' | 'http2' | undefined;
  /** `upstream` sends the target's own name, `preserve` the client's, anything else is the name; default `upstream` for https, `preserve` for http. */
  readonly host?: string | undefined;
  readonly tls?: TlsConfiguration | undefined;
  readonly balance?: BalanceConfiguration | undefined;
  readonly timeouts?: TimeoutConfiguration | undefined;
  readonly retry?: RetryConfiguration | undefined;
  readonly circuitBreaker?: BreakerConfiguration | false | undefined;
  readonly outlierEjection?: OutlierConfiguration | false | undefined;
  /** Active checks; on servers only: elsewhere refused by `config check`, as a frozen function checks nothing. */
  readonly healthCheck?: HealthCheckConfiguration | undefined;
  readonly concurrency?: ConcurrencyConfiguration | undefined;
  readonly admission?: AdmissionConfiguration | undefined;
  readonly hedge?: HedgeConfiguration | undefined;
  /** Upstream that answers when this one cannot: no target, open circuit, or every try failed. */
  readonly fallback?: string | undefined;
}

export interface TargetConfiguration {
  readonly url: string;
  /** Share against the others, 0 to 1,000; default 1; 0 takes it out. */
  readonly weight?: number | undefined;
}

export interface DiscoveryConfiguration {
  /** `dns`: A and AAAA records of `name`; `srv`: SRV records (RFC 2782), with their ports, weights and lowest priority. */
  readonly kind: 'dns' | 'srv';
  readonly name: string;
  /** Default `http`. */
  readonly scheme?: 'http' | 'https' | undefined;
  /** Needed for `dns`. */
  readonly port?: number | undefined;
  /** Bounds of what a record's TTL may say; defaults 1,000 and 60,000. */
  readonly minTtlMs?: number | undefined;
  readonly maxTtlMs?: number | undefined;
}

export interface TlsConfiguration {
  /** Name of a secret with PEM certificates trusted beside the system's. */
  readonly ca?: string | undefined;
  /** Name of a secret with a PEM certificate chain and its private key. */
  readonly clientCertificate?: string | undefined;
  /** Name expected in the certificate and sent as SNI; default the target's host. */
  readonly serverName?: string | undefined;
}

export interface BalanceConfiguration {
  /** Default `powerOfTwo`: two random targets, the one with the lesser load by latency (EWMA) and requests in flight. */
  readonly policy: 'hash' | 'leastRequests' | 'powerOfTwo' | 'roundRobin';
  /** For `hash` (rendezvous). */
  readonly key?: HashKey | undefined;
}

export interface TimeoutConfiguration {
  /** Name resolution, TCP and TLS; default 2,000. */
  readonly connectMs?: number | undefined;
  /** From the end of the request to the response's header section; default 15,000. */
  readonly responseHeadersMs?: number | undefined;
  /** Between two pieces of content; default 30,000. */
  readonly idleMs?: number | undefined;
  /** One try until its response's header section; default: no bound but the others. */
  readonly tryMs?: number | undefined;
}

export interface RetryConfiguration {
  /** Tries after the first; 0 to 5; default 1. */
  readonly retries?: number | undefined;
  /** Statuses tried again for methods that may be; default 502, 503, 504. */
  readonly statuses?: readonly number[] | undefined;
  /** Methods that may be sent twice; default the idempotent ones. Others only when not a byte was sent. */
  readonly methods?: readonly string[] | undefined;
  /** Full jitter: retry n waits random in [0, min(maxBackoffMs, (2^n - 1) x baseBackoffMs)); defaults 25 and 250. */
  readonly baseBackoffMs?: number | undefined;
  readonly maxBackoffMs?: number | undefined;
  /** Content kept for another try, bytes; a longer one is not tried again; default 65,536. */
  readonly maxBufferedBytes?: number | undefined;
  /** Retries to requests, over 10 s; default 0.1. */
  readonly budgetRatio?: number | undefined;
  /** Retries a second allowed whatever the ratio says; default 1. */
  readonly budgetMinPerSecond?: number | undefined;
}

export interface BreakerConfiguration {
  /** Opens after so many failures in a row; default 5. */
  readonly consecutiveFailures?: number | undefined;
  /** Or from this share of failures in the window; default 0.5. */
  readonly failureRatio?: number | undefined;
  /** Not judged by ratio on fewer; default 20. */
  readonly minRequests?: number | undefined;
  /** Default 10,000. */
  readonly windowMs?: number | undefined;
  /** First time open; doubles with each failed probe up to `maxOpenMs`; defaults 1,000 and 60,000. */
  readonly openMs?: number | undefined;
  readonly maxOpenMs?: number | undefined;
  /** Successful probes that close it; default 2. */
  readonly probes?: number | undefined;
  /** Tell other instances through the store, read at most once a second; default false. */
  readonly shared?: boolean | undefined;
}

export interface OutlierConfiguration {
  /** Default 5. */
  readonly consecutiveFailures?: number | undefined;
  /** Ejected for this times the number of ejections; defaults 30,000 and at most 300,000. */
  readonly baseEjectionMs?: number | undefined;
  readonly maxEjectionMs?: number | undefined;
  /** At most this share of targets is out at once, but always one may be; default 50. */
  readonly maxEjectedPercent?: number | undefined;
  /** With fewer healthy targets than this, health is ignored and all are used; default 50. */
  readonly panicPercent?: number | undefined;
}

export interface HealthCheckConfiguration {
  /** Origin-form target; default `/healthz`. */
  readonly path?: string | undefined;
  /** Between two checks, a tenth more or less; default 10,000. */
  readonly intervalMs?: number | undefined;
  /** For one check; default 2,000. */
  readonly timeoutMs?: number | undefined;
  /** Failures in a row that take a target out, successes that bring it back; defaults 3 and 2. */
  readonly unhealthyAfter?: number | undefined;
  readonly healthyAfter?: number | undefined;
  /** Default 200 to 299. */
  readonly statuses?: readonly number[] | undefined;
}

export interface ConcurrencyConfiguration {
  /** Requests at once on one instance; default 1,024. With `adaptive` the ceiling. */
  readonly max?: number | undefined;
  /** Requests that may wait for a place; default 128; one whose deadline would pass in the queue is refused at once. */
  readonly maxQueued?: number | undefined;
  /** Longest wait; default 1,000. */
  readonly queueTimeoutMs?: number | undefined;
  /** Find the limit by the gradient of latency; servers and functions with concurrent instances; default false. */
  readonly adaptive?: boolean | undefined;
}

export interface AdmissionConfiguration {
  /** Below this share of successes requests begin to be refused at random; default 0.95. */
  readonly successRatio?: number | undefined;
  /** Default 30,000. */
  readonly windowMs?: number | undefined;
  /** Greatest share refused; default 0.8. */
  readonly maxRejectRatio?: number | undefined;
}

export interface HedgeConfiguration {
  /** Send a second try when the first has not answered after this; default the p95 of recent ones, at least 20. */
  readonly delayMs?: number | undefined;
  /** Hedges to requests, over 10 s; default 0.05. */
  readonly budgetRatio?: number | undefined;
}
