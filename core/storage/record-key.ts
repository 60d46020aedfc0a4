import type { EpochMillis } from '../ports/clock.ts';
import { maxKeyBytes, maxListLimit, maxValueLength } from '../ports/key-value-store.ts';
import type { ListOptions, NewRecord, RecordKey } from '../ports/key-value-store.ts';

const plain = /^[A-Za-z0-9-][A-Za-z0-9._-]*$/;
const utf8 = new TextEncoder();
const fromUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Writes a partition or an id in the characters every cloud allows in a key: `A-Z a-z 0-9 - . _` stay, every other byte of the UTF-8
 * form, and a leading `.` or `_`, becomes `~XX` (upper-case hexadecimal).
 *
 * Injective; a prefix of the input is a prefix of the output; at most three characters a byte. Free of what one cloud or another
 * refuses: `/ \ # ? %`, control characters, `.` and `..`, `__x__`. Order is that of the encoded form, the same everywhere.
 *
 * @throws {TypeError} not well-formed Unicode, or empty
 * @throws {RangeError} over `maxKeyBytes`
 */
export function encodeKeyPart(part: string): string {
  if (typeof part !== 'string' || part === '') throw new TypeError('A record key part must be a non-empty string');
  if (part.length <= maxKeyBytes && plain.test(part)) return part;
  return escape(part);
}

/** Like `encodeKeyPart`, but takes the empty prefix, which stands for every id. */
export function encodeKeyPrefix(prefix: string): string {
  return prefix === '' ? '' : encodeKeyPart(prefix);
}

function escape(part: string): string {
  if (!part.isWellFormed()) throw new TypeError('A record key part must be well-formed Unicode');
  const bytes = utf8.encode(part);
  if (bytes.length > maxKeyBytes)
    throw new RangeError(`A record key part must have at most ${maxKeyBytes} bytes, not ${bytes.length}`);
  let encoded = '';
  for (const byte of bytes) {
    const character = String.fromCharCode(byte);
    const allowed = (encoded === '' ? /[A-Za-z0-9-]/ : /[A-Za-z0-9._-]/).test(character);
    encoded += allowed ? character : `~${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return encoded;
}

/**
 * Reads back what `encodeKeyPart` wrote.
 *
 * @throws {TypeError | RangeError} not something `encodeKeyPart` writes
 */
export function decodeKeyPart(encoded: string): string {
  if (encoded.length <= maxKeyBytes && plain.test(encoded)) return encoded;
  const bytes: number[] = [];
  for (let at = 0; at < encoded.length; at++) {
    if (encoded[at] === '~') {
      bytes.push(Number.parseInt(encoded.slice(at + 1, at + 3), 16));
      at += 2;
    } else {
      bytes.push(encoded.charCodeAt(at));
    }
  }
  const part = fromUtf8.decode(Uint8Array.from(bytes));
  if (encodeKeyPart(part) !== encoded) throw new TypeError('Not an encoded record key part');
  return part;
}

/** Checks a key before any I/O; throws as `encodeKeyPart`. */
export function assertKey(key: RecordKey): void {
  encodeKeyPart(key.partition);
  encodeKeyPart(key.id);
}

/**
 * Checks a record before any I/O.
 *
 * @throws {TypeError} a key as in `encodeKeyPart`, a value that is no well-formed Unicode
 * @throws {RangeError} a value over `maxValueLength`, an `expiresAt` that is no instant from 0 to year 9999
 */
export function assertRecord(record: NewRecord): void {
  assertKey(record);
  const { value, expiresAt } = record;
  if (typeof value !== 'string' || !value.isWellFormed()) throw new TypeError('A value must be well-formed Unicode');
  if (value.length > maxValueLength) {
    throw new RangeError(`A value must have at most ${maxValueLength} UTF-16 units, not ${value.length}`);
  }
  assertExpiresAt(expiresAt);
}

/** The last millisecond of the year 9999: RFC 3339 and every cloud's timestamp end there. */
const maxInstant: EpochMillis = 253_402_300_799_999;

/** @throws {RangeError} no instant from 1970 to 9999 in whole milliseconds; absent is fine */
export function assertExpiresAt(expiresAt: EpochMillis | undefined): void {
  if (expiresAt !== undefined && !(Number.isSafeInteger(expiresAt) && expiresAt >= 0 && expiresAt <= maxInstant)) {
    throw new RangeError('expiresAt must be whole epoch milliseconds, between the years 1970 and 9999');
  }
}

/** `ListOptions` checked and completed; keys still as given. */
export interface CheckedListOptions {
  readonly prefix: string;
  readonly after: string | undefined;
  readonly limit: number;
}

/**
 * Checks a partition and list options before any I/O and fills in the defaults.
 *
 * @throws {TypeError | RangeError} as `encodeKeyPart`, and a limit outside 1 to `maxListLimit`
 */
export function checkListOptions(partition: string, options: ListOptions = {}): CheckedListOptions {
  encodeKeyPart(partition);
  const { prefix = '', after, limit = 100 } = options;
  encodeKeyPrefix(prefix);
  if (after !== undefined) encodeKeyPart(after);
  if (!(Number.isInteger(limit) && limit >= 1 && limit <= maxListLimit)) {
    throw new RangeError(`A list limit must be an integer from 1 to ${maxListLimit}`);
  }
  return { prefix, after, limit };
}
