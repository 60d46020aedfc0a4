/** An address as its bytes in network order: 4 of them (IPv4) or 16 (IPv6). */
export type IpAddress = readonly number[];

/** A block of addresses: every address whose first `bits` bits are those of `base`. */
export interface IpRange {
  readonly base: IpAddress;
  readonly bits: number;
}

const octet = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)';
const dottedDecimal = new RegExp(`^${octet}(?:\\.${octet}){3}$`);

/**
 * Reads an address in its standard form: dotted decimal without leading zeros, or RFC 4291 section 2.2. `undefined` for anything
 * else: other spellings (`0x7f.1`), brackets, zone ids. Spellings that a client may use are for `parseHost`.
 */
export function parseIpAddress(text: string): IpAddress | undefined {
  if (dottedDecimal.test(text)) return text.split('.').map(Number);
  if (text.length > 45 || !text.includes(':')) return undefined;
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map(groups);
  if (head === undefined) return undefined;
  if (halves.length === 1) return head.length === 16 ? head : undefined;
  // `::` stands for at least one group
  if (tail === undefined || head.length + tail.length > 14) return undefined;
  // dotted decimal is only the end of an address
  if (halves[0]?.includes('.') === true) return undefined;
  return [...head, ...Array<number>(16 - head.length - tail.length).fill(0), ...tail];
}

/** The bytes of groups separated by colons, the last of which may be dotted decimal. */
function groups(text: string): number[] | undefined {
  if (text === '') return [];
  const bytes: number[] = [];
  const parts = text.split(':');
  for (const [at, part] of parts.entries()) {
    if (/^[0-9a-f]{1,4}$/i.test(part)) {
      const group = Number.parseInt(part, 16);
      bytes.push(group >> 8, group & 0xff);
    } else if (at === parts.length - 1 && dottedDecimal.test(part)) {
      bytes.push(...part.split('.').map(Number));
    } else {
      return undefined;
    }
  }
  return bytes;
}

/** `10.0.0.0/8`, `fd00::/8`, or a single address. `undefined` when it is neither, or when bits beyond the prefix are set. */
export function parseIpRange(text: string): IpRange | undefined {
  const slash = text.lastIndexOf('/');
  const base = parseIpAddress(slash === -1 ? text : text.slice(0, slash));
  if (base === undefined) return undefined;
  const width = base.length * 8;
  const prefix = slash === -1 ? `${width}` : text.slice(slash + 1);
  if (!/^(?:0|[1-9]\d{0,2})$/.test(prefix) || Number(prefix) > width) return undefined;
  const bits = Number(prefix);
  return base.some((byte, at) => (byte & (0xff >> Math.min(8, Math.max(0, bits - at * 8)))) !== 0) ? undefined : { base, bits };
}

/** Whether the address lies in the range. Families never mix: see `unmapped`. */
export function inRange(address: IpAddress, { base, bits }: IpRange): boolean {
  if (address.length !== base.length) return false;
  const whole = bits >> 3;
  for (let at = 0; at < whole; at++) if (address[at] !== base[at]) return false;
  const rest = bits & 7;
  return rest === 0 || ((address[whole] ?? 0) ^ (base[whole] ?? 0)) >> (8 - rest) === 0;
}

const mapped: IpRange = { base: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0], bits: 96 };

/** The IPv4 address of an IPv4-mapped one (RFC 4291 section 2.5.5.2), which a socket treats as the same; any other as it is. */
export function unmapped(address: IpAddress): IpAddress {
  return inRange(address, mapped) ? address.slice(12) : address;
}
