import { newApiKey, scopes } from '../../core/auth/api-key.ts';
import type { Configuration } from '../../core/config/configuration.ts';
import { createEgressPolicy } from '../../core/egress/egress-policy.ts';
import type { LogSink } from '../../core/ports/index.ts';
import { PortError } from '../../core/ports/errors.ts';
import { addUsage } from '../../core/session/usage.ts';
import { base64url } from '../../core/text/base64url.ts';
import { compose } from '../composition/compose.ts';
import { nodeCrypto } from '../node/node-crypto.ts';
import { systemClock } from '../node/system-clock.ts';
import { openDataFolder } from './data-folder.ts';
import { EnvSecrets } from './env-secrets.ts';
import { FileSecrets } from './file-secrets.ts';
import { firstOf } from './first-of.ts';
import { startForwardGateway } from './gateway/forward-gateway.ts';
import { startHttpServer } from './http-server.ts';
import { localModule } from './module.ts';

export interface LocalOptions {
  readonly configuration: Configuration;
  readonly dataFolder: string;
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly gatewayPort: number;
  readonly logSink: LogSink;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface Local {
  readonly port: number;
  readonly gatewayPort: number;
  /** Present when the data folder had no API key yet: the first one, never to be seen again. */
  readonly firstKey: string | undefined;
  close(): Promise<void>;
}

/** Expired rows are removed this often, and when they are expired for so long: clocks differ. */
const purgeEveryMs = 60_000;

/** Used by `portolan dev` without a configuration file: no vendor, loopback origins allowed, so that everything works offline. */
export const devConfiguration: Configuration = {
  auth: { storedKeys: true },
  signingSecret: 'signing-key',
  pools: { default: { vendor: 'direct' } },
  gateway: { egress: { allowLoopback: true } },
};

/** Starts the control API and the forward gateway on one SQLite store. */
export async function startLocal(options: LocalOptions): Promise<Local> {
  const { configuration, host, env } = options;
  const { sqlite, secretsFolder } = openDataFolder(options.dataFolder);
  const secrets = firstOf([new EnvSecrets(env), new FileSecrets(secretsFolder)]);
  const gatewayConfiguration = configuration.gateway ?? {};

  // The gateway's port must be known before core is made, and the gateway asks core: so it gets to know it late.
  let authorize: Parameters<typeof startForwardGateway>[0]['authorize'] = async () => ({ allowed: false });
  let onUsage: Parameters<typeof startForwardGateway>[0]['onUsage'] = () => undefined;
  const late = { logger: { log: (): void => undefined } as Parameters<typeof startForwardGateway>[0]['logger'] };
  const gateway = await startForwardGateway({
    host,
    port: options.gatewayPort,
    authorize: (credentials) => authorize(credentials),
    egress: createEgressPolicy(gatewayConfiguration.egress ?? {}),
    logger: { log: (...line) => late.logger.log(...line) },
    clock: systemClock,
    onUsage: (usage) => onUsage(usage),
  });
  const address = gatewayConfiguration.publicUrl === undefined ? { scheme: 'http' as const, host, port: gateway.port } : undefined;
  const { portolan, logger } = compose(localModule(configuration, sqlite, secrets, options.logSink), address, ({ sessionId }) =>
    gateway.closeSession(sessionId),
  );
  late.logger = logger;
  authorize = (credentials) => portolan.gatewayAuthorizer.authorize(credentials);
  onUsage = (usage) => {
    addUsage(portolan.counters, usage, usage, base64url(nodeCrypto.randomBytes(12)), systemClock.now()).catch((error: unknown) => {
      logger.log('error', 'usage.lost', {
        sessionId: usage.sessionId,
        bytesUp: usage.bytesUp,
        bytesDown: usage.bytesDown,
        'error.type': error instanceof PortError ? error.code : 'bug',
      });
    });
  };

  const firstKey = await makeFirstKey(portolan.storedKeys, configuration);
  const server = await startHttpServer({ handler: portolan.handler, host, port: options.port, clock: systemClock, logger });
  const purge = setInterval(() => {
    sqlite.purgeExpired(systemClock.now() - purgeEveryMs).catch((error: unknown) => {
      logger.log('warn', 'purge.failed', { 'error.type': error instanceof PortError ? error.code : 'bug' });
    });
  }, purgeEveryMs);
  purge.unref();
  return {
    port: server.port,
    gatewayPort: gateway.port,
    firstKey,
    async close() {
      clearInterval(purge);
      await Promise.all([server.close(), gateway.close()]);
      sqlite.close();
    },
  };
}

async function makeFirstKey(
  storedKeys: ReturnType<typeof compose>['portolan']['storedKeys'],
  { auth }: Configuration,
): Promise<string | undefined> {
  if (auth.storedKeys === false || auth.keysSecret !== undefined) return undefined;
  for await (const _ of storedKeys.list()) return undefined;
  const { key, record } = newApiKey(nodeCrypto, systemClock.now(), { tenant: 'default', scopes, name: 'first key' });
  await storedKeys.add(record);
  return key;
}
