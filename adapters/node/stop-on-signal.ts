/** What wraps a process passes a signal on that the terminal has sent to both: within so many milliseconds two are one. */
const echoMs = 300;
/** Beside the patience with what is under way: for the store to take what is told last, in milliseconds. */
const graceMs = 10_000;

/**
 * Ends the process in order at the first SIGTERM or SIGINT, with exit code 0 when `stop` has; with 1 when that takes longer than
 * `patienceMs` and 10 s. A second signal ends it at once, with exit code 0 too: somebody wanted that.
 */
export function stopOnSignal(patienceMs: number, stop: (signal: NodeJS.Signals) => Promise<void>): void {
  let stoppingSince: number | undefined;
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.on(name, () => {
      const now = performance.now();
      if (stoppingSince !== undefined) {
        if (now - stoppingSince > echoMs) process.exit(0);
        return;
      }
      stoppingSince = now;
      setTimeout(() => process.exit(1), patienceMs + graceMs).unref();
      void stop(name).then(() => process.exit(0));
    });
  }
}
