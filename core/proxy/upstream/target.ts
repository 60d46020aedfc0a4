import type { Endpoint } from '../../ports/discovery.ts';
import type { TargetConfiguration } from '../configuration.ts';
import { hash32 } from '../hash-key.ts';

export interface TargetAddress {
  /** `host:port`; unique within an upstream. In logs. */
  readonly name: string;
  readonly scheme: 'http' | 'https';
  /** As a URL has it: without the scheme's own port. */
  readonly authority: string;
  /** Put before the request's path; empty or `/...` without a slash at the end. */
  readonly basePath: string;
  /** Where to connect instead of what the authority's name resolves to. */
  readonly address: string | undefined;
  /** Share against the others, at least 0. */
  readonly weight: number;
}

/** What is known of one instance of a backend. It goes on with the instance, whatever the configuration or the discovery source says of it next. */
export class TargetState {
  /** Requests of which the answer has not ended. */
  inFlight = 0;
  /** Smoothed latency, milliseconds, and when it was; written by `powerOfTwo`. */
  latencyMs: number | undefined;
  latencyAt = 0;
}

/** One instance of a backend, as one configuration or one answer of a discovery source has it. */
export class Target {
  readonly at: TargetAddress;
  readonly state: TargetState;
  readonly hash: number;
  /** Written by `roundRobin`. */
  credit = 0;

  constructor(at: TargetAddress, state: TargetState = new TargetState()) {
    this.at = at;
    this.state = state;
    this.hash = hash32(at.name);
  }
}

/** @throws {TypeError} not an http or https URL */
export function addressOfUrl({ url, weight = 1 }: TargetConfiguration): TargetAddress {
  const { protocol, host, hostname, port, pathname } = new URL(url);
  if (protocol !== 'http:' && protocol !== 'https:') throw new TypeError(`A target needs an http or https URL, not ${protocol}`);
  const scheme = protocol === 'https:' ? 'https' : 'http';
  return {
    name: `${hostname}:${port === '' ? defaultPort(scheme) : port}`,
    scheme,
    authority: host,
    basePath: pathname.endsWith('/') ? pathname.slice(0, -1) : pathname,
    address: undefined,
    weight,
  };
}

/**
 * @param host what the instances are called; an SRV name without its `_service._proto` labels
 * @param port where the endpoint names none
 */
export function addressOfEndpoint(
  { address, port: named, weight }: Endpoint,
  { host, port, scheme }: { readonly host: string; readonly port: number | undefined; readonly scheme: 'http' | 'https' },
): TargetAddress {
  const actual = named ?? port ?? defaultPort(scheme);
  return {
    name: address.includes(':') ? `[${address}]:${actual}` : `${address}:${actual}`,
    scheme,
    authority: actual === defaultPort(scheme) ? host : `${host}:${actual}`,
    basePath: '',
    address,
    weight,
  };
}

function defaultPort(scheme: 'http' | 'https'): number {
  return scheme === 'https' ? 443 : 80;
}
