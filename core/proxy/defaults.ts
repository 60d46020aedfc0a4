/**
 * What holds for routes and the proxy where the configuration is silent. Code, schema and reference read it here; the defaults of upstreams are in
 * `upstream/settings.ts`.
 */
export const proxyDefaults = {
  route: { timeoutMs: 30_000, maxRequestBytes: 10_485_760, maxRequestFieldBytes: 16_384 },
  redirect: { status: 308, keepQuery: true },
  gate: { maxErrorPercent: 1, windowMs: 30_000, minRequests: 20 },
  mirror: {
    percent: 100,
    maxInFlight: 32,
    maxBodyBytes: 262_144,
    comparedBytes: 65_536,
    timeoutMs: 10_000,
    functionTimeoutMs: 1_000,
  },
  compression: { minBytes: 1_024 },
  proxy: { via: 'portolan', forwardedFields: 'both', pollMs: 5_000 },
} as const;
