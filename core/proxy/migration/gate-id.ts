import type { Crypto } from '../../ports/crypto.ts';
import { canonicalJson } from '../../text/canonical-json.ts';
import type { ProxyConfiguration } from '../configuration.ts';
import { deployedVersion } from '../deployed-version.ts';

/**
 * What a roll-back of a route's split holds for: the pushed version, or what was deployed, until another takes its place.
 *
 * @param version `deployedVersion`, or the number of the pushed one
 */
export function gateId(routeId: string, version: string, { routes, upstreams = {} }: ProxyConfiguration, crypto: Crypto): string {
  // every deployment has the same version
  const epoch = version === deployedVersion ? `.${crypto.sha256(canonicalJson({ routes, upstreams })).slice(0, 16)}` : '';
  return `${routeId}.${version}${epoch}`;
}
