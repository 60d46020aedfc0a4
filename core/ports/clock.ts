/** Milliseconds since 1970-01-01T00:00:00Z, an integer. The only form of an instant inside Portolan. */
export type EpochMillis = number;

/**
 * Time is a port: nothing in core reads a clock or sleeps by itself, so tests never wait.
 *
 * Not promised: monotonicity of `now`. Clocks of instances differ; callers tolerate steps and a skew of 2 s.
 */
export interface Clock {
  now(): EpochMillis;

  /** Milliseconds with a fraction since an arbitrary start; never steps. For durations within one process; may stand still while it is frozen. */
  monotonic(): number;

  /**
   * Resolves after `delayMs` (>= 0), or rejects with `signal.reason` as soon as `signal` aborts.
   *
   * What had arrived when the time was over is delivered first: a process that stood still must not take for late what came meanwhile.
   */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
}
