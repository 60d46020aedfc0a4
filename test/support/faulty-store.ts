import { PortError } from '../../core/ports/index.ts';
import type { CallOptions, KeyValueStore } from '../../core/ports/index.ts';

/** How often each fault happens, from 0 to 1. At most one to a call; what is left of 1 goes well. */
export interface Faults {
  /** The write is applied and its answer lost. */
  readonly lostAcknowledgement?: number;
  /** The service refuses for being asked too much; nothing is applied. */
  readonly throttle?: number;
  /** No answer in time; nothing is applied. */
  readonly timeout?: number;
  /** The request arrives twice; the answer is that to one of the two (of a delete, that to the first: nothing could tell). */
  readonly duplicate?: number;
}

export interface FaultyStore extends KeyValueStore {
  /** How often each fault has happened. */
  readonly happened: Readonly<Record<keyof Faults, number>>;
}

/**
 * A store between which and its callers things go wrong, by chance.
 *
 * @param random uniform in [0, 1); seeded, it makes the same faults again
 */
export function faultyStore(store: KeyValueStore, faults: Faults, random: () => number): FaultyStore {
  const happened = { lostAcknowledgement: 0, throttle: 0, timeout: 0, duplicate: 0 };

  const draw = (): keyof Faults | undefined => {
    let left = random();
    for (const fault of ['lostAcknowledgement', 'throttle', 'timeout', 'duplicate'] as const) {
      left -= faults[fault] ?? 0;
      if (left < 0) {
        happened[fault]++;
        return fault;
      }
    }
    return undefined;
  };

  /** Messages take their time, each its own, so that even a store in memory sees callers cross. */
  const travel = async (): Promise<void> => {
    for (let ticks = Math.floor(random() * 4); ticks > 0; ticks--) await Promise.resolve();
  };

  const send = async <T>(method: string, call: () => Promise<T>, answer: (first: T, second: T) => T): Promise<T> => {
    const operation = `key-value-store.${method}`;
    const fault = draw();
    await travel();
    if (fault === 'throttle') throw new PortError('resource_exhausted', operation, { reason: 'FaultInjected' });
    if (fault === 'timeout') throw new PortError('deadline_exceeded', operation, { reason: 'FaultInjected' });
    const first = await call();
    const result = fault === 'duplicate' ? answer(first, await call()) : first;
    await travel();
    if (fault === 'lostAcknowledgement') throw new PortError('deadline_exceeded', operation, { reason: 'FaultInjected' });
    return result;
  };

  const first = <T>(answer: T): T => answer;
  const either = <T>(one: T, other: T): T => (random() < 0.5 ? one : other);

  return {
    happened,
    get: (key, options) => send('get', () => store.get(key, options), either),
    create: (record, options) => send('create', () => store.create(record, options), either),
    replace: (record, version, options) => send('replace', () => store.replace(record, version, options), either),
    delete: (key, version, options) => send('delete', () => store.delete(key, version, options), first),
    list: (partition, options) => send('list', () => store.list(partition, options), either),
    check: (options?: CallOptions) => send('check', () => store.check(options), first),
  };
}
