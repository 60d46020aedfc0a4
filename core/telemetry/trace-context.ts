import type { Crypto } from '../ports/crypto.ts';

/**
 * A request's place in a distributed trace (W3C Trace Context level 2, https://www.w3.org/TR/trace-context-2/). The gateway takes part: its
 * own span is the parent of the upstream's, and the access line is its record.
 */
export interface TraceContext {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** Ours: 16 hexadecimal digits. */
  readonly spanId: string;
  /** The caller's; `undefined` where the trace begins here. */
  readonly parentSpanId: string | undefined;
  /** For the next hop. */
  readonly traceparent: string;
  readonly tracestate: string | undefined;
  /** The same for AWS X-Ray (`x-amzn-trace-id`), where the trace came from it. */
  readonly xray: string | undefined;
}

/** What a request and its platform say of the trace. */
export interface ReceivedTrace {
  readonly traceparent: string | undefined;
  /** Fields in order, joined. */
  readonly tracestate: string | undefined;
  /** The `x-amzn-trace-id` field. */
  readonly xray: string | undefined;
  /** The platform's own: W3C or X-Ray. */
  readonly platform: string | undefined;
}

/**
 * Goes on with the trace received, or begins one. W3C's word comes before the platform's, the platform's before an X-Ray field. What is ill-formed is
 * as if it were not there, its `tracestate` too.
 */
export function continueTrace(received: ReceivedTrace, ids: TraceIds): TraceContext {
  const { traceparent, platform, xray } = received;
  if (traceparent !== undefined) {
    const flags = readFlags(traceparent);
    if (flags !== undefined) return next(traceparent, flags, readTracestate(received.tracestate), ids);
  }
  if (platform !== undefined) {
    const flags = readFlags(platform);
    if (flags !== undefined) return next(platform, flags, undefined, ids);
  }
  const bridged = (platform === undefined ? undefined : readXRay(platform)) ?? (xray === undefined ? undefined : readXRay(xray));
  if (bridged !== undefined) {
    const { traceId, parentSpanId, sampled } = bridged;
    const spanId = ids.spanId();
    return {
      traceId,
      spanId,
      parentSpanId,
      traceparent: `00-${traceId}-${spanId}-${sampled ? '01' : '00'}`,
      tracestate: undefined,
      xray: `Root=1-${traceId.slice(0, 8)}-${traceId.slice(8)};Parent=${spanId};Sampled=${sampled ? '1' : '0'}`,
    };
  }
  const traceId = ids.traceId();
  const spanId = ids.spanId();
  // Recorded, as every request is, and all its bits are random: 0x01 and 0x02.
  return {
    traceId,
    spanId,
    parentSpanId: undefined,
    traceparent: `00-${traceId}-${spanId}-03`,
    tracestate: undefined,
    xray: undefined,
  };
}

function next(traceparent: string, flags: string, tracestate: string | undefined, ids: TraceIds): TraceContext {
  const traceId = traceparent.slice(3, 35);
  const spanId = ids.spanId();
  return {
    traceId,
    spanId,
    parentSpanId: traceparent.slice(36, 52),
    traceparent: `00-${traceId}-${spanId}-${flags}`,
    tracestate,
    xray: undefined,
  };
}

const dash = 45;
const noTraceId = '00000000000000000000000000000000';
const noSpanId = '0000000000000000';
const knownFlags = ['00', '01', '02', '03'] as const;

/**
 * The flags we know (sampled, random) of a `traceparent`; `undefined` when it is not valid (section 3.2). A version of the future is read as far as
 * it is like ours, and goes on as ours.
 */
function readFlags(text: string): string | undefined {
  if (text.length < 55 || text.charCodeAt(2) !== dash || text.charCodeAt(35) !== dash || text.charCodeAt(52) !== dash)
    return undefined;
  const version = hexByte(text, 0);
  if (version < 0 || version === 0xff || (text.length > 55 && (version === 0 || text.charCodeAt(55) !== dash))) return undefined;
  if (!areHex(text, 3, 35) || !areHex(text, 36, 52)) return undefined;
  if (text.startsWith(noTraceId, 3) || text.startsWith(noSpanId, 36)) return undefined;
  const flags = hexByte(text, 53);
  return flags < 0 ? undefined : knownFlags[flags & 3];
}

function areHex(text: string, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (hexDigit(text.charCodeAt(at)) < 0) return false;
  return true;
}

/** -1 for what is not two lower-case digits. */
function hexByte(text: string, at: number): number {
  const high = hexDigit(text.charCodeAt(at));
  const low = hexDigit(text.charCodeAt(at + 1));
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  return code >= 97 && code <= 102 ? code - 87 : -1;
}

/** Vendors must take 512 characters (section 3.3.1.5); more is cut down to that. */
const maxTracestate = 512;
const maxMembers = 32;
/** Members over this go first. */
const longMember = 128;

/** A key, and a value of visible ASCII with inner spaces (section 3.3.1.3). */
const member = /^[a-z0-9][a-z0-9_\-*/@]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;

/** The `tracestate` to pass on; `undefined` when there is none, or one that is not valid, which goes whole. */
export function readTracestate(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const members: string[] = [];
  const keys = new Set<string>();
  for (const part of text.split(',')) {
    const trimmed = withoutBlanks(part);
    if (trimmed === '') continue;
    if (members.length === maxMembers || !member.test(trimmed)) return undefined;
    const key = trimmed.slice(0, trimmed.indexOf('='));
    if (keys.has(key)) return undefined;
    keys.add(key);
    members.push(trimmed);
  }
  if (members.length === 0) return undefined;
  const whole = members.join(',');
  return whole.length <= maxTracestate ? whole : cut(members);
}

/** Without the spaces and tabs around it. In linear time: a pattern for those at the end looks at each blank within as often as there are blanks. */
function withoutBlanks(text: string): string {
  let from = 0;
  let to = text.length;
  while (from < to && isBlank(text.charCodeAt(from))) from++;
  while (to > from && isBlank(text.charCodeAt(to - 1))) to--;
  return text.slice(from, to);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

function cut(members: string[]): string | undefined {
  let length = members.reduce((sum, { length: own }) => sum + own + 1, -1);
  for (let at = members.length - 1; at >= 0 && length > maxTracestate; at--) {
    const own = members[at]?.length ?? 0;
    if (own <= longMember) continue;
    members.splice(at, 1);
    length -= own + 1;
  }
  while (length > maxTracestate) length -= (members.pop()?.length ?? 0) + 1;
  return members.length === 0 ? undefined : members.join(',');
}

const xrayRoot = /(?:^|;)\s*Root=1-([0-9a-f]{8})-([0-9a-f]{24})\s*(?:;|$)/;
const xrayParent = /(?:^|;)\s*Parent=([0-9a-f]{16})\s*(?:;|$)/;

/**
 * Reads AWS X-Ray's tracing header (https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader):
 * `Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1`. A trace whose sampling nobody has decided counts as sampled.
 */
export function readXRay(
  text: string,
): { readonly traceId: string; readonly parentSpanId: string | undefined; readonly sampled: boolean } | undefined {
  const [, time, random] = xrayRoot.exec(text) ?? [];
  if (time === undefined || random === undefined) return undefined;
  const traceId = time + random;
  if (traceId === noTraceId) return undefined;
  const parent = xrayParent.exec(text)?.[1];
  return { traceId, parentSpanId: parent === noSpanId ? undefined : parent, sampled: !/(?:^|;)\s*Sampled=0\s*(?:;|$)/.test(text) };
}

/** Random ids in hexadecimal. */
export interface TraceIds {
  /** 32 digits, not all zero. */
  traceId(): string;
  /** 16 digits, not all zero. */
  spanId(): string;
}

/** Ids out of a stock of random digits: asking the system for eight bytes at a time costs more than all the rest of a trace. */
export function createTraceIds(crypto: Pick<Crypto, 'randomBytes'>): TraceIds {
  let stock = '';
  let at = 0;
  const take = (digits: number): string => {
    if (at + digits > stock.length) {
      stock = hexadecimal(crypto.randomBytes(stockBytes));
      at = 0;
    }
    at += digits;
    return stock.slice(at - digits, at);
  };
  const nonZero = (zero: string): string => {
    let id = take(zero.length);
    while (id === zero) id = take(zero.length);
    return id;
  };
  return { traceId: () => nonZero(noTraceId), spanId: () => nonZero(noSpanId) };
}

const stockBytes = 2_048;

const ascii = new TextDecoder();

/** For each byte its two digits, in the order of a little-endian number of 16 bits. */
const digitPairs = Uint16Array.from({ length: 256 }, (_, byte) => digitOf(byte >> 4) | (digitOf(byte & 15) << 8));

function hexadecimal(bytes: Uint8Array): string {
  const digits = new DataView(new ArrayBuffer(bytes.length * 2));
  for (let at = 0; at < bytes.length; at++) digits.setUint16(at * 2, digitPairs[bytes[at]!]!, true);
  return ascii.decode(digits);
}

function digitOf(value: number): number {
  return value < 10 ? 48 + value : 87 + value;
}
