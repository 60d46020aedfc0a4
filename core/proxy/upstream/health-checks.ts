import { HeaderList } from '../../http/header-list.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Transport } from '../../ports/transport.ts';
import { UpstreamError } from '../../ports/transport.ts';
import { discardBody } from '../../http/body.ts';
import { nextHop } from './next-hop.ts';
import { outcomeOfError } from './outcome.ts';
import type { HealthCheckSettings } from './settings.ts';
import type { Target } from './target.ts';
import type { TargetSet } from './target-set.ts';

const jitter = 0.1;

/** When the next round is due, monotonic milliseconds: checks that take the place of others go on in their time. */
export interface CheckSchedule {
  nextAt: number;
}

export interface HealthCheckPorts {
  readonly set: TargetSet;
  readonly schedule: CheckSchedule;
  readonly transport: Transport;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Called before each round: brings the set up to date, as far as it can. */
  readonly prepare: (signal: AbortSignal) => Promise<void>;
}

/**
 * Asks each target for a page at intervals, all at once, beside the limits and queues of the traffic: a check that waited in a queue would take a
 * busy target out.
 */
export class HealthChecks {
  readonly #settings: HealthCheckSettings;
  readonly #host: string | undefined;
  readonly #ports: HealthCheckPorts;
  readonly #end = new AbortController();

  /** @param host as for requests */
  constructor(settings: HealthCheckSettings, host: string | undefined, ports: HealthCheckPorts) {
    this.#settings = settings;
    this.#host = host;
    this.#ports = ports;
  }

  /** Goes on until `stop`; the first round is when it is due. */
  async run(): Promise<void> {
    const { clock, random, schedule } = this.#ports;
    const { signal } = this.#end;
    try {
      for (;;) {
        const earlyMs = schedule.nextAt - clock.monotonic();
        if (earlyMs > 0) await clock.sleep(earlyMs, signal);
        await this.#round(signal);
        schedule.nextAt = clock.monotonic() + this.#settings.intervalMs * (1 - jitter + 2 * jitter * random());
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  stop(): void {
    this.#end.abort();
  }

  async #round(signal: AbortSignal): Promise<void> {
    const { set, prepare } = this.#ports;
    await prepare(signal);
    await Promise.all(
      set.all.map(async (target) => {
        const healthy = await this.#check(target, signal);
        if (healthy !== undefined && !signal.aborted) set.checked(target, healthy);
      }),
    );
  }

  /** `undefined`: we could not ask, which says nothing about the target. */
  async #check(target: Target, signal: AbortSignal): Promise<boolean | undefined> {
    const { clock, transport } = this.#ports;
    const { path, timeoutMs, statuses } = this.#settings;
    const request = nextHop(
      {
        method: 'GET',
        scheme: target.at.scheme,
        authority: target.at.authority,
        target: path,
        headers: new HeaderList(['host', target.at.authority, 'user-agent', 'portolan-health']),
        body: undefined,
      },
      undefined,
      target,
      this.#host,
    );
    try {
      const { status, body } = await transport.send(request, {
        deadline: clock.now() + timeoutMs,
        signal,
        address: target.at.address,
      });
      discardBody(body);
      return statuses === undefined ? status >= 200 && status <= 299 : statuses.includes(status);
    } catch (error) {
      if (!(error instanceof UpstreamError)) throw error;
      return outcomeOfError(error) === 'none' ? undefined : false;
    }
  }
}
