import { describe, expect, it } from 'vitest';
import type { Secret, Secrets, Transports } from '../../../../core/ports/index.ts';
import { PortError } from '../../../../core/ports/index.ts';
import { checkTlsSecrets } from '../../../../core/proxy/check/check-tls-secrets.ts';
import { CachedSecrets } from '../../../../core/secrets/cached-secrets.ts';
import { newRetrier } from '../../../../core/storage/retry.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { MemoryLogger } from '../../../support/memory-logger.ts';

/** A service whose first answer is a time-out, after a second. */
class SlowSecrets implements Secrets {
  reads = 0;
  readonly #clock: FakeClock;

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  get(name: string, version: 'current'): Promise<Secret>;
  get(name: string, version: 'previous'): Promise<Secret | undefined>;
  async get(): Promise<Secret> {
    this.reads++;
    if (this.reads > 1) return { value: 'authority', version: 'v1' };
    await this.#clock.sleep(1_000);
    throw new PortError('deadline_exceeded', 'secrets.get');
  }
}

describe('a look at the secrets for TLS', () => {
  it('takes a second, and leaves connections that wait for the same secret all their time', async () => {
    const clock = new FakeClock();
    const logger = new MemoryLogger();
    const service = new SlowSecrets(clock);
    const secrets = new CachedSecrets(
      service,
      newRetrier(clock, () => 0.5),
    );
    const transports: Transports = {
      open: () => {
        throw new TypeError('Nothing is opened');
      },
      async checkSecrets({ ca = '' }, options) {
        await secrets.current(ca, options);
        return [];
      },
    };
    const document = { upstreams: { private: { url: 'https://private', tls: { ca: 'authority' } } } };
    const looked = checkTlsSecrets(document, transports, logger, { clock, ms: 1_000 });
    const connecting = secrets.current('authority');
    await clock.advance(1_000);
    expect(await looked).toEqual([]);
    expect(logger.events).toEqual(['upstream.tls.not_checked']);
    await clock.advance(1_000);
    expect(await connecting).toEqual({ value: 'authority', version: 'v1' });
    expect(service.reads).toBe(2);
  });
});
