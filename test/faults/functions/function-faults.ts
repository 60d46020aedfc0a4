import type { Socket } from 'node:net';
import { Origin } from '../../probe/origin.ts';
import type { Seen } from '../../probe/origin.ts';
import { contentOf, tokenOf } from '../owned-content.ts';

/** One way for a backend to answer, and what a client may make of it. */
export interface FunctionFault {
  /** Answers, or does not. Sockets take Latin-1. */
  readonly act: (socket: Socket, content: string, seen: Seen) => void;
  /** Begins when the header section is there; default: when the request is. */
  readonly early?: true;
  /**
   * `whole`: the content arrives, all of it. `empty`: a status alone does. `failed`: an error, or an answer that the client sees to be broken
   * off. `either`: one of them, but no half answer.
   */
  readonly becomes: 'either' | 'empty' | 'failed' | 'whole';
  /** Is not done at once, but some milliseconds later. */
  readonly slow?: true;
  /** Which time it takes to end it: that between two pieces of content, or only the route's. */
  readonly stalls?: 'idle' | 'route';
}

const slowMs = 10;
const head = 'HTTP/1.1 200 OK\r\n';
const chunk = (text: string): string => (text === '' ? '' : `${text.length.toString(16)}\r\n${text}\r\n`);
const chunkedHead = `${head}Transfer-Encoding: chunked\r\n\r\n`;
const sized = (content: string, fields = ''): string => `${head}${fields}Content-Length: ${content.length}\r\n\r\n${content}`;
const half = (content: string): string => content.slice(0, content.length / 2);

/** Names and values that mean something to JavaScript or to a platform's library. */
const oddFields = [
  '__proto__: polluted',
  'constructor: polluted',
  'toString: polluted',
  '__proto__: again',
  'hasOwnProperty: x',
  'X-Empty:',
  'X-Latin: caf\xe9 \xff',
  'X-Repeated: a, b',
  'x-repeated: c',
  "X!#$%&'*+.^_`|~-: token",
  `X-Long: ${'y'.repeat(4_000)}`,
  'Keep-Alive: timeout=5',
  'Proxy-Connection: close',
  'Trailer: X-Sum',
  'Upgrade: h2c',
  'X-Ms-Invocation-Id: forged',
  'Lambda-Runtime-Function-Error-Type: forged',
  'Statuscode: 200',
  'Server: hostile',
].map((line) => `${line}\r\n`);

const oddCookies = [
  'a=1; SameSite=constructor',
  'b=2; SameSite=__proto__; Path=/; Secure',
  '__proto__=3; HttpOnly',
  'd="a b"; Expires=Wed, 21 Oct 2026 07:28:00 GMT; Max-Age=99999999999999999999',
  'no equals sign',
  '=nameless; Domain=..bad..',
  'e=\xff\xfe; Path=/caf\xe9',
  '',
  'f=6; Max-Age=-1; Partitioned; Priority=High; Expires=never',
].map((cookie) => `Set-Cookie: ${cookie}\r\n`);

/** Requests that wait for each other at the backend. */
export interface Meeting {
  size: number;
  readonly waiting: (() => void)[];
}

export function functionFaults(meeting: Meeting): Readonly<Record<string, FunctionFault>> {
  return {
    whole: { act: (socket, content) => void socket.write(sized(content)), becomes: 'whole' },
    compressible: { act: (socket, content) => void socket.write(sized(content, 'Content-Type: text/plain\r\n')), becomes: 'whole' },
    'in chunks': {
      act: (socket, content) => {
        socket.write(chunkedHead);
        for (let at = 0; at < content.length; at += 20_000) socket.write(chunk(content.slice(at, at + 20_000)));
        socket.write('0\r\n\r\n');
      },
      becomes: 'whole',
    },
    'in chunks, later': {
      act: (socket, content) => {
        socket.write(chunkedHead + chunk(half(content)));
        setTimeout(() => socket.write(`${chunk(content.slice(half(content).length))}0\r\n\r\n`), slowMs);
      },
      slow: true,
      becomes: 'whole',
    },
    'with trailers': {
      act: (socket, content) =>
        void socket.write(
          `${head}Trailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n${chunk(content)}0\r\nX-Sum: 1\r\n__proto__: 2\r\n\r\n`,
        ),
      becomes: 'whole',
    },
    'until it closes': {
      act: (socket, content) => void socket.end(`${head}Connection: close\r\n\r\n${content}`),
      becomes: 'whole',
    },
    'and closes': { act: (socket, content) => void socket.end(sized(content, 'Connection: close\r\n')), becomes: 'whole' },
    'after 1xx': {
      act: (socket, content) =>
        void socket.write(`HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n${sized(content)}`),
      becomes: 'whole',
    },
    'odd fields': { act: (socket, content) => void socket.write(sized(content, oddFields.join(''))), becomes: 'whole' },
    'odd cookies': { act: (socket, content) => void socket.write(sized(content, oddCookies.join(''))), becomes: 'whole' },
    'one odd cookie': {
      act: (socket, content, { target }) => void socket.write(sized(content, oddCookies[target.length % oddCookies.length] ?? '')),
      becomes: 'whole',
    },
    'nominated fields': {
      act: (socket, content) =>
        void socket.write(sized(content, 'Connection: x-a, content-length, set-cookie\r\nX-A: 1\r\nSet-Cookie: a=1\r\n')),
      becomes: 'either',
    },
    'before the request is there': { act: (socket, content) => void socket.write(sized(content)), early: true, becomes: 'whole' },
    'before the request is there, and reads on later': {
      act: (socket, content, { complete }) => {
        if (!complete) {
          socket.pause();
          setTimeout(() => socket.resume(), 20);
        }
        socket.write(sized(content, 'Connection: close\r\n'));
      },
      early: true,
      becomes: 'whole',
    },
    'before the request is there, and closes': {
      act: (socket, content) => void socket.end(sized(content, 'Connection: close\r\n')),
      early: true,
      becomes: 'either',
    },
    '204': { act: (socket) => void socket.write('HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n'), becomes: 'empty' },
    '205': { act: (socket) => void socket.write('HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n'), becomes: 'empty' },
    '304': {
      act: (socket) => void socket.write('HTTP/1.1 304 Not Modified\r\nETag: "a"\r\nContent-Length: 99\r\n\r\n'),
      becomes: 'empty',
    },
    '418': { act: (socket) => void socket.write('HTTP/1.1 418 \r\nContent-Length: 0\r\n\r\n'), becomes: 'empty' },
    '599': {
      act: (socket) => void socket.write('HTTP/1.1 599 Odd\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'),
      becomes: 'empty',
    },
    '700': { act: (socket) => void socket.write('HTTP/1.1 700 Odd\r\nContent-Length: 0\r\n\r\n'), becomes: 'failed' },
    'reset before a word': { act: (socket) => void socket.resetAndDestroy(), becomes: 'failed' },
    'end before a word': { act: (socket) => void socket.end(), becomes: 'failed' },
    'reset at the head of the request': { act: (socket) => void socket.resetAndDestroy(), early: true, becomes: 'failed' },
    'half a head': { act: (socket) => void socket.end(`${head}Content-Le`), becomes: 'failed' },
    'less than its length': { act: (socket, content) => void socket.end(sized(content).slice(0, -3)), becomes: 'failed' },
    'less than its length, and resets': {
      act: (socket, content) =>
        void socket.write(sized(content).slice(0, -3), () => setTimeout(() => socket.resetAndDestroy(), 10)),
      becomes: 'failed',
    },
    'half a chunk': { act: (socket, content) => void socket.end(chunkedHead + chunk(content).slice(0, -5)), becomes: 'failed' },
    'no last chunk': { act: (socket, content) => void socket.end(chunkedHead + chunk(content)), becomes: 'failed' },
    'garbage for a chunk': {
      act: (socket, content) => void socket.write(`${chunkedHead}${chunk(half(content))}zz\r\n`),
      becomes: 'failed',
    },
    'garbage for a chunk, later': {
      act: (socket, content) => {
        socket.write(chunkedHead + chunk(half(content)));
        setTimeout(() => socket.write('zz\r\n'), 10);
      },
      becomes: 'failed',
    },
    garbage: { act: (socket) => void socket.end('220 mail.example ESMTP\r\n\r\n'), becomes: 'failed' },
    'two lengths': {
      act: (socket, content) => void socket.write(`${head}Content-Length: 3\r\n${sized(content).slice(head.length)}`),
      becomes: 'failed',
    },
    'a carriage return in a field': {
      act: (socket, content) => void socket.write(sized(content, 'X-A: a\rb\r\n')),
      becomes: 'failed',
    },
    '101 that nobody asked for': {
      act: (socket) => void socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n'),
      becomes: 'failed',
    },
    silence: { act: () => undefined, becomes: 'failed', stalls: 'idle' },
    'silence after the head': {
      act: (socket, content) => void socket.write(sized(content).slice(0, -content.length)),
      becomes: 'failed',
      stalls: 'idle',
    },
    'silence in the content': {
      act: (socket, content) => void socket.write(sized(content).slice(0, -3)),
      becomes: 'failed',
      stalls: 'idle',
    },
    'silence before the last chunk': {
      act: (socket, content) => void socket.write(chunkedHead + chunk(content)),
      becomes: 'failed',
      stalls: 'idle',
    },
    'no end': {
      act: (socket) => {
        socket.write(chunkedHead);
        const piece = chunk('x'.repeat(30_000));
        const more = (): void => {
          while (!socket.destroyed && socket.write(piece));
        };
        socket.on('drain', more);
        more();
      },
      becomes: 'failed',
      stalls: 'route',
    },
    'drop by drop': {
      act: (socket) => {
        socket.write(chunkedHead);
        const timer = setInterval(() => socket.write(chunk('x')), 10);
        socket.on('close', () => clearInterval(timer));
      },
      becomes: 'failed',
      stalls: 'route',
    },
    /** Answers when as many have come as are let through at once. */
    meeting: {
      act: (socket, content) => {
        meeting.waiting.push(() => socket.write(sized(content)));
        if (meeting.waiting.length >= meeting.size) for (const answer of meeting.waiting.splice(0)) answer();
      },
      becomes: 'whole',
    },
  };
}

/** What is asked of the backend: `/<route>/<id>/<fault>/<length>/<filler>`, percent-encoded. */
function partsOf({ target }: Seen): { id: string; fault: string; content: string } {
  const [, , id = '', fault = '', length = '', filler] = (target.split('?')[0] ?? '').split('/').map(decodeURIComponent);
  return { id, fault, content: contentOf(id, Number(length), filler === 'bytes' ? '\xff' : 'x') };
}

/** A backend that answers each request as the request's own path says. */
export interface HostileOrigin {
  readonly url: string;
  /** Requests that came whole and were not what their client sent. */
  readonly garbled: readonly string[];
  /** How many connections carry an exchange that has not ended. */
  busy(): number;
  /** Ends the connections that carry none. */
  endIdle(): void;
  close(): Promise<void>;
}

export async function startHostileOrigin(meeting: Meeting): Promise<HostileOrigin> {
  const faults = functionFaults(meeting);
  const garbled: string[] = [];
  const busy = new Set<Socket>();
  const act = (seen: Seen, socket: Socket): void => {
    const { id, fault, content } = partsOf(seen);
    const chosen = faults[fault];
    if (chosen === undefined) garbled.push(`${id}: ${seen.target}`);
    if (seen.method === 'HEAD' && chosen?.becomes !== 'empty') socket.write(`${head}Content-Length: ${content.length}\r\n\r\n`);
    else chosen?.act(socket, content, seen);
    if (chosen?.becomes === 'failed' || socket.isPaused()) return;
    if (chosen?.slow === true) setTimeout(() => busy.delete(socket), slowMs + 5);
    else busy.delete(socket);
  };
  const origin = new Origin({
    onConnection: (socket) => {
      socket.setDefaultEncoding('latin1');
      socket.on('close', () => busy.delete(socket));
    },
    onHead: (seen, socket) => {
      busy.add(socket);
      if (faults[partsOf(seen).fault]?.early === true) act(seen, socket);
    },
    onRequest: (seen, socket) => {
      const { id, fault } = partsOf(seen);
      if (seen.body !== '' && tokenOf(seen.body) !== id) garbled.push(`${id}: ${seen.method} with ${seen.body.slice(0, 50)}`);
      if (faults[fault]?.early !== true) act(seen, socket);
    },
  });
  const port = await origin.listen();
  return {
    url: `http://127.0.0.1:${port}`,
    garbled,
    busy: () => busy.size,
    endIdle: () => {
      for (const socket of origin.sockets) if (!busy.has(socket)) socket.end();
    },
    close: () => origin.close(),
  };
}
