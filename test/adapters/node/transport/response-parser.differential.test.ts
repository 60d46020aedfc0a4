import fc from 'fast-check';
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { ResponseParser } from '../../../../adapters/node/transport/response-parser.ts';
import { isTrailerField } from '../../../../adapters/node/trailer-fields.ts';

/** Node's own parser of HTTP, llhttp, which node:http reads with: what it offers to nobody but itself. */
interface NodeParser {
  initialize(type: number, resource: object, maxHeaderSize: number, leniency: number): void;
  /** The number of bytes read, or an error. */
  execute(bytes: Buffer): number | Error;
  finish(): Error | undefined;
  [callback: number]: (...values: never[]) => number | void;
}
interface NodeParserClass {
  new (): NodeParser;
  readonly RESPONSE: number;
  readonly kLenientVersion: number;
  readonly kLenientDataAfterClose: number;
  readonly kOnHeaders: number;
  readonly kOnHeadersComplete: number;
  readonly kOnBody: number;
  readonly kOnMessageComplete: number;
}
const { HTTPParser } = createRequire(import.meta.url)('_http_common') as { HTTPParser: NodeParserClass };

/** RFC 9110 section 2.5 has us read HTTP/1.2 as HTTP/1.1, and a 1xx that says `close` is followed by the answer all the same. */
const leniency = HTTPParser.kLenientVersion | HTTPParser.kLenientDataAfterClose;

interface Head {
  readonly status: number;
  readonly fields: readonly string[];
}

/** One exchange as a parser read it. */
interface Reading {
  /** The 1xx, then the final one. */
  readonly heads: Head[];
  content: string;
  trailers: readonly string[];
  /** How many bytes the message has; `undefined`: it did not come to an end. */
  length: number | undefined;
  /** Another response may follow on the connection. */
  persistent: boolean;
}

const newReading = (): Reading => ({ heads: [], content: '', trailers: [], length: undefined, persistent: false });

/** @param cuts where the bytes are cut, and handed over piece by piece */
function read(bytes: Buffer, method: string, cuts: readonly number[]): Reading {
  const reading = newReading();
  let pushed = 0;
  const parser: ResponseParser = new ResponseParser({
    onInformational: ({ status, fields }) => void reading.heads.push({ status, fields }),
    onHead: ({ status, fields, persistent }) => {
      reading.heads.push({ status, fields });
      reading.persistent = persistent;
    },
    onContent: (chunk) => {
      reading.content += chunk.toString('latin1');
    },
    onEnd: (trailers, rest) => {
      reading.trailers = trailers ?? [];
      reading.length = pushed - (rest?.length ?? 0);
      if (rest === undefined) reading.persistent = false;
    },
    onUpgrade: () => {
      throw new TypeError('nobody asked for it');
    },
  });
  parser.begin(method, false);
  const bounds = [...new Set([...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length])].toSorted((a, b) => a - b);
  try {
    for (const bound of bounds) {
      const piece = bytes.subarray(pushed, bound);
      pushed = bound;
      parser.push(piece);
      // What follows belongs to nobody: the connection would be closed, or idle.
      if (reading.length !== undefined) return reading;
    }
    parser.end();
  } catch (error) {
    if ((error as Error).name !== 'UpstreamError') throw error;
  }
  return reading;
}

/** The same by Node's parser, byte by byte, which tells where the message ends. */
function readByNode(bytes: Buffer, method: string): Reading {
  const reading = newReading();
  const parser = new HTTPParser();
  parser.initialize(HTTPParser.RESPONSE, {}, 1_048_576, leniency);
  let at = 0;
  let final = false;
  let sections: string[] = [];
  parser[HTTPParser.kOnHeaders] = (fields: string[]) => {
    sections.push(...fields);
  };
  parser[HTTPParser.kOnHeadersComplete] = (...values: never[]) => {
    const [, , fields, , , status, , , persistent] = values as readonly unknown[];
    sections.push(...((fields ?? []) as string[]));
    reading.heads.push({ status: status as number, fields: lowered(sections) });
    reading.persistent = persistent as boolean;
    sections = [];
    final = (status as number) >= 200;
    return method === 'HEAD' && final ? 1 : 0;
  };
  parser[HTTPParser.kOnBody] = (chunk: Buffer) => {
    reading.content += chunk.toString('latin1');
  };
  parser[HTTPParser.kOnMessageComplete] = () => {
    if (!final || reading.length !== undefined) return;
    reading.trailers = lowered(sections);
    reading.length = at;
  };
  for (const byte of bytes) {
    at++;
    if (parser.execute(Buffer.from([byte])) instanceof Error) return reading;
    if (reading.length !== undefined) return reading;
  }
  parser.finish();
  return reading;
}

function lowered(fields: readonly string[]): readonly string[] {
  return fields.map((text, n) => (n % 2 === 0 ? text.toLowerCase() : text));
}

function keptTrailers(fields: readonly string[]): readonly string[] {
  return fields.filter((_, n) => isTrailerField(fields[n - (n % 2)] ?? ''));
}

/** RFC 9112 section 5.1: a proxy takes it off a response; Node refuses it. */
const blankBeforeColon = /(?<=\n)([!#$%&'*+\-.^_`|~0-9A-Za-z]+)[ \t]+:/g;

/** What ours says that the other does not; empty: whatever is accepted is read alike. */
function findings(text: string, method: string, cuts: readonly number[]): readonly string[] {
  const bytes = Buffer.from(text.replaceAll(blankBeforeColon, '$1:'), 'latin1');
  const ours = read(bytes, method, cuts);
  const theirs = readByNode(bytes, method);
  const found: string[] = [];
  for (const [n, { status, fields }] of ours.heads.entries()) {
    const other = theirs.heads[n];
    if (other === undefined) found.push(`a header section that is none: ${status}`);
    else if (other.status !== status) found.push(`status ${status}, not ${other.status}`);
    else if (JSON.stringify(other.fields) !== JSON.stringify(fields)) {
      found.push(`fields ${JSON.stringify(fields)}, not ${JSON.stringify(other.fields)}`);
    }
  }
  const common = Math.min(ours.content.length, theirs.content.length);
  if (ours.content.slice(0, common) !== theirs.content.slice(0, common)) found.push('other content');
  if (ours.length === undefined) return found;
  if (ours.length !== theirs.length) found.push(`a message of ${ours.length} bytes, not ${theirs.length ?? 'any'}`);
  else if (ours.content !== theirs.content) found.push('content that is not all');
  // Node waits for the end of an answer to HEAD that says no length; RFC 9112 section 6.3 has it end with its header section.
  if (ours.persistent && !theirs.persistent && method !== 'HEAD') found.push('a connection that goes on after its last response');
  if (JSON.stringify(ours.trailers) !== JSON.stringify(keptTrailers(theirs.trailers))) found.push('other trailers');
  return found;
}

const oneOf = <T>(...values: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...values);

const statusLine = fc
  .tuple(
    oneOf(
      'HTTP/1.1',
      'HTTP/1.1',
      'HTTP/1.1',
      'HTTP/1.1',
      'HTTP/1.0',
      'HTTP/1.2',
      'HTTP/1.9',
      'HTTP/2.0',
      'HTTP/0.9',
      'http/1.1',
      'ICY',
    ),
    oneOf(' ', ' ', ' ', ' ', '  ', '\t'),
    oneOf(
      '200',
      '200',
      '200',
      '204',
      '304',
      '404',
      '503',
      '206',
      '999',
      '600',
      '100',
      '103',
      '101',
      '099',
      '20',
      '2000',
      '+20',
      ' 20',
    ),
    oneOf(' OK', ' OK', ' ', '', ' a\tb', ' \xe9', ' \x01', '\tOK', ' \r', ' \x7f'),
  )
  .map((parts) => parts.join(''));

const framing = fc.oneof(
  { weight: 4, arbitrary: fc.nat(12).map((n) => `Content-Length: ${n}`) },
  { weight: 4, arbitrary: fc.constant('Transfer-Encoding: chunked') },
  oneOf(
    ...[
      'Content-Length: +5',
      'Content-Length: 5, 5',
      'Content-Length: 5 5',
      'Content-Length: 0x5',
      'Content-Length: ',
      'Content-Length: 005',
    ],
    ...[
      'Content-Length: 5\t',
      'Content-Length:5',
      'Content-Length : 5',
      'Content-Length: 99999999999999999999',
      'Content-Length: 5;a',
    ],
    ...[
      'Transfer-Encoding: Chunked',
      'Transfer-Encoding: gzip, chunked',
      'Transfer-Encoding: chunked, gzip',
      'Transfer-Encoding: identity',
    ],
    ...[
      'Transfer-Encoding: chunked, chunked',
      'Transfer-Encoding:\tchunked',
      'Transfer-Encoding: xchunked',
      'Transfer-Encoding: \x0bchunked',
    ],
    ...['Transfer-Encoding: chunked;q=1', 'Transfer-Encoding: "chunked"', 'Transfer-Encoding: ', 'Transfer_Encoding: chunked'],
    ...['Transfer-Encoding: chunked\x00', ' Transfer-Encoding: chunked', 'Content-Length: -1', 'Content-Length: 1_0'],
  ),
);

const field = fc.oneof(
  {
    weight: 3,
    arbitrary: fc
      .tuple(oneOf('a', 'X-B', 'x_c', '!#$'), oneOf('', '1', ' b c ', '\t"d"', '\xfft', 'e,f'))
      .map((pair) => pair.join(':')),
  },
  oneOf(
    ...[
      'Connection: close',
      'Connection: keep-alive',
      'Connection: a, CLOSE',
      'Connection: close, a',
      'Connection: "close"',
      'connection:close',
    ],
    ...[
      'Connection: upgrade',
      'Upgrade: h2c',
      'Keep-Alive: timeout=5',
      'Connection:',
      'Connection: closed',
      'Connection: x close',
      'Connection: close;',
    ],
    ...[
      'a b: c',
      'a: b\x00',
      'a: b\x01c',
      'a: b\x7f',
      ': c',
      'a',
      ' folded',
      'a : b',
      'a\t: b',
      'a: b\rc',
      'a: b\nc',
      '\xe9: a',
      'a(: b',
    ],
  ),
);

const lineEnd = fc.oneof({ weight: 40, arbitrary: fc.constant('\r\n') }, oneOf('\n', '\r', '\r\r\n', '\n\r', '\r\n ', '\x00\r\n'));

const section = (first: fc.Arbitrary<string>, rest: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc
    .tuple(first, fc.array(rest, { maxLength: 4 }), fc.array(lineEnd, { minLength: 6, maxLength: 6 }))
    .map(([start, fields, ends]) => [start, ...fields, ''].map((line, n) => line + (ends[n] ?? '\r\n')).join(''));

const chunk = fc
  .tuple(
    fc.string({ maxLength: 20, unit: oneOf('a', '\r', '\n', '0', ' ', '\xff') }),
    oneOf(
      '',
      '',
      '',
      '',
      '',
      ';a',
      ';a=b',
      ';a="b c"',
      ' ;a',
      '; a',
      ';',
      ';;',
      ' ',
      '\t',
      ';a =b',
      ';a="\\""',
      ';a="',
      ';\xe9',
      'x',
      '\x00',
      ';a\r',
      ';a=b;c',
    ),
    oneOf('hex', 'hex', 'hex', 'hex', 'HEX', '00hex', 'less', 'more', '0x'),
    fc.tuple(lineEnd, lineEnd),
  )
  .map(([data, extension, size, [before, after]]) => {
    const hex = data.length.toString(16);
    const sizes: Readonly<Record<string, string>> = {
      HEX: hex.toUpperCase(),
      '00hex': `00${hex}`,
      '0x': `0x${hex}`,
      less: Math.max(0, data.length - 1).toString(16),
      more: (data.length + 1).toString(16),
    };
    return `${sizes[size] ?? hex}${extension}${before}${data}${after}`;
  });

const lastChunk = fc
  .tuple(oneOf('0', '0', '0', '00', '0;a', '0 ', '-0', ''), lineEnd, fc.array(field, { maxLength: 2 }), lineEnd)
  .map(([size, first, trailers, end]) => `${size}${first}${trailers.map((line) => `${line}\r\n`).join('')}${end}`);

const content = fc.oneof(
  fc.string({ maxLength: 14, unit: oneOf('a', 'b', '\r', '\n', '\xff', '\x00') }),
  fc.tuple(fc.array(chunk, { maxLength: 3 }), lastChunk).map(([chunks, last]) => chunks.join('') + last),
);

const response = fc
  .tuple(section(statusLine, fc.oneof({ weight: 2, arbitrary: framing }, field)), content)
  .map((parts) => parts.join(''));

/** Well-formed on the whole: what a backend means to say. */
const honest = fc
  .tuple(
    fc.array(oneOf('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n', 'HTTP/1.1 100 Continue\r\n\r\n', 'HTTP/1.1 102\r\n\r\n'), {
      maxLength: 2,
    }),
    oneOf('200 OK', '404 ', '503 Slow', '206 P'),
    fc.array(oneOf('a: b', 'Set-Cookie: c=d; e', 'Date: now', 'Connection: keep-alive', 'x:', 'Server:  s  '), { maxLength: 4 }),
    fc.string({ maxLength: 40, unit: oneOf('a', '\r', '\n', '0', '\xff', '\x00', 'H') }),
    oneOf('length', 'chunks', 'close'),
  )
  .map(([informational, status, fields, data, kind]) => {
    const lines = [`HTTP/1.1 ${status}`, ...fields];
    if (kind === 'length') lines.push(`Content-Length: ${data.length}`);
    if (kind === 'chunks') lines.push('Transfer-Encoding: chunked');
    const half = data.slice(0, data.length >> 1);
    const rest = data.slice(half.length);
    const chunks = [half, rest].filter((part) => part !== '').map((part) => `${part.length.toString(16)};e=1\r\n${part}\r\n`);
    const body = kind === 'chunks' ? `${chunks.join('')}0\r\nx-sum: 1\r\n\r\n` : data;
    return `${informational.join('')}${lines.join('\r\n')}\r\n\r\n${body}`;
  });

/** A few bytes left out, put in, written over or repeated. */
const edits = fc.array(
  fc.tuple(
    oneOf('delete', 'insert', 'replace', 'repeat'),
    fc.nat(),
    oneOf(
      '\r',
      '\n',
      '\r\n',
      ' ',
      '\t',
      '\x00',
      ':',
      ';',
      ',',
      '0',
      '1',
      'f',
      '\x0b',
      '\xa0',
      '\x7f',
      '-',
      'HTTP/1.1 200 OK\r\n\r\n',
      '\r\n\r\n',
    ),
  ),
  { maxLength: 3 },
);

function edited(text: string, changes: readonly (readonly [kind: string, at: number, bytes: string])[]): string {
  return changes.reduce((before, [kind, where, bytes]) => {
    const at = where % (before.length + 1);
    const after = before.slice(kind === 'insert' ? at : at + 1);
    if (kind === 'repeat') return before.slice(0, at) + before.slice(Math.max(0, at - 12));
    return before.slice(0, at) + (kind === 'delete' ? '' : bytes) + after;
  }, text);
}

const method = oneOf('GET', 'GET', 'GET', 'HEAD', 'POST');
const cuts = fc.array(fc.nat(), { maxLength: 40 });

describe('the parser beside that of node:http, strict', () => {
  const accepted = new Map<string, number>();
  const property = (messages: fc.Arbitrary<string>, name: string): fc.IPropertyWithHooks<[string, string, string, number[]]> =>
    fc.property(messages, messages, method, cuts, (one, next, asked, at) => {
      const text = one + next;
      expect(findings(text, asked, at)).toEqual([]);
      if (read(Buffer.from(text, 'latin1'), asked, []).length !== undefined) accepted.set(name, (accepted.get(name) ?? 0) + 1);
    });

  it('reads what a backend means to say like it: status, fields, content, trailers, and where the next response begins', () => {
    fc.assert(property(honest, 'honest'), { numRuns: 3_000 });
    expect(accepted.get('honest')).toBe(3_000);
  });

  it('takes nothing for a response, from spoilt ones, that the other would not, and takes it for the same', () => {
    const spoilt = fc.tuple(honest, edits).map(([text, changes]) => edited(text, changes));
    fc.assert(property(spoilt, 'spoilt'), { numRuns: 10_000 });
    expect(accepted.get('spoilt')).toBeGreaterThan(2_000);
  });

  it('nor from ones of strange parts', () => {
    fc.assert(property(response, 'strange'), { numRuns: 20_000 });
    expect(accepted.get('strange')).toBeGreaterThan(500);
  });
});
