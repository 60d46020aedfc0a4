import { describe, expect, it } from 'vitest';
import { resolveSettings } from '../../../../core/proxy/upstream/settings.ts';

describe('the settings of an upstream', () => {
  it('are the documented defaults where the configuration is silent', () => {
    expect(resolveSettings('orders', { url: 'https://a.example' })).toEqual({
      name: 'orders',
      targets: [{ url: 'https://a.example' }],
      discovery: undefined,
      host: undefined,
      balance: { policy: 'powerOfTwo' },
      timeouts: { connectMs: 2_000, responseHeadersMs: 15_000, idleMs: 30_000, tryMs: undefined },
      retry: {
        retries: 1,
        statuses: [502, 503, 504],
        methods: ['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'],
        baseBackoffMs: 25,
        maxBackoffMs: 250,
        maxBufferedBytes: 65_536,
        budgetRatio: 0.1,
        budgetMinPerSecond: 1,
      },
      circuitBreaker: {
        consecutiveFailures: 5,
        failureRatio: 0.5,
        minRequests: 20,
        windowMs: 10_000,
        openMs: 1_000,
        maxOpenMs: 60_000,
        probes: 2,
        shared: false,
      },
      outlierEjection: {
        consecutiveFailures: 5,
        baseEjectionMs: 30_000,
        maxEjectionMs: 300_000,
        maxEjectedPercent: 50,
        panicPercent: 50,
      },
      healthCheck: undefined,
      concurrency: { max: 1_024, maxQueued: 128, queueTimeoutMs: 1_000, adaptive: false },
      admission: undefined,
      hedge: undefined,
      fallback: undefined,
      profile: {
        protocol: 'http1',
        allowPrivate: false,
        allow: [],
        tls: undefined,
        connectTimeoutMs: 2_000,
        responseHeadersTimeoutMs: 15_000,
        idleTimeoutMs: 30_000,
      },
    });
  });

  it('fill in what a part that is named leaves out, and take undefined for left out', () => {
    const settings = resolveSettings('orders', {
      discovery: { kind: 'dns', name: 'orders.internal', port: 8_080, minTtlMs: undefined },
      retry: { retries: 0, statuses: undefined },
      healthCheck: {},
      admission: {},
      hedge: {},
    });
    expect(settings.discovery).toEqual({
      kind: 'dns',
      name: 'orders.internal',
      port: 8_080,
      scheme: 'http',
      minTtlMs: 1_000,
      maxTtlMs: 60_000,
    });
    expect(settings.retry).toMatchObject({ retries: 0, statuses: [502, 503, 504] });
    expect(settings.healthCheck).toEqual({
      path: '/healthz',
      intervalMs: 10_000,
      timeoutMs: 2_000,
      unhealthyAfter: 3,
      healthyAfter: 2,
      statuses: undefined,
    });
    expect(settings.admission).toEqual({ successRatio: 0.95, windowMs: 30_000, maxRejectRatio: 0.8 });
    expect(settings.hedge).toEqual({ delayMs: undefined, budgetRatio: 0.05 });
  });

  it('leave out what is switched off', () => {
    const settings = resolveSettings('orders', { url: 'http://a', circuitBreaker: false, outlierEjection: false });
    expect([settings.circuitBreaker, settings.outlierEjection]).toEqual([undefined, undefined]);
  });

  it.each([
    [{}, 'exactly one'],
    [{ url: 'http://a', targets: [{ url: 'http://b' }] }, 'exactly one'],
    [{ discovery: { kind: 'dns', name: 'a' } as const }, 'needs a port'],
  ])('refuse %j', (configuration, message) => {
    expect(() => resolveSettings('orders', configuration)).toThrow(message);
  });
});
