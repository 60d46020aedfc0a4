import { parseHost } from '../../egress/host.ts';

/** `api.example.com`, `*.example.com`, `[::1]:3000`, read. */
export interface HostPattern {
  /** In lower case, without port; for a wildcard the part after `*.`. An IPv6 address has its brackets. */
  readonly host: string;
  /** Stands for every name below `host`, not for `host` itself. */
  readonly wildcard: boolean;
  /** `undefined`: any port, or none. */
  readonly port: string | undefined;
}

/** No host name is longer (RFC 1035 section 2.3.4), even with a port. */
const maxHostLength = 262;

/** Reads a host pattern; `undefined` for text that is none. */
export function readHostPattern(text: string): HostPattern | undefined {
  const wildcard = text.startsWith('*.');
  const [host, port] = splitPort(wildcard ? text.slice(2) : text);
  if (port !== undefined && !(/^[1-9]\d{0,4}$/.test(port) && Number(port) <= 65_535)) return undefined;
  const parsed = parseHost(host);
  if (parsed === undefined || (wildcard && parsed.kind !== 'name')) return undefined;
  return { host: parsed.text.includes(':') ? `[${parsed.text}]` : parsed.text, wildcard, port };
}

/** A request's authority, taken apart once. */
export interface RequestHost {
  /** Without port and without the root's dot; empty when no pattern can match. */
  readonly host: string;
  readonly port: string | undefined;
}

export function readRequestHost(authority: string): RequestHost {
  if (authority.length > maxHostLength) return { host: '', port: undefined };
  const [host, port] = splitPort(authority);
  // `example.com.` is the same name (RFC 3986 section 3.2.2), and must not slip past a rule for it.
  return { host: host.endsWith('.') ? host.slice(0, -1) : host, port };
}

export function hostMatches(pattern: HostPattern, { host, port }: RequestHost): boolean {
  if (pattern.port !== undefined && pattern.port !== port) return false;
  if (!pattern.wildcard) return host === pattern.host;
  return host.length > pattern.host.length + 1 && host.endsWith(pattern.host) && host.at(-pattern.host.length - 1) === '.';
}

function splitPort(authority: string): readonly [host: string, port: string | undefined] {
  const colon = authority.lastIndexOf(':');
  // A colon inside brackets belongs to an IPv6 address.
  if (colon === -1 || authority.endsWith(']')) return [authority, undefined];
  const port = authority.slice(colon + 1);
  return [authority.slice(0, colon), port === '' ? undefined : port];
}
