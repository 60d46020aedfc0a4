import { Container } from 'inversify';
import type { ContainerModule } from 'inversify';
import type { Configuration } from '../../core/config/configuration.ts';
import { createPortolan } from '../../core/portolan.ts';
import type { Portolan, PortolanPorts } from '../../core/portolan.ts';
import type { GatewayAddress } from '../../core/session/credentials.ts';
import type { Clock, KeyValueStore, Logger } from '../../core/ports/index.ts';
import { createJsonLogger } from '../../core/telemetry/json-logger.ts';
import { createScrubber } from '../../core/telemetry/scrub.ts';
import type { Scrubber } from '../../core/telemetry/scrub.ts';
import { tokens } from './tokens.ts';

/** What a `main` needs: core, and the few ports its platform's shell uses itself. */
export interface Composition {
  readonly portolan: Portolan;
  readonly configuration: Configuration;
  readonly logger: Logger;
  readonly clock: Clock;
  /** The adapter's own store, for what is particular to it. */
  readonly store: KeyValueStore;
}

/**
 * Joins a platform's module to core: one container, resolved synchronously at module scope of a `main`. Core's own object graph is plain
 * code behind the token.
 *
 * @param gateway where this process's own forward gateway can be reached
 * @param onSessionEnded told when this process deletes or rotates a session
 * @throws {Error} a binding is missing: at start, not at the first request
 */
export function compose(
  module: ContainerModule,
  gateway?: GatewayAddress,
  onSessionEnded?: PortolanPorts['onSessionEnded'],
): Composition {
  const container = new Container({ defaultScope: 'Singleton' });
  container.load(module);
  container.bind(tokens.scrubber).toResolvedValue(() => createScrubber(), []);
  container
    .bind(tokens.logger)
    .toResolvedValue(
      (clock, sink, scrubber) => createJsonLogger({ clock, sink, scrubber }),
      [tokens.clock, tokens.logSink, tokens.scrubber],
    );
  container.bind(tokens.portolan).toResolvedValue(
    (configuration, clock, crypto, logger, store, counters, secrets, scrubber, proxy) =>
      createPortolan(
        {
          clock,
          crypto,
          logger,
          store,
          counters: counters ?? undefined,
          secrets,
          proxy: proxy ?? undefined,
          onSecretValue: (value) => conceal(scrubber, value),
          onSessionEnded,
        },
        configuration,
        gateway,
      ),
    [
      tokens.configuration,
      tokens.clock,
      tokens.crypto,
      tokens.logger,
      tokens.store,
      tokens.counters,
      tokens.secrets,
      tokens.scrubber,
      tokens.proxy,
    ],
  );
  return {
    portolan: container.get(tokens.portolan),
    configuration: container.get(tokens.configuration),
    logger: container.get(tokens.logger),
    clock: container.get(tokens.clock),
    store: container.get(tokens.store),
  };
}

/** Keeps a secret out of every log line: the whole text, and the password where it is a vendor account in JSON. */
function conceal(scrubber: Scrubber, value: string): void {
  scrubber.add(value);
  const password = /"password"\s*:\s*("(?:[^"\\\u0000-\u001F]|\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4}))*")/.exec(value)?.[1];
  if (password !== undefined) scrubber.add(JSON.parse(password) as string);
}
