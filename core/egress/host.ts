import { parseIpAddress, unmapped } from './ip-address.ts';
import type { IpAddress } from './ip-address.ts';

/** A destination host in its one canonical form. */
export type Host =
  | { readonly kind: 'address'; readonly address: IpAddress; readonly text: string }
  /** Lower case, ASCII (IDNA), without the root's dot. */
  | { readonly kind: 'name'; readonly text: string };

const name = /^(?!.{254})[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*$/;

/**
 * Reads a host as a browser would (WHATWG URL, host parsing): percent-encoding, full-width characters and other cases are undone, and
 * whatever ends in a number is an IPv4 address or nothing: `2130706433`, `0x7f.1`, `127.1`, `017700000001` all are 127.0.0.1. So what is judged is
 * what will be connected to.
 *
 * @param text without port; an IPv6 address with or without brackets
 * @returns `undefined` for what is no host
 */
export function parseHost(text: string): Host | undefined {
  // Characters that would end the host in a URL, or that a URL parser drops in silence.
  if (text.length > 1_024 || /[\x00-\x20\x7f/?#@\\]/.test(text)) return undefined;
  const bracketed = text.startsWith('[') && text.endsWith(']');
  if (text.includes(':') && !bracketed && parseIpAddress(text) === undefined) return undefined;
  const url = `http://${text.includes(':') && !bracketed ? `[${text}]` : text}/`;
  if (!URL.canParse(url)) return undefined;
  const { hostname } = new URL(url);
  const literal = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
  const address = parseIpAddress(literal);
  if (address !== undefined) return { kind: 'address', address: unmapped(address), text: format(unmapped(address), literal) };
  const bare = hostname.endsWith('.') ? hostname.slice(0, -1) : hostname;
  return name.test(bare) ? { kind: 'name', text: bare } : undefined;
}

function format(address: IpAddress, literal: string): string {
  return address.length === 4 ? address.join('.') : literal;
}
