import type { ServiceIdentifier } from 'inversify';
import type { Configuration } from '../../core/config/configuration.ts';
import type { Clock, Counters, Crypto, HttpHandler, KeyValueStore, Logger, Secrets } from '../../core/ports/index.ts';

const token = <T>(name: string): ServiceIdentifier<T> => Symbol(name) as ServiceIdentifier<T>;

/** What a platform's module binds. */
export const tokens = {
  clock: token<Clock>('Clock'),
  crypto: token<Crypto>('Crypto'),
  logger: token<Logger>('Logger'),
  configuration: token<Configuration>('Configuration'),
  /** The adapter's store as it is; core puts `durable` over it. */
  store: token<KeyValueStore>('KeyValueStore'),
  counters: token<Counters>('Counters'),
  /** The adapter's secrets as they are; core caches. */
  secrets: token<Secrets>('Secrets'),
  handler: token<HttpHandler>('HttpHandler'),
};
