import { newApiKey, scopes } from '../../core/auth/api-key.ts';
import type { Configuration } from '../../core/config/configuration.ts';
import { createEgressPolicy } from '../../core/egress/egress-policy.ts';
import type { StoredKeys } from '../../core/auth/key-records.ts';
import type { LogSink } from '../../core/ports/index.ts';
import type { ProxyPlatform } from '../../core/proxy/platform.ts';
import { PortError } from '../../core/ports/errors.ts';
import { trustProxies } from '../../core/proxy/forwarding/client.ts';
import { compose } from '../composition/compose.ts';
import { nodeCrypto } from '../node/node-crypto.ts';
import { systemClock } from '../node/system-clock.ts';
import { readCertificate } from './server/certificate-files.ts';
import type { CertificateFiles } from './server/certificate-files.ts';
import { openDataFolder } from './data-folder.ts';
import { EnvSecrets } from './secrets/env-secrets.ts';
import { FileSecrets } from './secrets/file-secrets.ts';
import { firstOf } from './secrets/first-of.ts';
import { followCertificate } from './server/follow-certificate.ts';
import { startForwardGateway } from './gateway/forward-gateway.ts';
import type { ForwardGateway } from './gateway/forward-gateway.ts';
import { recordUsage } from './gateway/record-usage.ts';
import { startHttpServer } from './server/http-server.ts';
import type { CertificatePem, HttpServer } from './server/http-server.ts';
import { localModule } from './module.ts';
import { redirectToHttps } from './server/redirect-to-https.ts';
import { serverLimits } from './server/server-limits.ts';
import { findUnreadableSecrets } from './secrets/unreadable-secrets.ts';
import type { UnreadableSecret } from './secrets/unreadable-secrets.ts';

export interface LocalOptions {
  readonly configuration: Configuration;
  readonly dataFolder: string;
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly gatewayPort: number;
  readonly logSink: LogSink;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The user's own code behind routes. */
  readonly handlers?: ProxyPlatform['handlers'];
  /** How long `stop` goes on as before, so that load balancers notice, in milliseconds; default 0. */
  readonly stopDelayMs?: number | undefined;
  /** How long `close` waits for what is under way, in milliseconds; default 25,000. */
  readonly closeTimeoutMs?: number | undefined;
  /** For control API and reverse proxy, followed when they change; default in the clear. */
  readonly tls?: CertificateFiles | undefined;
  /** With `tls`, a port in the clear that sends everybody to TLS, and the port where clients find that; default the own one. */
  readonly redirect?: { readonly fromPort: number; readonly toPort?: number | undefined } | undefined;
  /** Whether control API and reverse proxy speak HTTP/2 too; default true. */
  readonly http2?: boolean | undefined;
}

export interface Local {
  readonly port: number;
  /** Absent in a configuration without `pools`. */
  readonly gatewayPort: number | undefined;
  /** Absent without `redirect`. */
  readonly redirectPort: number | undefined;
  /** Present when the data folder had no API key yet: the first one, never to be seen again. */
  readonly firstKey: string | undefined;
  /** The pushed version that is served in place of the configuration's routes; `undefined` for these themselves. */
  readonly pushedVersion: number | undefined;
  /** What the configuration names and this process cannot use; the server runs all the same and takes it up when it is there. */
  readonly unreadableSecrets: readonly UnreadableSecret[];
  /** `/readyz` answers 503 and everything else goes on for `stopDelayMs`; then it closes. */
  stop(): Promise<void>;
  /** Takes no more connections, lets what is under way end within `closeTimeoutMs`, cuts the rest, and closes the store. */
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

/**
 * Starts the control API, the reverse proxy and the forward gateway on one SQLite store: what the configuration asks for.
 *
 * @throws the system's error when a port is taken or the folder cannot be written, `CertificateError` for files that are no certificate with its key;
 * nothing is left running
 */
export async function startLocal(options: LocalOptions): Promise<Local> {
  const { configuration, host, env, stopDelayMs = 0, closeTimeoutMs, tls, redirect, http2 } = options;
  const limits = closeTimeoutMs === undefined ? {} : { closeTimeoutMs };
  const { publicUrl, egress } = configuration.gateway ?? {};
  const certificate = tls === undefined ? undefined : await readCertificate(tls);
  const { sqlite, secretsFolder } = openDataFolder(options.dataFolder);
  const servers: { close(): Promise<void> }[] = [];
  let gateway: ForwardGateway | undefined;
  let purge: NodeJS.Timeout | undefined;
  let unfollow: (() => void) | undefined;
  const close = async (): Promise<void> => {
    clearInterval(purge);
    unfollow?.();
    await Promise.all(servers.map((server) => server.close()));
    sqlite.close();
  };
  try {
    const secrets = firstOf([new EnvSecrets(env), new FileSecrets(secretsFolder)]);
    // Sessions name the gateway in their URLs, and the gateway asks about sessions: its port is filled in when it is known.
    const address = { scheme: 'http' as const, host, port: options.gatewayPort };
    const { portolan, logger } = compose(
      localModule(configuration, sqlite, secrets, options.logSink, options.handlers),
      publicUrl === undefined ? address : undefined,
      (ended) => gateway?.closeSession(ended),
    );
    const { gatewayAuthorizer, proxy } = portolan;
    if (gatewayAuthorizer !== undefined) {
      gateway = await startForwardGateway({
        host,
        port: options.gatewayPort,
        authorize: (credentials) => gatewayAuthorizer.authorize(credentials),
        egress: createEgressPolicy(egress ?? {}),
        logger,
        clock: systemClock,
        onUsage: (usage) => recordUsage(usage, portolan.counters, logger),
        limits,
      });
      servers.push(gateway);
      address.port = gateway.port;
    }
    const server: HttpServer = await startHttpServer({
      handler: portolan.handler,
      host,
      port: options.port,
      clock: systemClock,
      logger,
      limits: { ...serverLimits(configuration), ...limits },
      tls: certificate,
      http2,
    });
    // after the requests in flight
    servers.push({ close: () => server.close().then(() => proxy?.close()) });
    if (tls !== undefined && certificate !== undefined) {
      const use = (renewed: CertificatePem): void => server.useCertificate(renewed);
      unfollow = followCertificate({ files: tls, inUse: certificate, clock: systemClock, logger, use });
    }
    const redirecting =
      redirect === undefined
        ? undefined
        : await startHttpServer({
            handler: redirectToHttps(
              redirect.toPort ?? server.port,
              logger,
              trustProxies(configuration.proxy?.trustedProxies ?? []),
            ),
            host,
            port: redirect.fromPort,
            clock: systemClock,
            logger,
            limits: { ...serverLimits(configuration), ...limits },
            http2: false,
          });
    if (redirecting !== undefined) servers.push(redirecting);
    purge = setInterval(() => {
      sqlite.purgeExpired(systemClock.now() - purgeEveryMs).catch((error: unknown) => {
        logger.log('warn', 'purge.failed', { 'error.type': error instanceof PortError ? error.code : 'bug' });
      });
    }, purgeEveryMs);
    purge.unref();
    await proxy?.checkSecrets();
    return {
      port: server.port,
      gatewayPort: gateway?.port,
      redirectPort: redirecting?.port,
      pushedVersion: await proxy?.pushedVersion(),
      unreadableSecrets: await findUnreadableSecrets(configuration, secrets),
      // Last, so that a start that fails does not use up what is shown only once.
      firstKey: await makeFirstKey(portolan.storedKeys, configuration),
      async stop() {
        portolan.announceStop();
        server.announceClose();
        redirecting?.announceClose();
        if (stopDelayMs > 0) await systemClock.sleep(stopDelayMs);
        await close();
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function makeFirstKey(storedKeys: StoredKeys, { auth }: Configuration): Promise<string | undefined> {
  if (auth === undefined || auth.storedKeys === false || auth.keysSecret !== undefined) return undefined;
  for await (const _ of storedKeys.list()) return undefined;
  const { key, record } = newApiKey(nodeCrypto, systemClock.now(), { tenant: 'default', scopes, name: 'first key' });
  await storedKeys.add(record);
  return key;
}
