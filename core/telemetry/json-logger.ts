import type { Clock } from '../ports/clock.ts';
import type { LogAttributes, Logger, LogSink, Severity } from '../ports/telemetry.ts';
import { createScrubber, isSensitiveName, redacted } from './scrub.ts';
import type { Scrubber } from './scrub.ts';

/** The greatest length of one value in a line, in UTF-16 code units; what is over is cut. */
export const maxFieldLength = 1_024;

/** The greatest size of a line in bytes of UTF-8, its end of line not counted; attributes that do not fit are left out. */
export const maxLineBytes = 8_192;

export interface JsonLoggerOptions {
  readonly clock: Clock;
  readonly sink: LogSink;
  /** Calls under it write nothing; default `info`. */
  readonly minSeverity?: Severity | undefined;
  /** On every line, for example `service.name`. */
  readonly attributes?: LogAttributes | undefined;
  /** Knows the loaded secrets; default one that knows shapes only. */
  readonly scrubber?: Scrubber | undefined;
}

const ranks: Readonly<Record<Severity, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

/** Characters that stand for themselves in JSON text and on every terminal. */
const plain = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;

/** DEL, C1 (`\x9b` starts a terminal's control sequence), bidirectional controls and line separators: JSON leaves them as they are. */
const unescapedControls = /[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

const colon = 58;
const maxCachedNames = 1_000;
const reservedNames: ReadonlySet<string> = new Set(['time', 'severity', 'event', 'truncated']);
const ending = ',"truncated":true}';
/** An event is our own short name; the bounds keep event and common attributes from crowding out the line's own attributes. */
const maxEventLength = 128;
const maxCommonBytes = 2_048;
/** What remains for attributes: an event's character takes at most 6 bytes (`\u001b`), time and punctuation under 100. */
const maxAttributesBytes = maxLineBytes - maxCommonBytes - 6 * (maxEventLength + 1) - 100 - ending.length;

/**
 * A logger that writes one line of JSON per call: `time` (RFC 3339, UTC), `severity`, `event`, then the attributes in order.
 *
 * Whatever is passed, a line is one valid JSON text without control characters or known secrets, bounded by `maxFieldLength` and
 * `maxLineBytes` (`truncated: true` says that attributes are missing). It never throws, not even when the sink does.
 */
export function createJsonLogger(options: JsonLoggerOptions): Logger {
  const { clock, sink, scrubber = createScrubber() } = options;
  const least = ranks[options.minSeverity ?? 'info'];
  /** Encoded events and names; names come from code, so there are few. Cleared, should that be wrong. */
  const events = new Map<string, string>();
  const names = new Map<string, string>();
  let lastSecond = Number.NaN;
  let lastSecondText = '';

  const text = (value: string, maxLength = maxFieldLength): string => {
    if (value.length <= maxLength) return quote(scrubber.scrub(value));
    // A secret across the cut must still be recognised: look past it by the longest secret, then drop that much again.
    const window = value.slice(0, maxLength + scrubber.longest);
    const clean = scrubber.scrub(window);
    const sure = window.length === value.length ? clean.length : Math.max(0, clean.length - scrubber.longest);
    return quote(`${clean.slice(0, Math.min(maxLength, sure))}…`);
  };

  const encoded = (cache: Map<string, string>, name: string, encode: (name: string) => string): string => {
    let known = cache.get(name);
    if (known === undefined) {
      known = encode(name);
      if (cache.size >= maxCachedNames) cache.clear();
      // a huge name must not stay in memory
      if (name.length <= maxFieldLength) cache.set(name, known);
    }
    return known;
  };

  /** `,"name":`, and with a sensitive name the value too. */
  const encodeName = (name: string): string =>
    `,${text(reservedNames.has(name) ? `_${name}` : name, maxEventLength)}:${isSensitiveName(name) ? `"${redacted}"` : ''}`;

  const encodeEvent = (event: string): string => text(event, maxEventLength);

  const encodeValue = (value: unknown): string => {
    if (typeof value === 'string') return text(value);
    if (typeof value === 'number') return Number.isFinite(value) ? `${value}` : `"${value}"`;
    if (typeof value === 'boolean' || value === null) return `${value}`;
    // an object may hold anything, an error its service's answer: only its kind is told
    return `"[${typeof value}]"`;
  };

  /** The same as `fields` where nothing needs escaping, cutting or scrubbing; `undefined` where something might. All texts are asked about at once. */
  const plainFields = (attributes: LogAttributes): string | undefined => {
    let json = '';
    let texts = '';
    for (const name in attributes) {
      const value: unknown = attributes[name];
      if (value === undefined) continue;
      const start = encoded(names, name, encodeName);
      if (start.charCodeAt(start.length - 1) !== colon) {
        json += start;
      } else if (typeof value !== 'string') {
        json += start + encodeValue(value);
      } else if (value.length <= maxFieldLength) {
        json += `${start}"${value}"`;
        texts += `${value} `;
      } else {
        return undefined;
      }
    }
    return json.length > maxAttributesBytes || !plain.test(texts) || scrubber.suspects(texts) ? undefined : json;
  };

  const fields = (attributes: LogAttributes, maxBytes: number): { json: string; complete: boolean } => {
    let json = '';
    let complete = true;
    for (const name in attributes) {
      const value: unknown = attributes[name];
      if (value === undefined) continue;
      const start = encoded(names, name, encodeName);
      const field = start.charCodeAt(start.length - 1) === colon ? start + encodeValue(value) : start;
      // three bytes is the most one UTF-16 code unit takes: nearly every line is judged by its length alone
      if ((json.length + field.length) * 3 > maxBytes && utf8Length(json) + utf8Length(field) > maxBytes) complete = false;
      else json += field;
    }
    return { json, complete };
  };

  const time = (): string => {
    const now = clock.now();
    const second = Math.floor(now / 1_000);
    if (second !== lastSecond) {
      lastSecond = second;
      lastSecondText = new Date(second * 1_000).toISOString().slice(0, -4);
    }
    return `${lastSecondText}${String(now - second * 1_000).padStart(3, '0')}Z`;
  };

  const line = (severity: Severity, event: string, attributes: LogAttributes | undefined): string => {
    const start = `{"time":"${time()}","severity":"${severity}","event":${encoded(events, event, encodeEvent)}${common.json}`;
    if (attributes === undefined) return `${start}}`;
    const json = plainFields(attributes);
    if (json !== undefined) return `${start}${json}}`;
    const scrubbed = fields(attributes, maxAttributesBytes);
    return `${start}${scrubbed.json}${scrubbed.complete ? '}' : ending}`;
  };
  const common = fields(options.attributes ?? {}, maxCommonBytes);

  return {
    log(severity, event, attributes) {
      if (ranks[severity] < least) return;
      try {
        sink(line(severity, event, attributes));
      } catch {
        // Logging must not break what it describes, and there is nowhere else to say it.
      }
    },
  };
}

function quote(value: string): string {
  if (plain.test(value)) return `"${value}"`;
  return JSON.stringify(value).replace(unescapedControls, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

const utf8 = new TextEncoder();

function utf8Length(text: string): number {
  return utf8.encode(text).length;
}
