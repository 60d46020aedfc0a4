import type { FieldEdits, ProxySettings, RouteConfiguration } from '../configuration.ts';
import { proxyDefaults } from '../defaults.ts';
import { trustProxies } from './client.ts';
import type { TrustedProxies } from './client.ts';
import { canonicalName } from './field-kinds.ts';

/** `proxy` of the configuration, as forwarding needs it. Made once. */
export interface ForwardingSettings {
  /** Our name in `Via` and `CDN-Loop`, as written and in lower case. */
  readonly pseudonym: string;
  readonly loopName: string;
  readonly trusts: TrustedProxies | undefined;
  readonly forwarded: boolean;
  readonly xForwarded: boolean;
  /** Whether answers of an upstream get `Proxy-Status` too. */
  readonly proxyStatus: boolean;
}

/** What forwarding needs of a route. Made once. */
export interface RouteForwarding {
  /** Greatest received header section, names and values, in bytes. */
  readonly maxFieldBytes: number;
  /** The fields that the route sets or removes, in canonical spelling: clients may not slip them past in another. */
  readonly guarded: ReadonlySet<string>;
  /** The same of the response, for trailers and 1xx: what the header section may not say, nothing else says either. */
  readonly guardedAnswer: ReadonlySet<string>;
}

/** @throws {TypeError} an entry of `trustedProxies` that is no range */
export function compileForwarding(settings: ProxySettings = {}): ForwardingSettings {
  const defaults = proxyDefaults.proxy;
  const { via = defaults.via, trustedProxies = [], forwardedFields = defaults.forwardedFields, proxyStatus = false } = settings;
  return {
    pseudonym: via,
    loopName: via.toLowerCase(),
    trusts: trustProxies(trustedProxies),
    forwarded: forwardedFields === 'both' || forwardedFields === 'forwarded',
    xForwarded: forwardedFields === 'both' || forwardedFields === 'x-forwarded',
    proxyStatus,
  };
}

export function compileRouteForwarding(
  route: Pick<RouteConfiguration, 'maxRequestFieldBytes' | 'requestFields' | 'responseFields'> = {},
): RouteForwarding {
  return {
    maxFieldBytes: route.maxRequestFieldBytes ?? proxyDefaults.route.maxRequestFieldBytes,
    guarded: guardedBy(route.requestFields),
    guardedAnswer: guardedBy(route.responseFields),
  };
}

function guardedBy({ set = {}, remove = [] }: FieldEdits = {}): ReadonlySet<string> {
  return new Set([...Object.keys(set), ...remove].map((name) => canonicalName(name.toLowerCase())));
}
