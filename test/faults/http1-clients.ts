import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls, TLSSocket } from 'node:tls';
import { setTimeout as sleep } from 'node:timers/promises';
import { below, pick } from '../support/seeded-random.ts';
import { http1Faults, targetOf } from './http1-faults.ts';
import type { Wish } from './http1-faults.ts';
import { contentOf, decoded } from './owned-content.ts';

type Random = () => number;

/** One request as its client writes it. */
export interface Ask {
  readonly kind: string;
  readonly method: string;
  /** What is asked of the backend; `undefined` where the request must not get there. */
  readonly wish: Wish | undefined;
  readonly head: string;
  readonly content: string;
  /** The content waits for a 100. */
  readonly expects: boolean;
  /** HTTP/1.0 */
  readonly old: boolean;
}

/** Routes that go to the backend in their several ways. */
export const routes = ['plain', 'retry', 'hedge', 'zip', 'mirror', 'limit', 'fall', 'breaker', 'ws'] as const;

const goodFaults = Object.keys(http1Faults).filter((name) => name.startsWith('good'));
const switching = Object.keys(http1Faults).filter((name) => name.startsWith('switches'));

function randomFaults(random: Random): string[] {
  return Array.from({ length: 1 + below(random, 3) }, () => pick(random, random() < 0.4 ? goodFaults : Object.keys(http1Faults)));
}

const host = 'Host: api.example';

/** As chunks with extensions, and a trailer section. */
function chunked(random: Random, content: string): string {
  const size = Math.max(1, Math.ceil(content.length / pick(random, [1, 2, 5])));
  let text = '';
  for (let at = 0; at < content.length; at += size) {
    const part = content.slice(at, at + size);
    text += `${part.length.toString(16)}${pick(random, ['', ';a', ';a=b;c="d"'])}\r\n${part}\r\n`;
  }
  return `${text}0\r\n${pick(random, ['', 'X-Sum: 1\r\n', 'X-Sum: 1\r\nHost: evil.example\r\n'])}\r\n`;
}

type Maker = (wish: Wish, random: Random) => Omit<Ask, 'kind'>;

const ask = (wish: Wish | undefined, method: string, head: string, content = '', more: Partial<Ask> = {}): Omit<Ask, 'kind'> => ({
  method,
  wish,
  head,
  content,
  expects: false,
  old: false,
  ...more,
});

const lines = (start: string, fields: readonly string[]): string => `${[start, host, ...fields].join('\r\n')}\r\n\r\n`;

const plain =
  (method: string, ...fields: readonly string[]): Maker =>
  (wish, random) =>
    ask(
      wish,
      method,
      lines(`${method} ${targetOf(wish)} HTTP/1.1`, [
        ...fields,
        ...pick(random, [[], [], ['Accept-Encoding: gzip'], ['Accept-Encoding: br'], ['Accept-Encoding: zstd, gzip']]),
      ]),
    );

const old =
  (...fields: readonly string[]): Maker =>
  (wish) =>
    ask(wish, 'GET', lines(`GET ${targetOf(wish)} HTTP/1.0`, fields), '', { old: true });

const withContent =
  (length: number, framing: 'chunked' | 'length', ...fields: readonly string[]): Maker =>
  (wish, random) => {
    const method = pick(random, ['POST', 'PUT']);
    const content = contentOf(wish.token, length);
    const framed = framing === 'length' ? `Content-Length: ${content.length}` : 'Transfer-Encoding: chunked';
    return ask(
      wish,
      method,
      lines(`${method} ${targetOf(wish)} HTTP/1.1`, [framed, ...fields]),
      framing === 'length' ? content : chunked(random, content),
      { expects: fields.some((field) => field.startsWith('Expect')) },
    );
  };

/** What no backend may ever see. */
const illFormed =
  (text: string): Maker =>
  (wish) =>
    ask(undefined, 'GET', text.replaceAll('TARGET', targetOf(wish)).replaceAll('|', '\r\n'));

/** A chunk that is none is known for one when it comes. By then the request may be on its way, and answered; it is never whole. */
const badChunk: Maker = (wish) =>
  ask(wish, 'POST', lines(`POST ${targetOf(wish)} HTTP/1.1`, ['Transfer-Encoding: chunked']), '3\r\nabc\r\nzz\r\n');

const expectsContinue = 'Expect: 100-continue';
const upgrades = ['Connection: Upgrade', 'Upgrade: websocket'];

const common: Readonly<Record<string, Maker>> = {
  get: plain('GET'),
  head: plain('HEAD'),
  delete: plain('DELETE'),
  options: plain('OPTIONS'),
  'get, the last': plain('GET', 'Connection: close'),
  'get, absolute': (wish) => ask(wish, 'GET', lines(`GET http://api.example${targetOf(wish)} HTTP/1.1`, [])),
  'get, 1.0': old(),
  'get, 1.0, kept': old('Connection: keep-alive'),
  'post without content': plain('POST', 'Content-Length: 0'),
  post: withContent(50, 'length'),
  'post, large': withContent(150_000, 'length'),
  'post, huge': withContent(2_000_000, 'length'),
  'post, chunks': withContent(50, 'chunked'),
  'post, large chunks': withContent(150_000, 'chunked'),
  'post, huge chunks': withContent(2_000_000, 'chunked'),
  'post, expects': withContent(50, 'length', expectsContinue),
  'post, expects, large': withContent(150_000, 'length', expectsContinue),
  'post, expects, chunks': withContent(50, 'chunked', expectsContinue),
  'get, expects': plain('GET', expectsContinue),
};

const odd: Readonly<Record<string, Maker>> = {
  upgrade: plain('GET', ...upgrades),
  'upgrade to HTTP/2': plain('GET', 'Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABk'),
  'upgrade with content': withContent(50, 'length', ...upgrades),
  'upgrade with chunks': withContent(50, 'chunked', ...upgrades),
  'unknown expectation': illFormed('GET TARGET HTTP/1.1|Host: a|Expect: the-unexpected||'),
  connect: illFormed('CONNECT api.example:443 HTTP/1.1|Host: api.example:443||'),
  garbage: illFormed('what is this||'),
  'two hosts': illFormed('GET TARGET HTTP/1.1|Host: a|Host: b||'),
  'two framings': illFormed('POST TARGET HTTP/1.1|Host: a|Content-Length: 3|Transfer-Encoding: chunked||0||'),
  'bad chunk': badChunk,
  'large head': illFormed(`GET TARGET HTTP/1.1|Host: a|X-Long: ${'x'.repeat(20_000)}||`),
  'unknown method': illFormed('BREW TARGET HTTP/1.1|Host: a||'),
  'bad target': illFormed('GET /plain/%zz/../good HTTP/1.1|Host: a||'),
};

/** @param token of this request alone */
export function randomAsk(random: Random, token: string): Ask {
  const [kind, make] = pick(random, Object.entries(random() < 0.85 ? common : odd));
  const isUpgrade = kind.startsWith('upgrade');
  const route = isUpgrade ? 'ws' : pick(random, routes);
  const faults = isUpgrade && random() < 0.7 ? [pick(random, switching)] : randomFaults(random);
  return { kind, ...make({ route, token, faults }, random) };
}

/** One answer, read strictly. */
export interface Answer {
  readonly status: number;
  readonly fields: ReadonlyMap<string, string>;
  /** Decoded. */
  readonly content: string;
  /** It ended as its framing says. */
  readonly whole: boolean;
}

export interface Reading {
  readonly answers: readonly Answer[];
  /** Of informational responses. */
  readonly informed: readonly number[];
  /** What no client could read; nothing may be. */
  readonly garbled: string | undefined;
  /** What came after a 101. */
  readonly tunnel: string | undefined;
}

const statusLine = /^HTTP\/1\.1 (\d{3}) /;
const chunkLine = /^[0-9a-f]+$/i;

/**
 * Reads what a connection has received so far.
 *
 * @param asks in order
 * @param written how much of them was written: of half a header section nobody knows the method
 * @param ended whether there will be more, and how the connection ended; over TLS Node does not tell an end that was said from one that was not
 */
export function readAnswers(
  text: string,
  asks: readonly Ask[],
  written: number,
  ended: 'fin' | 'open' | 'reset',
  underTls: boolean,
): Reading {
  const answers: Answer[] = [];
  const informed: number[] = [];
  const done = (garbled?: string, tunnel?: string): Reading => ({ answers, informed, garbled, tunnel });
  for (let at = 0; at < text.length;) {
    const headEnd = text.indexOf('\r\n\r\n', at);
    const head = text.slice(at, headEnd === -1 ? undefined : headEnd);
    const start = 'HTTP/1.1 ';
    if (!head.startsWith(start.slice(0, head.length))) return done(`no status line: ${head.slice(0, 60)}`);
    if (headEnd === -1) {
      answers.push({ status: 0, fields: new Map(), content: '', whole: false });
      return done();
    }
    const status = Number(statusLine.exec(head)?.[1]);
    if (Number.isNaN(status)) return done(`no status: ${head.slice(0, 60)}`);
    const asked = asks[answers.length];
    if (asked === undefined) return done(`an answer to nothing: ${head.slice(0, 60)}`);
    const fields = new Map<string, string>();
    for (const line of head.split('\r\n').slice(1)) {
      const [, name, value] = /^([!-9;-~]+): ?(.*)$/.exec(line) ?? [];
      if (name === undefined || value === undefined) return done(`no field: ${line}`);
      fields.set(name.toLowerCase(), fields.has(name.toLowerCase()) ? `${fields.get(name.toLowerCase())}, ${value}` : value);
    }
    at = headEnd + 4;
    if (status === 101) {
      answers.push({ status, fields, content: '', whole: true });
      return done(undefined, text.slice(at));
    }
    if (status < 200) {
      if (asked.old) return done('an informational response to HTTP/1.0');
      informed.push(status);
      continue;
    }
    const sent = asks
      .slice(0, answers.length)
      .reduce((sum, { head, content }) => sum + head.length + content.length, asked.head.length);
    const length = fields.get('content-length');
    const coding = fields.get('transfer-encoding');
    if (length !== undefined && coding !== undefined) return done('two framings');
    if ((asked.method === 'HEAD' && sent <= written) || status === 204 || status === 304) {
      answers.push({ status, fields, content: '', whole: true });
    } else if (coding !== undefined) {
      if (coding !== 'chunked' || asked.old) return done(`coding ${coding}`);
      const read = readChunks(text, at);
      if (typeof read === 'string') return done(read);
      answers.push({ status, fields, content: decodedText(fields, read.content, read.whole), whole: read.whole });
      if (!read.whole) return done();
      at = read.at;
    } else if (length !== undefined) {
      if (!/^\d+$/.test(length)) return done(`length ${length}`);
      const content = text.slice(at, at + Number(length));
      const whole = content.length === Number(length);
      answers.push({ status, fields, content: decodedText(fields, content, whole), whole });
      if (!whole) return done();
      at += content.length;
    } else {
      const whole = ended === 'fin' && !underTls;
      answers.push({ status, fields, content: decodedText(fields, text.slice(at), whole), whole });
      return done();
    }
  }
  return done();
}

function readChunks(text: string, from: number): string | { content: string; whole: boolean; at: number } {
  let content = '';
  for (let at = from; ;) {
    const lineEnd = text.indexOf('\r\n', at);
    if (lineEnd === -1) return { content, whole: false, at };
    const line = text.slice(at, lineEnd);
    if (!chunkLine.test(line)) return `chunk ${line.slice(0, 60)}`;
    const size = Number.parseInt(line, 16);
    at = lineEnd + 2;
    if (size === 0) {
      const end = text.startsWith('\r\n', at) ? at + 2 : text.indexOf('\r\n\r\n', at) + 4;
      return { content, whole: end > 3 && end <= text.length, at: end };
    }
    content += text.slice(at, at + size);
    at += size;
    if (text.length < at + 2) return { content, whole: false, at };
    if (!text.startsWith('\r\n', at)) return 'a chunk that does not end';
    at += 2;
  }
}

function decodedText(fields: ReadonlyMap<string, string>, content: string, whole: boolean): string {
  const coding = fields.get('content-encoding');
  if (coding === undefined || !whole) return content;
  try {
    return decoded(coding, Buffer.from(content, 'latin1')).toString('latin1');
  } catch {
    return 'what cannot be decoded';
  }
}

export const ways = [
  'waits',
  'waits',
  'waits',
  'stays',
  'pipelines',
  'pipelines',
  'in pieces',
  'half-closes',
  'leaves',
  'leaves within an answer',
  'is cut',
  'is cut',
  'reads slowly',
  'reads nothing',
] as const;
export type Way = (typeof ways)[number];

/** A client on a raw socket, and what it makes of its connection. */
export class Http1Client {
  readonly way: Way;
  readonly asks: readonly Ask[];
  /** Its own on this machine, so that the log tells whose line it is. */
  readonly address: string;
  ended: 'fin' | 'open' | 'reset' = 'open';
  /** It has left of its own accord, or broken the protocol: nothing is owed to it. */
  gaveUp = false;
  text = '';
  #sent = '';
  readonly #socket: Socket;
  #changed: (() => void)[] = [];
  #read: { readonly length: number; readonly ended: string; readonly written: number; readonly reading: Reading } | undefined;

  /** @param ca of a server that speaks TLS */
  constructor(port: number, address: string, way: Way, asks: readonly Ask[], ca?: string) {
    this.way = way;
    this.asks = asks;
    this.address = address;
    const to = { port, host: '127.0.0.1', localAddress: address, allowHalfOpen: true, noDelay: true };
    this.#socket = ca === undefined ? connect(to) : connectTls({ ...to, ca, servername: 'localhost' });
    this.#socket.setEncoding('latin1');
    this.#socket.on('data', (chunk: string) => {
      this.text += chunk;
      this.#tell();
    });
    this.#socket.on('end', () => this.#over('fin'));
    this.#socket.on('error', () => this.#over('reset'));
    this.#socket.on('close', () => this.#over('reset'));
  }

  /** It writes nothing while it reads. */
  get waits(): boolean {
    return (this.way === 'waits' || this.way === 'stays') && !this.gaveUp;
  }

  get written(): number {
    return this.#sent.length;
  }

  get reading(): Reading {
    const { text, ended, written } = this;
    if (this.#read?.length !== text.length || this.#read.ended !== ended || this.#read.written !== written) {
      this.#read = {
        length: text.length,
        ended,
        written,
        reading: readAnswers(text, this.asks, written, ended, this.#socket instanceof TLSSocket),
      };
    }
    return this.#read.reading;
  }

  /** Requests of which at least a byte was written. */
  get begun(): number {
    let at = 0;
    return this.asks.filter(
      ({ head, content }) => (at += head.length + content.length) - head.length - content.length < this.written,
    ).length;
  }

  /** Ends when nothing more is to be heard: whatever the server does, but in its time. */
  async converse(random: Random): Promise<void> {
    const { way, asks } = this;
    const socket = this.#socket;
    if (way === 'waits' || way === 'stays') {
      for (const [at, one] of asks.entries()) {
        await this.#send(one, at, random);
        await this.#until(() => this.#answered(at));
        if (this.ended !== 'open') break;
      }
      if (this.ended === 'open' && this.reading.tunnel !== undefined) await this.#tunnel(random);
      else if (way === 'waits') socket.end();
      return this.#end();
    }
    const text = asks.map(({ head, content }) => head + content).join('');
    if (way === 'is cut') {
      this.gaveUp = true;
      this.#write(text.slice(0, this.#cutAt(random)));
      await sleep(random() * 30);
      const then = below(random, 4);
      if (then === 0) socket.end();
      else if (then === 1) this.#reset();
      else if (then === 2) socket.destroy();
      return this.#end();
    }
    if (way === 'in pieces') {
      const size = Math.ceil(text.length / (1 + below(random, 30)));
      for (let at = 0; at < text.length && this.ended === 'open'; at += size) {
        this.#write(text.slice(at, at + size));
        if (random() < 0.5) await sleep(random() * 4);
      }
    } else {
      if (way === 'reads nothing') socket.pause();
      this.#write(text);
    }
    if (way === 'half-closes') {
      this.gaveUp = true;
      await sleep(random() * 30);
      socket.end();
    } else if (way === 'leaves' || way === 'leaves within an answer') {
      this.gaveUp = true;
      if (way !== 'leaves') await this.#until(() => this.text !== '');
      await sleep(random() * (way === 'leaves' ? 60 : 5));
      if (random() < 0.5) socket.destroy();
      else this.#reset();
    } else if (way === 'reads slowly') {
      const pause = (): void => void socket.pause();
      socket.on('data', pause);
      const timer = setInterval(() => socket.resume(), 4);
      await this.#until(() => this.#answered(asks.length - 1));
      clearInterval(timer);
      socket.off('data', pause).resume();
    } else if (way === 'reads nothing') {
      this.gaveUp = true;
      await sleep(700);
      socket.resume();
    }
    await this.#until(() => this.#answered(asks.length - 1));
    socket.end();
    return this.#end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** What may come out of a tunnel: what was said into it, after the backend's greeting. */
  mayComeOut(tunnel: string): boolean {
    const at = this.reading.answers.length;
    const before = this.asks.slice(0, at).reduce((sum, { head, content }) => sum + head.length + content.length, 0);
    const greeting = this.asks[at - 1]?.wish?.faults[0] === 'switches-to-nothing' ? '' : 'hello';
    return (greeting + this.#sent.slice(before)).startsWith(tunnel);
  }

  /** Node cannot reset under TLS. */
  #reset(): void {
    if (this.#socket instanceof TLSSocket) this.#socket.destroy();
    else this.#socket.resetAndDestroy();
  }

  #write(text: string): void {
    if (!this.#socket.writable) return;
    this.#sent += text;
    this.#socket.write(text, 'latin1');
  }

  async #send({ head, content, expects }: Ask, at: number, random: Random): Promise<void> {
    this.#write(head);
    if (expects) {
      const patience = random() < 0.3 ? 5 : 100;
      const heard = (): boolean => this.reading.informed.includes(100) || this.#answered(at);
      await Promise.race([this.#until(heard), sleep(patience)]);
      // RFC 9110 section 10.1.1: it may go on without; a few never do
      if (this.#answered(at) || random() < 0.1) {
        this.gaveUp = true;
        return;
      }
    }
    if (content !== '') this.#write(content);
  }

  async #tunnel(random: Random): Promise<void> {
    const socket = this.#socket;
    this.#write('ping');
    await Promise.race([this.#until(() => this.reading.tunnel?.includes('ping') === true), sleep(60)]);
    const then = below(random, 4);
    if (then === 0) socket.end();
    else if (then === 1) socket.destroy();
    else if (then === 2) this.#reset();
  }

  /** Within the first request as often as not. */
  #cutAt(random: Random): number {
    const [first, ...others] = this.asks.map(({ head, content }) => ({ head: head.length, content: content.length }));
    if (first === undefined) return 0;
    const at = random();
    if (at < 0.4) return below(random, first.head);
    if (at < 0.7) return first.head + below(random, first.content + 1);
    return below(random, first.head + first.content + others.reduce((sum, { head, content }) => sum + head + content, 0));
  }

  #answered(at: number): boolean {
    const { answers, garbled, tunnel } = this.reading;
    return garbled !== undefined || tunnel !== undefined || answers[at]?.whole === true;
  }

  async #end(): Promise<void> {
    await this.#until(() => false);
  }

  /** Resolves when it holds, or nothing more comes. */
  async #until(condition: () => boolean): Promise<void> {
    while (this.ended === 'open' && !condition()) {
      await new Promise<void>((resolve) => {
        this.#changed.push(resolve);
      });
    }
  }

  #over(how: 'fin' | 'reset'): void {
    if (this.ended === 'open') this.ended = how;
    // it has nothing more to say either
    this.#socket.end();
    this.#tell();
  }

  #tell(): void {
    for (const wake of this.#changed.splice(0)) wake();
  }
}
