import { UpstreamError } from '../../../core/ports/index.ts';
import { fieldName, isFieldValue } from '../field-grammar.ts';
import { isTrailerField } from '../trailer-fields.ts';

/** The start of a response, read. */
export interface ResponseHead {
  readonly status: number;
  /** name, value, ... with names in lower case. */
  readonly fields: string[];
  readonly protocolVersion: '1.0' | '1.1';
  /** The connection may carry another request afterwards. */
  readonly persistent: boolean;
  /** What `Keep-Alive` promises, in seconds. */
  readonly keepAliveSeconds: number | undefined;
}

/** Whom the parser tells. All calls happen inside `push` and `end`. */
export interface ResponseEvents {
  /** A 1xx, any number of times; then one final response, or 101. */
  onInformational(head: ResponseHead): void;
  /** @param length of the content: `undefined` when it is not known yet */
  onHead(head: ResponseHead, length: number | undefined): void;
  onContent(chunk: Buffer): void;
  /** @param rest what came after the message */
  onEnd(trailers: string[] | undefined, rest: Buffer | undefined): void;
  /** The connection has switched protocols; `rest` is the first of what the other protocol says. */
  onUpgrade(head: ResponseHead, rest: Buffer): void;
}

/** Greatest header section of a response, and greatest trailer section, in bytes. */
export const maxHeadBytes = 65_536;
/** Greatest number of 1xx responses before the final one. */
const maxInformational = 64;
/** Greatest line that says how long a chunk is, with its extensions, in bytes. */
const maxChunkLineBytes = 4_096;

const headEnd = Buffer.from('\r\n\r\n');
const lineEnd = Buffer.from('\r\n');
const lengthDigits = /^\d{1,15}$/;
/** No white space, which the grammar of RFC 9112 section 7.1.1 has for history's sake: others do not take it. */
const chunkSize =
  /^([0-9a-f]{1,12})(?:;[!#$%&'*+\-.^_`|~0-9a-z]+(?:=(?:[!#$%&'*+\-.^_`|~0-9a-z]+|"(?:[\t !#-[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"))?)*$/i;
const chunkedAlone = /^ *chunked *$/i;
const closes = /(?:^|,)[ \t]*close[ \t]*(?:,|$)/i;
const keepAliveTimeout = /(?:^|,)[ \t]*timeout[ \t]*=[ \t]*"?(\d{1,9})/i;

const carriageReturn = 0x0d;
const lineFeed = 0x0a;

/** What comes next in the stream of bytes. */
type Expected = 'chunk-data' | 'chunk-end' | 'chunk-size' | 'close' | 'head' | 'length' | 'nothing' | 'trailers';

/**
 * Reads HTTP/1.1 responses strictly (RFC 9112): what could be taken for two different messages by two readers is an error. One parser
 * reads the responses of one connection, one after the other.
 *
 * @throws {UpstreamError} from `push` and `end`; the connection is of no use any more
 */
export class ResponseParser {
  readonly #events: ResponseEvents;
  #expected: Expected = 'nothing';
  #method = '';
  #upgrade = false;
  #informational = 0;
  /** The beginning of a section or line whose end has not come yet. */
  #partial: Buffer | undefined;
  /** Bytes of content, or of a chunk, still to come. */
  #left = 0;

  constructor(events: ResponseEvents) {
    this.#events = events;
  }

  /** Nothing of a response has come. */
  get untouched(): boolean {
    return this.#expected === 'head' && this.#partial === undefined && this.#informational === 0;
  }

  /** A request has been sent: its response comes next. */
  begin(method: string, upgrade: boolean): void {
    this.#expected = 'head';
    this.#method = method;
    this.#upgrade = upgrade;
    this.#informational = 0;
  }

  push(received: Buffer): void {
    let chunk = received;
    while (chunk.length > 0) {
      const rest = this.#read(chunk);
      if (rest === undefined) return;
      chunk = rest;
    }
  }

  /** The other side has said its last. */
  end(): void {
    if (this.#expected === 'close') {
      this.#expected = 'nothing';
      this.#events.onEnd(undefined, undefined);
    } else if (this.#expected === 'head') {
      throw new UpstreamError('connection_terminated', true);
    } else if (this.#expected !== 'nothing') {
      throw new UpstreamError('http_response_incomplete', true);
    }
  }

  /** Reads one thing; answers what is left of the chunk, or `undefined` when all is used or told. */
  #read(chunk: Buffer): Buffer | undefined {
    switch (this.#expected) {
      case 'head':
        return this.#readHead(chunk);
      case 'length':
      case 'chunk-data':
        return this.#readCounted(chunk);
      case 'chunk-size':
        return this.#readChunkSize(chunk);
      case 'chunk-end':
        return this.#readChunkEnd(chunk);
      case 'trailers':
        return this.#readTrailers(chunk);
      case 'close':
        this.#events.onContent(chunk);
        return undefined;
      case 'nothing':
        throw new UpstreamError('http_protocol_error', true);
    }
  }

  #readHead(chunk: Buffer): Buffer | undefined {
    const whole = this.#partial === undefined ? chunk : Buffer.concat([this.#partial, chunk]);
    const end = whole.indexOf(headEnd, Math.max(0, (this.#partial?.length ?? 0) - 3));
    if (end > maxHeadBytes || (end === -1 && whole.length > maxHeadBytes)) {
      throw new UpstreamError('http_response_header_section_size', true);
    }
    if (end === -1) {
      checkUnfinished(whole);
      this.#partial = whole;
      return undefined;
    }
    this.#partial = undefined;
    const text = whole.toString('latin1', 0, end);
    const rest = whole.subarray(end + 4);
    return this.#begin(readHead(text), rest);
  }

  #begin({ head, framing }: ReadHead, rest: Buffer): Buffer | undefined {
    const { status } = head;
    if (status === 101) {
      if (!this.#upgrade) throw protocolError();
      this.#expected = 'nothing';
      this.#events.onUpgrade(head, rest);
      return undefined;
    }
    if (status < 200) {
      if (++this.#informational > maxInformational) throw protocolError();
      this.#events.onInformational(head);
      return rest;
    }
    if (this.#method === 'HEAD' || status === 204 || status === 304) return this.#finish(head, rest);
    if (framing === 'chunked') {
      this.#expected = 'chunk-size';
      this.#events.onHead(head, undefined);
    } else if (framing === undefined) {
      this.#expected = 'close';
      this.#events.onHead(head, undefined);
    } else if (framing === 0) {
      return this.#finish(head, rest);
    } else {
      this.#expected = 'length';
      this.#left = framing;
      this.#events.onHead(head, framing);
    }
    return rest;
  }

  #finish(head: ResponseHead, rest: Buffer): undefined {
    this.#expected = 'nothing';
    this.#events.onHead(head, 0);
    this.#events.onEnd(undefined, rest);
  }

  #readCounted(chunk: Buffer): Buffer | undefined {
    if (chunk.length < this.#left) {
      this.#left -= chunk.length;
      this.#events.onContent(chunk);
      return undefined;
    }
    const content = chunk.length === this.#left ? chunk : chunk.subarray(0, this.#left);
    const rest = chunk.subarray(this.#left);
    this.#left = 0;
    const isWhole = this.#expected === 'length';
    this.#expected = isWhole ? 'nothing' : 'chunk-end';
    this.#events.onContent(content);
    if (!isWhole) return rest;
    this.#events.onEnd(undefined, rest);
    return undefined;
  }

  #readChunkSize(chunk: Buffer): Buffer | undefined {
    const whole = this.#partial === undefined ? chunk : Buffer.concat([this.#partial, chunk]);
    const end = whole.indexOf(lineEnd);
    if (end > maxChunkLineBytes || (end === -1 && whole.length > maxChunkLineBytes)) throw protocolError();
    if (end === -1) {
      // a lone line feed never becomes the end of a line
      if (whole.includes(lineFeed)) throw protocolError();
      this.#partial = whole;
      return undefined;
    }
    this.#partial = undefined;
    const [, digits] = chunkSize.exec(whole.toString('latin1', 0, end)) ?? [];
    if (digits === undefined) throw protocolError();
    this.#left = Number.parseInt(digits, 16);
    this.#expected = this.#left === 0 ? 'trailers' : 'chunk-data';
    return whole.subarray(end + 2);
  }

  #readChunkEnd(chunk: Buffer): Buffer | undefined {
    const at = this.#partial === undefined ? 0 : 1;
    if (chunk[0] !== (at === 0 ? carriageReturn : lineFeed)) throw protocolError();
    if (at === 0 && chunk.length === 1) {
      this.#partial = chunk;
      return undefined;
    }
    if (at === 0 && chunk[1] !== lineFeed) throw protocolError();
    this.#partial = undefined;
    this.#expected = 'chunk-size';
    return chunk.subarray(2 - at);
  }

  #readTrailers(chunk: Buffer): Buffer | undefined {
    const whole = this.#partial === undefined ? chunk : Buffer.concat([this.#partial, chunk]);
    const isEmpty = whole[0] === carriageReturn && whole[1] === lineFeed;
    const end = isEmpty ? 0 : whole.indexOf(headEnd);
    if (end > maxHeadBytes || (end === -1 && whole.length > maxHeadBytes)) {
      throw new UpstreamError('http_response_header_section_size', true);
    }
    if (end === -1) {
      if (hasLoneLineFeed(whole)) throw protocolError();
      this.#partial = whole;
      return undefined;
    }
    this.#partial = undefined;
    this.#expected = 'nothing';
    const trailers = isEmpty ? [] : readTrailers(whole.toString('latin1', 0, end));
    this.#events.onEnd(trailers.length === 0 ? undefined : trailers, whole.subarray(isEmpty ? 2 : end + 4));
    return undefined;
  }
}

interface ReadHead {
  readonly head: ResponseHead;
  /** Length in bytes, `chunked`, or `undefined`: until the connection ends. */
  readonly framing: number | 'chunked' | undefined;
}

/** What is beyond is no status of HTTP: as good as a failure of the server (RFC 9110 section 15), and not to be passed on. */
export const greatestStatus = 599;

/** @param text the header section without the empty line that ends it */
function readHead(text: string): ReadHead {
  const statusEnd = endOfLine(text, 0);
  const status = Number(text.slice(9, 12));
  const isStatusLine =
    text.startsWith('HTTP/1.') &&
    isDigit(text.charCodeAt(7)) &&
    text[8] === ' ' &&
    isDigit(text.charCodeAt(9)) &&
    isDigit(text.charCodeAt(10)) &&
    isDigit(text.charCodeAt(11)) &&
    status >= 100 &&
    status <= greatestStatus &&
    (statusEnd === 12 || (text[12] === ' ' && isFieldValue(text.slice(13, statusEnd))));
  const isOld = text[7] === '0';
  // HTTP/1.0 has no 1xx: another reader could take one for the answer
  if (!isStatusLine || (isOld && status < 200)) throw protocolError();

  const fields: string[] = [];
  let framing: number | 'chunked' | undefined;
  let persistent = !isOld;
  let keepAliveSeconds: number | undefined;
  for (let at = statusEnd + 2; at < text.length;) {
    const end = endOfLine(text, at);
    const colon = text.indexOf(':', at);
    if (colon === -1 || colon > end) throw protocolError();
    const name = responseFieldName(text.slice(at, colon));
    const value = trimmed(text, colon + 1, end);
    if (name === undefined || !isFieldValue(value)) throw protocolError();
    fields.push(name, value);
    if (name === 'content-length') {
      if (framing !== undefined || !lengthDigits.test(value)) throw protocolError();
      framing = Number(value);
    } else if (name === 'transfer-encoding') {
      // no other coding was asked for (RFC 9112 section 7), and none has a meaning in HTTP/1.0; after a tab, others do not know it
      if (framing !== undefined || isOld || !chunkedAlone.test(text.slice(colon + 1, end))) throw protocolError();
      framing = 'chunked';
    } else if (name === 'connection') {
      if (closes.test(value)) persistent = false;
    } else if (name === 'keep-alive') {
      const [, seconds] = keepAliveTimeout.exec(value) ?? [];
      if (seconds !== undefined) keepAliveSeconds = Number(seconds);
    }
    at = end + 2;
  }
  // what should have no content and says how much it has may send it all the same
  if ((status === 204 || status === 304) && (framing === 'chunked' || (status === 204 && framing !== undefined && framing > 0))) {
    persistent = false;
  }
  return { head: { status, fields, protocolVersion: isOld ? '1.0' : '1.1', persistent, keepAliveSeconds }, framing };
}

/** @param text the trailer section without the empty line that ends it */
function readTrailers(text: string): string[] {
  const fields: string[] = [];
  for (let at = 0; at < text.length;) {
    const end = endOfLine(text, at);
    const colon = text.indexOf(':', at);
    if (colon === -1 || colon > end) throw protocolError();
    const name = responseFieldName(text.slice(at, colon));
    const value = trimmed(text, colon + 1, end);
    if (name === undefined || !isFieldValue(value)) throw protocolError();
    if (isTrailerField(name)) fields.push(name, value);
    at = end + 2;
  }
  return fields;
}

/** White space before the colon is taken off (RFC 9112 section 5.1: of a response a proxy must); a folded line has no name. */
function responseFieldName(text: string): string | undefined {
  let end = text.length;
  while (end > 0 && isBlank(text.charCodeAt(end - 1))) end--;
  return fieldName(end === text.length ? text : text.slice(0, end));
}

/** A section that has not ended yet is judged by what there is: garbage is not waited for. */
function checkUnfinished(bytes: Buffer): void {
  const start = bytes.toString('latin1', 0, 7);
  if (!'HTTP/1.'.startsWith(start)) throw protocolError();
  if (hasLoneLineFeed(bytes)) throw protocolError();
}

function hasLoneLineFeed(bytes: Buffer): boolean {
  for (let at = bytes.indexOf(lineFeed); at !== -1; at = bytes.indexOf(lineFeed, at + 1)) {
    if (bytes[at - 1] !== carriageReturn) return true;
  }
  return false;
}

function endOfLine(text: string, from: number): number {
  const end = text.indexOf('\r\n', from);
  return end === -1 ? text.length : end;
}

function trimmed(text: string, from: number, to: number): string {
  let start = from;
  let end = to;
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

function protocolError(): UpstreamError {
  return new UpstreamError('http_protocol_error', true);
}
