import { classify } from './classify-address.ts';
import type { AddressClass } from './classify-address.ts';
import { isPort, parseEgressException } from './egress-exception.ts';
import { parseHost } from './host.ts';
import type { Host } from './host.ts';
import { inRange, parseIpAddress, unmapped } from './ip-address.ts';
import type { IpAddress } from './ip-address.ts';

/** What may be reached besides public addresses. Everything is refused by default. */
export interface EgressRules {
  /** 127.0.0.0/8, ::1 and `localhost`; default false. */
  readonly allowLoopback?: boolean | undefined;
  /** Private networks (RFC 1918, fc00::/7) and 100.64.0.0/10; never metadata or link-local addresses; default false. */
  readonly allowPrivate?: boolean | undefined;
  /**
   * Exceptions, each a range (`10.1.0.0/16`), an address, a name, or one of the latter two with a port (`10.1.2.3:8080`,
   * `[fd00::1]:80`, `intranet.example:443`). A name lets its addresses through whatever they are. Metadata addresses and names are
   * let through only by an entry that is exactly them.
   */
  readonly allow?: readonly string[] | undefined;
  /** Ports that nothing may be reached on, exceptions included; default none. */
  readonly denyPorts?: readonly number[] | undefined;
}

/** Why a destination is refused: what its address is, or that it is no host, or that its port is denied. */
export type EgressRefusal = Exclude<AddressClass, 'public'> | 'invalid-host' | 'port';

export type EgressDecision =
  /** `host` is the canonical form: connect to this and send this on, never what the client wrote. */
  { readonly allowed: true; readonly host: Host } | { readonly allowed: false; readonly reason: EgressRefusal };

/** Names under which clouds serve metadata, wherever they are resolved. */
const metadataNames: ReadonlySet<string> = new Set([
  'instance-data',
  'instance-data.ec2.internal',
  'metadata',
  'metadata.azure.internal',
  'metadata.goog',
  'metadata.google.internal',
  'metadata.packet.net',
  'metadata.platformequinix.com',
  'metadata.tencentyun.com',
]);

const loopbackAddresses = ['127.0.0.1', '::1'] as const;

/** Decides which destinations a client may reach through us: pure, by configuration alone. */
export interface EgressPolicy {
  /**
   * Before anything is resolved. An address is decided for good; of a name only what its text gives away, so that each address it
   * resolves to is still for `decideAddress`.
   */
  decideHost(text: string, port: number): EgressDecision;
  /**
   * One address in standard form, as resolved or as connected to.
   *
   * @param name the canonical name it was resolved from
   */
  decideAddress(address: string, port: number, name?: string): EgressDecision;
}

/** @throws {TypeError} an entry of `allow` or `denyPorts` that says nothing */
export function createEgressPolicy(rules: EgressRules = {}): EgressPolicy {
  const exceptions = (rules.allow ?? []).map((entry) => {
    const exception = parseEgressException(entry);
    if (exception === undefined) throw new TypeError(`Not an address range, address, name, or host:port: ${entry}`);
    return exception;
  });
  const deniedPorts = new Set(rules.denyPorts);
  for (const port of deniedPorts) if (!isPort(port)) throw new TypeError(`Not a port: ${port}`);

  const portAllowed = (port: number): boolean => isPort(port) && !deniedPorts.has(port);

  const nameListed = (name: string, port: number): boolean =>
    exceptions.some(({ host, port: only }) => host?.text === name && (only === undefined || only === port));

  const addressListed = (address: IpAddress, kind: AddressClass, port: number): boolean =>
    exceptions.some(
      ({ range, port: only }) =>
        range !== undefined &&
        (only === undefined || only === port) &&
        (kind !== 'metadata' || range.bits === range.base.length * 8) &&
        inRange(address, range),
    );

  const decide = (host: Host & { kind: 'address' }, port: number, name: string | undefined): EgressDecision => {
    if (!portAllowed(port)) return { allowed: false, reason: 'port' };
    const kind = classify(host.address);
    const allowed =
      kind === 'public' ||
      (kind === 'loopback' && rules.allowLoopback === true) ||
      ((kind === 'private' || kind === 'shared') && rules.allowPrivate === true) ||
      (kind !== 'metadata' && name !== undefined && nameListed(name, port)) ||
      addressListed(host.address, kind, port);
    return allowed ? { allowed, host } : { allowed, reason: kind };
  };

  const decideAddress: EgressPolicy['decideAddress'] = (text, port, name) => {
    const parsed = parseIpAddress(text);
    if (parsed === undefined) return { allowed: false, reason: 'invalid-host' };
    return decide({ kind: 'address', address: unmapped(parsed), text }, port, name);
  };

  return {
    decideAddress,
    decideHost(text, port) {
      const host = parseHost(text);
      if (host === undefined) return { allowed: false, reason: 'invalid-host' };
      if (host.kind === 'address') return decide(host, port, undefined);
      if (!portAllowed(port)) return { allowed: false, reason: 'port' };
      if (nameListed(host.text, port)) return { allowed: true, host };
      if (metadataNames.has(host.text)) return { allowed: false, reason: 'metadata' };
      const isLoopback = host.text === 'localhost' || host.text.endsWith('.localhost'); // RFC 6761 section 6.3
      return isLoopback && !loopbackAddresses.some((address) => decideAddress(address, port).allowed)
        ? { allowed: false, reason: 'loopback' }
        : { allowed: true, host };
    },
  };
}
