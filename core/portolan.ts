import { Authenticator } from './auth/authenticator.ts';
import { StoredKeys } from './auth/key-records.ts';
import { Signer } from './auth/signer.ts';
import { servesSessions } from './config/configuration.ts';
import type { Configuration, SessionsConfiguration } from './config/configuration.ts';
import { createControlHandler } from './control/control-handler.ts';
import type { ControlHandler } from './control/control-handler.ts';
import type { Operations } from './control/operation.ts';
import { sessionOperations } from './control/session-operations.ts';
import { RateLimiter } from './limits/rate-limiter.ts';
import { ReadinessCheck } from './control/readiness.ts';
import type { Clock, Counters, Crypto, HttpHandler, KeyValueStore, Logger, Secrets } from './ports/index.ts';
import { trustProxies } from './proxy/forwarding/client.ts';
import type { ProxyFactory, ReverseProxy } from './proxy/reverse-proxy.ts';
import { CachedSecrets, defaultSecretAges } from './secrets/cached-secrets.ts';
import { Credentials } from './session/credentials.ts';
import type { GatewayAddress } from './session/credentials.ts';
import { Exits } from './session/exits.ts';
import { GatewayAuthorizer } from './session/gateway-authorizer.ts';
import { Sessions } from './session/sessions.ts';
import type { SessionPorts } from './session/sessions.ts';
import { builtInTemplates } from './session/vendors/catalogue.ts';
import { durable } from './storage/durable.ts';
import { defaultRetryPolicy, newRetrier } from './storage/retry.ts';
import { retryingCounters } from './storage/retrying-counters.ts';
import { StoreCounters } from './storage/store-counters.ts';

/** Everything core needs from a platform. */
export interface PortolanPorts {
  readonly clock: Clock;
  readonly crypto: Crypto;
  readonly logger: Logger;
  /** The adapter's own; retries and expiry are put over it here. */
  readonly store: KeyValueStore;
  /** The platform's own counters; default: counters over the store. */
  readonly counters?: Counters | undefined;
  /** The adapter's own; caching is put over it here. */
  readonly secrets: Secrets;
  /** Uniform in [0, 1), for jitter; default `Math.random`. */
  readonly random?: (() => number) | undefined;
  /** Told each secret value that is loaded, so that logs can be scrubbed of it. */
  readonly onSecretValue?: ((value: string) => void) | undefined;
  /** `reverseProxy` of the platform; without it a configuration with `routes` is refused. */
  readonly proxy?: ProxyFactory | undefined;
  /** Told when this process deletes or rotates a session, and so ends a generation of it. */
  readonly onSessionEnded?: SessionPorts['onEnded'];
}

export interface Portolan {
  /** The control API, and the proxy for everything that is not its own. */
  readonly handler: HttpHandler;
  /** From now on `/readyz` answers 503, so that load balancers look elsewhere; everything else goes on. */
  announceStop(): void;
  readonly storedKeys: StoredKeys;
  readonly counters: Counters;
  /** Absent in a configuration without `pools`. */
  readonly sessions?: Sessions | undefined;
  /** For a forward gateway in this process. Absent in a configuration without `pools`. */
  readonly gatewayAuthorizer?: GatewayAuthorizer | undefined;
  /** Absent in a configuration without `routes`. */
  readonly proxy?: ReverseProxy | undefined;
}

export interface SessionsPortolan extends Portolan {
  readonly sessions: Sessions;
  readonly gatewayAuthorizer: GatewayAuthorizer;
}

/**
 * Core's object graph, plain code. Does no I/O.
 *
 * @param configuration checked with `checkConfiguration`
 * @param gateway where this process's own forward gateway can be reached; default: the configured `gateway.publicUrl`
 * @throws {TypeError} a configuration with `routes` and no `PortolanPorts.proxy`
 */
export function createPortolan(
  ports: PortolanPorts,
  configuration: SessionsConfiguration,
  gateway?: GatewayAddress,
): SessionsPortolan;
export function createPortolan(ports: PortolanPorts, configuration: Configuration, gateway?: GatewayAddress): Portolan;
export function createPortolan(ports: PortolanPorts, configuration: Configuration, gateway?: GatewayAddress): Portolan {
  const { clock, crypto, logger, random = Math.random } = ports;
  const store = durable(ports.store, { clock, crypto, random });
  const counters =
    ports.counters === undefined
      ? new StoreCounters(store, clock, random)
      : retryingCounters(ports.counters, newRetrier(clock, random));
  const secrets = new CachedSecrets(
    ports.secrets,
    newRetrier(clock, random, { ...defaultRetryPolicy, maxAttempts: 3 }),
    {
      softTtlSeconds: configuration.secrets?.softTtlSeconds ?? defaultSecretAges.softTtlSeconds,
      hardTtlSeconds: configuration.secrets?.hardTtlSeconds ?? defaultSecretAges.hardTtlSeconds,
    },
    ports.onSecretValue,
  );
  const { keysSecret, storedKeys: acceptStored = configuration.auth !== undefined } = configuration.auth ?? {};
  const storedKeys = new StoredKeys(store);
  const shared = { ...ports, random, store, counters, secrets };
  const sessionsJob = servesSessions(configuration) ? createSessions(shared, configuration, gateway) : undefined;
  const proxy = configuration.routes === undefined ? undefined : factoryOf(ports)(shared, configuration);
  const secretNames = [configuration.signingSecret, keysSecret].filter((name) => name !== undefined);
  const readiness = new ReadinessCheck(store, secrets, secretNames, clock);
  const control = createControlHandler({
    operations: { ...sessionsJob?.operations, ...(configuration.auth === undefined ? undefined : proxy?.operations) },
    authenticator: new Authenticator(clock, crypto, secrets, { keysSecret, storedKeys: acceptStored ? storedKeys : undefined }),
    limiter: new RateLimiter(clock, configuration.limits?.requestsPerMinute ?? 6_000),
    readiness,
    secrets,
    trusts: trustProxies(configuration.proxy?.trustedProxies ?? []),
    clock,
    crypto,
    logger,
  });
  return {
    handler: proxy === undefined ? control.handle : frontOf(control, proxy, configuration.proxy?.controlHosts),
    announceStop: () => {
      readiness.announceStop();
    },
    storedKeys,
    counters,
    sessions: sessionsJob?.sessions,
    gatewayAuthorizer: sessionsJob?.gatewayAuthorizer,
    proxy,
  };
}

/** What both jobs are made of. */
interface Shared extends Omit<PortolanPorts, 'secrets'> {
  readonly random: () => number;
  /** `durable` */
  readonly store: KeyValueStore;
  readonly counters: Counters;
  readonly secrets: CachedSecrets;
}

function factoryOf({ proxy }: PortolanPorts): ProxyFactory {
  if (proxy === undefined) throw new TypeError('A configuration with routes needs PortolanPorts.proxy');
  return proxy;
}

interface SessionsJob {
  readonly operations: Operations;
  readonly sessions: Sessions;
  readonly gatewayAuthorizer: GatewayAuthorizer;
}

function createSessions(
  { store, counters, secrets, clock, crypto, logger, onSessionEnded }: Shared,
  configuration: SessionsConfiguration,
  gateway: GatewayAddress | undefined,
): SessionsJob {
  const signer = new Signer(crypto, secrets, configuration.signingSecret);
  const exits = new Exits(configuration, builtInTemplates, secrets);
  const sessions = new Sessions(
    { store, counters, clock, crypto, signer, exits, onEnded: onSessionEnded },
    {
      tombstoneMs: (configuration.sessions?.tombstoneSeconds ?? 3_600) * 1_000,
      createsPerHour: configuration.limits?.createsPerHour ?? 10_000,
    },
  );
  const credentials = new Credentials(exits, signer, clock, gateway ?? addressOf(configuration.gateway?.publicUrl));
  return {
    operations: sessionOperations({ sessions, credentials, counters, clock, crypto, logger }),
    sessions,
    gatewayAuthorizer: new GatewayAuthorizer(sessions, exits, signer),
  };
}

/** The control API keeps its own paths, on every host or on the named ones; the proxy gets the rest. */
function frontOf(control: ControlHandler, proxy: ReverseProxy, controlHosts: readonly string[] | undefined): HttpHandler {
  const hosts = controlHosts === undefined ? undefined : new Set(controlHosts.map((host) => host.toLowerCase()));
  return (request, context) =>
    (hosts === undefined || hosts.has(request.authority.replace(/:\d+$/, ''))) && control.owns(request.target)
      ? control.handle(request, context)
      : proxy.handle(request, context);
}

function addressOf(publicUrl: string | undefined): GatewayAddress | undefined {
  if (publicUrl === undefined) return undefined;
  const url = new URL(publicUrl);
  const scheme = url.protocol === 'https:' ? 'https' : 'http';
  return {
    scheme,
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? (scheme === 'https' ? 443 : 80) : Number(url.port),
  };
}
