import { parseIpAddress } from '../../egress/ip-address.ts';

/** One hop as `Forwarded` (RFC 7239) or `X-Forwarded-For` tells of it. */
export interface ForwardedHop {
  /** An address in its standard form; `undefined` for `unknown` and obfuscated names. */
  readonly address: string | undefined;
  readonly proto: string | undefined;
  readonly host: string | undefined;
}

const notToken = /[^!#$%&'*+\-.^_`|~0-9A-Za-z]/;

/** One element of `Forwarded` (RFC 7239 section 4). */
export function forwardedElement(address: string | undefined, host: string, proto: 'http' | 'https'): string {
  const named = host === '' ? '' : notToken.test(host) ? `;host="${escaped(host)}"` : `;host=${host}`;
  return `for=${forwardedNode(address)}${named};proto=${proto}`;
}

/** A node (RFC 7239 section 6): IPv6 in brackets and quotes; `unknown` where nobody says. */
export function forwardedNode(address: string | undefined): string {
  if (address === undefined) return 'unknown';
  return address.includes(':') ? `"[${address}]"` : address;
}

function escaped(text: string): string {
  return text.includes('"') || text.includes('\\') ? text.replace(/["\\]/g, '\\$&') : text;
}

/** One parameter and what separates it from the next. */
const pair = /\s*([!#$%&'*+\-.^_`|~0-9A-Za-z]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*))\s*(;|,|$)/y;

/** The elements of `Forwarded`, the client's first; `undefined` for what is not one. */
export function readForwarded(value: string): readonly ForwardedHop[] | undefined {
  const hops: ForwardedHop[] = [];
  let hop: { address: string | undefined; proto: string | undefined; host: string | undefined } | undefined;
  pair.lastIndex = 0;
  while (pair.lastIndex < value.length) {
    const found = pair.exec(value);
    if (found === null) return undefined;
    const [, name = '', quoted, plain = '', end] = found;
    const text = quoted?.replace(/\\(.)/g, '$1') ?? plain;
    hop ??= { address: undefined, proto: undefined, host: undefined };
    switch (name.toLowerCase()) {
      case 'for':
        hop.address = nodeAddress(text);
        break;
      case 'proto':
        hop.proto = text.toLowerCase();
        break;
      case 'host':
        hop.host = text.toLowerCase();
        break;
    }
    if (end !== ';') {
      hops.push(hop);
      hop = undefined;
    }
  }
  return hop === undefined ? hops : undefined;
}

/** The elements of `X-Forwarded-For`, the client's first. */
export function readForwardedFor(value: string): readonly ForwardedHop[] {
  return value.split(',').map((text) => ({ address: nodeAddress(text.trim()), proto: undefined, host: undefined }));
}

/** Without port or brackets, IPv4-mapped addresses as the IPv4 address they are; `undefined` for what is no address. */
export function nodeAddress(text: string): string | undefined {
  const [, inner = text] = /^\[([^\]]*)\](?::\d+)?$/.exec(text) ?? /^([\d.]+):\d+$/.exec(text) ?? [];
  const address = inner.startsWith('::ffff:') && inner.includes('.') ? inner.slice(7) : inner;
  return parseIpAddress(address) === undefined ? undefined : address;
}
