import type { ServiceIdentifier } from 'inversify';
import type { Configuration } from '../../core/config/configuration.ts';
import type { Clock, Counters, Crypto, KeyValueStore, Logger, LogSink, Secrets } from '../../core/ports/index.ts';
import type { Portolan } from '../../core/portolan.ts';
import type { ProxyFactory } from '../../core/proxy/reverse-proxy.ts';
import type { Scrubber } from '../../core/telemetry/scrub.ts';

/** Typed, so that a swapped pair of bindings does not compile. */
function token<T>(name: string): ServiceIdentifier<T> {
  return Symbol(name) as ServiceIdentifier<T>;
}

interface Tokens {
  readonly clock: ServiceIdentifier<Clock>;
  readonly crypto: ServiceIdentifier<Crypto>;
  /** Where finished log lines go. */
  readonly logSink: ServiceIdentifier<LogSink>;
  readonly configuration: ServiceIdentifier<Configuration>;
  /** The adapter's store as it is; core puts retries and expiry over it. */
  readonly store: ServiceIdentifier<KeyValueStore>;
  /** The platform's own counters, or null for counters over the store. */
  readonly counters: ServiceIdentifier<Counters | null>;
  /** The adapter's secrets as they are; core caches. */
  readonly secrets: ServiceIdentifier<Secrets>;
  /** The gateway, or null where the configuration has no routes. */
  readonly proxy: ServiceIdentifier<ProxyFactory | null>;
  /** Bound by `compose`, as are the two after it. */
  readonly logger: ServiceIdentifier<Logger>;
  readonly scrubber: ServiceIdentifier<Scrubber>;
  readonly portolan: ServiceIdentifier<Portolan>;
}

/** What a platform's module binds. */
export const tokens: Tokens = {
  clock: token('Clock'),
  crypto: token('Crypto'),
  logSink: token('LogSink'),
  configuration: token('Configuration'),
  store: token('KeyValueStore'),
  counters: token('Counters'),
  secrets: token('Secrets'),
  proxy: token('ProxyFactory'),
  logger: token('Logger'),
  scrubber: token('Scrubber'),
  portolan: token('Portolan'),
};
