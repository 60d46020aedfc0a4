import type { EpochMillis } from './clock.ts';

/** Where one instance of a service is reached. */
export interface Endpoint {
  /** IPv4 or IPv6 address in its standard form. */
  readonly address: string;
  /** `undefined` when the source names none (A and AAAA records). */
  readonly port: number | undefined;
  /** Share against the others of the same priority, at least 0. */
  readonly weight: number;
  /** Only those of the lowest number are used. */
  readonly priority: number;
}

export interface Discovered {
  /** Empty only where the source says that there is none. */
  readonly endpoints: readonly Endpoint[];
  /** How long the answer may be used, in milliseconds. */
  readonly ttlMs: number;
}

/**
 * Finds the instances of a service by name. Answers from the source each time: core keeps what it learned for as long as it may, and goes on
 * with the last good answer while the source is down.
 *
 * Errors: `UpstreamError('dns_error' | 'dns_timeout', false)`, whatever the source.
 */
export interface Discovery {
  resolve(kind: 'dns' | 'srv', name: string, deadline: EpochMillis): Promise<Discovered>;
}
