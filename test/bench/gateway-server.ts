/**
 * One gateway in a process of its own: `portolan` as `portolan dev` starts it, `policies` with six policies configured, or a reference by its name.
 * `gateway-server.ts <which> <upstream> <folder>`; tells its port, and what it has used whenever it is asked.
 */
import type { Configuration } from '../../core/config/configuration.ts';
import type { UpstreamConfiguration } from '../../core/proxy/configuration.ts';
import { proxies } from './references/proxies.ts';

const [which = '', upstream = '', folder = ''] = process.argv.slice(2);

const backend: UpstreamConfiguration = { url: upstream, allowPrivate: true };

const plain: Configuration = {
  upstreams: { backend },
  routes: [
    { id: 'health', match: { paths: ['/healthy'], methods: ['GET'] }, respond: { status: 204 } },
    { id: 'items', match: { paths: ['/items/{id}'], methods: ['GET', 'PUT', 'DELETE'] }, upstream: 'backend' },
    { id: 'rest', upstream: 'backend' },
  ],
};

/** Limits, fields, retries, a breaker, time-outs, the access log. */
const policies: Configuration = {
  upstreams: {
    backend: {
      ...backend,
      concurrency: { max: 512, maxQueued: 64, queueTimeoutMs: 500 },
      retry: { retries: 2, statuses: [502, 503, 504], budgetRatio: 0.1 },
      circuitBreaker: { consecutiveFailures: 5, failureRatio: 0.5, openMs: 1_000 },
      timeouts: { connectMs: 1_000, responseHeadersMs: 4_000, idleMs: 10_000, tryMs: 5_000 },
    },
  },
  routes: [
    {
      id: 'items',
      match: { paths: ['/items/{id}'], methods: ['GET', 'PUT', 'DELETE'] },
      upstream: 'backend',
      timeoutMs: 20_000,
      maxRequestBytes: 1_000_000,
      maxRequestFieldBytes: 8_192,
      requestFields: { remove: ['x-internal'], set: { 'x-api-version': '2026-11-01' } },
      responseFields: { remove: ['server'], set: { 'strict-transport-security': 'max-age=31536000' } },
    },
  ],
  proxy: { accessLog: { enabled: true, requestFields: ['user-agent'] } },
};

async function portolan(configuration: Configuration): Promise<number> {
  const [{ startLocal }, { batchedStdoutSink }] = await Promise.all([
    import('../../adapters/local/start-local.ts'),
    import('../../adapters/node/console-logger.ts'),
  ]);
  const { port } = await startLocal({
    configuration,
    dataFolder: folder,
    host: '127.0.0.1',
    port: 0,
    gatewayPort: 0,
    logSink: batchedStdoutSink(),
    env: {},
  });
  return port;
}

function start(): Promise<number> {
  if (which === 'portolan') return portolan(plain);
  if (which === 'policies') return portolan(policies);
  const reference = proxies[which as keyof typeof proxies];
  if (reference === undefined) throw new Error(`There is no gateway ${which}`);
  return reference(upstream);
}

process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ cpuUs: user + system, peakKb: process.resourceUsage().maxRSS });
});
process.once('disconnect', () => process.exit(0));
process.send?.({ port: await start() });
