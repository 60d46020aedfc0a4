import { createEgressPolicy } from '../../../core/egress/egress-policy.ts';
import { compose } from '../../composition/compose.ts';
import { startForwardGateway } from '../../local/gateway/forward-gateway.ts';
import { recordUsage } from '../../local/gateway/record-usage.ts';
import { startHttpServer } from '../../local/server/http-server.ts';
import { optionalInteger } from '../../node/environment.ts';
import type { Environment } from '../../node/environment.ts';
import { ConfigurationError } from '../../node/load-configuration.ts';
import { stopOnSignal } from '../../node/stop-on-signal.ts';
import { healthOnly } from './health-only.ts';
import { platformModule } from './platform-module.ts';

// The forward gateway of a deployment, for a container: beside the functions, on their store and secrets.
try {
  await start(process.env, import.meta.url);
} catch (error) {
  const sentence = sentenceFor(error);
  if (sentence === undefined) throw error;
  process.stderr.write(`${sentence}\n`);
  process.exit(2);
}

/**
 * | variable | holds |
 * | --- | --- |
 * | `PORTOLAN_PLATFORM` | `aws`, `azure`, `gcp` or `local`; beside it what that platform's module reads |
 * | `PORTOLAN_GATEWAY_HOST` | the address to listen on, for both ports; default `0.0.0.0` |
 * | `PORTOLAN_GATEWAY_PORT` | the forward gateway; default 8788 |
 * | `PORTOLAN_HEALTH_PORT` | `/healthz`, `/livez` and `/readyz`; default 8789 |
 * | `PORTOLAN_DRAIN_DELAY_SECONDS` | when it is told to stop, how long it goes on as before while `/readyz` says 503; default 0 |
 * | `PORTOLAN_DRAIN_SECONDS` | how long requests and tunnels may go on after that; default 25 |
 *
 * Another process deletes and rotates the sessions. New requests see it at once, since each asks the store; an open tunnel is cut when it
 * is judged again, `reauthorizeEveryMs` (30 s) later at the most, if the store answers then.
 */
async function start(env: Environment, beside: string): Promise<void> {
  const host = env['PORTOLAN_GATEWAY_HOST'] ?? '0.0.0.0';
  const port = optionalInteger(env, 'PORTOLAN_GATEWAY_PORT', 0, 65_535) ?? 8_788;
  const healthPort = optionalInteger(env, 'PORTOLAN_HEALTH_PORT', 0, 65_535) ?? 8_789;
  const drainMs = (optionalInteger(env, 'PORTOLAN_DRAIN_SECONDS', 0, 86_400) ?? 25) * 1_000;
  const delayMs = (optionalInteger(env, 'PORTOLAN_DRAIN_DELAY_SECONDS', 0, 86_400) ?? 0) * 1_000;
  const { portolan, configuration, logger, clock } = compose(await platformModule(env, beside));
  const { gatewayAuthorizer } = portolan;
  if (gatewayAuthorizer === undefined)
    throw new ConfigurationError('The configuration has no pools: there are no sessions to serve');
  if (configuration.gateway?.publicUrl === undefined) {
    throw new ConfigurationError(
      'gateway.publicUrl is not set in the configuration: without it no proxy URL leads to this gateway',
    );
  }
  const gateway = await startForwardGateway({
    host,
    port,
    authorize: (credentials) => gatewayAuthorizer.authorize(credentials),
    egress: createEgressPolicy(configuration.gateway.egress ?? {}),
    logger,
    clock,
    onUsage: (usage) => recordUsage(usage, portolan.counters, logger),
    limits: { closeTimeoutMs: drainMs },
  });
  const health = await startHttpServer({
    handler: healthOnly(portolan.handler),
    host,
    port: healthPort,
    clock,
    logger,
  });
  // before it is said to run: a signal may follow at once
  stopOnSignal(delayMs + drainMs, async (signal) => {
    portolan.announceStop();
    logger.log('info', 'gateway.stopping', { signal, 'drain.delayMs': delayMs, 'drain.ms': drainMs });
    if (delayMs > 0) await clock.sleep(delayMs);
    await gateway.close();
    await health.close();
    logger.log('info', 'gateway.stopped', {});
  });
  logger.log('info', 'gateway.started', { 'gateway.port': gateway.port, 'health.port': health.port });
}

/** What the operator has to change; `undefined` for our own mistakes. */
function sentenceFor(error: unknown): string | undefined {
  if (error instanceof ConfigurationError) return error.message;
  const { code, port } = error as { readonly code?: string; readonly port?: number };
  if (code === 'EADDRINUSE' || code === 'EACCES') {
    return `Port ${port ?? ''} cannot be used (${code}): choose others with PORTOLAN_GATEWAY_PORT and PORTOLAN_HEALTH_PORT`;
  }
  return code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND' ? 'PORTOLAN_GATEWAY_HOST is no address of this machine' : undefined;
}
