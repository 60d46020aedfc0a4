import type { Clock } from '../../core/ports/index.ts';

/**
 * The process's own clock and timers. A sleep ends one look at the sockets after its time: a process that stood still (a thawed function, a stalled
 * machine) finds its timers due before it has read what came meanwhile, and nothing that came in time may be judged late.
 */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep(delayMs, signal) {
    if (signal === undefined) {
      return new Promise((resolve) => {
        setTimeout(() => setImmediate(resolve), delayMs);
      });
    }
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason as Error);
        return;
      }
      let look: NodeJS.Immediate | undefined;
      const abort = (): void => {
        clearTimeout(timer);
        clearImmediate(look);
        reject(signal.reason as Error);
      };
      const timer = setTimeout(() => {
        look = setImmediate(() => {
          signal.removeEventListener('abort', abort);
          resolve();
        });
      }, delayMs);
      signal.addEventListener('abort', abort, { once: true });
    });
  },
};
