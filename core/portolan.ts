import { Authenticator } from './auth/authenticator.ts';
import { StoredKeys } from './auth/key-records.ts';
import { Signer } from './auth/signer.ts';
import { servesSessions } from './config/configuration.ts';
import type { Configuration } from './config/configuration.ts';
import { createControlHandler } from './control/control-handler.ts';
import { RateLimiter } from './limits/rate-limiter.ts';
import { ReadinessCheck } from './control/readiness.ts';
import type { Clock, Counters, Crypto, HttpHandler, KeyValueStore, Logger, Secrets } from './ports/index.ts';
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
  /** Told when this process deletes or rotates a session, and so ends a generation of it. */
  readonly onSessionEnded?: SessionPorts['onEnded'];
}

export interface Portolan {
  /** The control API. */
  readonly handler: HttpHandler;
  readonly sessions: Sessions;
  readonly storedKeys: StoredKeys;
  /** For a forward gateway in this process. */
  readonly gatewayAuthorizer: GatewayAuthorizer;
  readonly counters: Counters;
}

/**
 * Core's object graph, plain code. Does no I/O.
 *
 * @param configuration checked with `checkConfiguration`
 * @param gateway where this process's own forward gateway can be reached; default: the configured `gateway.publicUrl`
 */
export function createPortolan(ports: PortolanPorts, configuration: Configuration, gateway?: GatewayAddress): Portolan {
  if (!servesSessions(configuration)) throw new TypeError('A configuration without pools is not served yet');
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
  const { keysSecret, storedKeys: acceptStored = true } = configuration.auth;
  const storedKeys = new StoredKeys(store);
  const signer = new Signer(crypto, secrets, configuration.signingSecret);
  const exits = new Exits(configuration, builtInTemplates, secrets);
  const sessions = new Sessions(
    { store, counters, clock, crypto, signer, exits, onEnded: ports.onSessionEnded },
    {
      tombstoneMs: (configuration.sessions?.tombstoneSeconds ?? 3_600) * 1_000,
      createsPerHour: configuration.limits?.createsPerHour ?? 10_000,
    },
  );
  const secretNames = [configuration.signingSecret, ...(keysSecret === undefined ? [] : [keysSecret])];
  return {
    handler: createControlHandler({
      sessions,
      credentials: new Credentials(exits, signer, clock, gateway ?? addressOf(configuration.gateway?.publicUrl)),
      authenticator: new Authenticator(clock, crypto, secrets, { keysSecret, storedKeys: acceptStored ? storedKeys : undefined }),
      limiter: new RateLimiter(clock, configuration.limits?.requestsPerMinute ?? 6_000),
      readiness: new ReadinessCheck(store, secrets, secretNames, clock),
      secrets,
      counters,
      clock,
      crypto,
      logger,
    }),
    sessions,
    storedKeys,
    gatewayAuthorizer: new GatewayAuthorizer(sessions, exits, signer),
    counters,
  };
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
