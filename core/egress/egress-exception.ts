import { parseHost } from './host.ts';
import type { Host } from './host.ts';
import { parseIpRange } from './ip-address.ts';
import type { IpRange } from './ip-address.ts';

/** One entry of `EgressRules.allow`, read: a name or a range, and the only port it is for. */
export interface EgressException {
  readonly host: Host | undefined;
  readonly range: IpRange | undefined;
  readonly port: number | undefined;
}

/** Reads a range, an address, a name, or one of the latter two with a port; `undefined` for text that is none of them. */
export function parseEgressException(entry: string): EgressException | undefined {
  const whole = parseIpRange(entry);
  if (whole !== undefined) return { host: undefined, range: whole, port: undefined };
  const [, hostText = entry, portText] = /^(\[[^\]]*\]|[^:]*):(\d{1,5})$/.exec(entry) ?? [];
  const host = parseHost(hostText);
  const port = portText === undefined ? undefined : Number(portText);
  if (host === undefined || (port !== undefined && !isPort(port))) return undefined;
  if (host.kind === 'name') return { host, range: undefined, port };
  return { host: undefined, range: { base: host.address, bits: host.address.length * 8 }, port };
}

export function isPort(port: number): boolean {
  return Number.isInteger(port) && port >= 1 && port <= 65_535;
}
