import type { Socket } from 'node:net';
import type { UpstreamConfiguration } from '../../core/proxy/configuration.ts';
import { responseText } from '../probe/arena.ts';

/** One way for a backend to fail, and what a client is then told. */
export interface Fault {
  readonly name: string;
  /** Does it at each request for `/bad`. Sockets take latin1. */
  readonly act?: (socket: Socket) => void;
  /** Or the upstream is another than the origin. */
  readonly upstream?: (ports: FaultPorts) => UpstreamConfiguration;
  /** Which of its times is short, where it is shown by a time that is over. */
  readonly timeouts?: { readonly idleMs?: number; readonly responseHeadersMs?: number; readonly routeMs?: number };
  /** `cut`: the client sees that the answer is not whole, or is told 502 or 504 in time. */
  readonly becomes: 'cut' | { readonly status: number; readonly error?: string | undefined };
}

/** Where faults are to be had that an origin cannot commit by itself. */
export interface FaultPorts {
  /** Says `220 ...` at once on every connection. */
  readonly mail: number;
  /** Speaks TLS, with the certificate that the server name asked for stands for. */
  readonly tls: number;
  /** Lets connections in and says nothing. */
  readonly origin: number;
}

/** The server names whose certificates are not right, each in its way. */
export const badNames = { expired: 'expired.example', wrong: 'wrong.example', unknown: 'unknown.example' } as const;

/** Name of the secret that holds the authority of the certificates. */
export const authoritySecret = 'authority';

const behindTls =
  (serverName: string) =>
  ({ tls }: FaultPorts): UpstreamConfiguration => ({
    url: `https://127.0.0.1:${tls}`,
    tls: { ca: authoritySecret, serverName },
  });

const head = 'HTTP/1.1 200 OK\r\n';
const chunked = `${head}Transfer-Encoding: chunked\r\n\r\n`;

export const faults: readonly Fault[] = [
  {
    name: 'refuses connections',
    upstream: () => ({ url: 'http://127.0.0.1:1' }),
    becomes: { status: 502, error: 'connection_refused' },
  },
  { name: 'closes without a word', act: (socket) => socket.end(), becomes: { status: 502, error: 'connection_terminated' } },
  {
    name: 'resets before its header section',
    act: (socket) => socket.resetAndDestroy(),
    becomes: { status: 502, error: 'connection_terminated' },
  },
  {
    name: 'resets after its header section',
    act: (socket) => {
      socket.write(`${head}Content-Length: 10\r\n\r\nabc`, () => setTimeout(() => socket.resetAndDestroy(), 20));
    },
    becomes: 'cut',
  },
  { name: 'ends before its length', act: (socket) => socket.end(`${head}Content-Length: 10\r\n\r\nabc`), becomes: 'cut' },
  { name: 'ends within a chunk', act: (socket) => socket.end(`${chunked}a\r\nabc`), becomes: 'cut' },
  { name: 'ends between chunks', act: (socket) => socket.end(`${chunked}3\r\nabc\r\n`), becomes: 'cut' },
  { name: 'sends a chunk that is none', act: (socket) => void socket.write(`${chunked}3\r\nabc\r\nzz\r\n`), becomes: 'cut' },
  {
    name: 'stalls in its content',
    act: (socket) => void socket.write(`${head}Content-Length: 10\r\n\r\nabc`),
    timeouts: { idleMs: 200 },
    becomes: 'cut',
  },
  {
    name: 'sends its content drop by drop, without end',
    act: (socket) => {
      socket.write(chunked);
      const timer = setInterval(() => socket.write('1\r\na\r\n'), 20);
      socket.on('close', () => clearInterval(timer));
    },
    timeouts: { routeMs: 900 },
    becomes: 'cut',
  },
  {
    name: 'speaks no HTTP',
    act: (socket) => socket.end('220 mail.example ESMTP\r\n\r\n'),
    becomes: { status: 502, error: 'http_protocol_error' },
  },
  {
    name: 'has a status line that is none',
    act: (socket) => void socket.write('HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\nok'),
    becomes: { status: 502, error: 'http_protocol_error' },
  },
  {
    // RFC 9110 section 15: to be taken for a server's error
    name: 'has a status beyond 599',
    act: (socket) => void socket.write('HTTP/1.1 600 Beyond\r\nContent-Length: 2\r\n\r\nok'),
    becomes: { status: 502, error: 'http_protocol_error' },
  },
  {
    name: 'frames its content in two ways',
    act: (socket) => void socket.write(`${head}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nmine\r\n0\r\n\r\n`),
    becomes: { status: 502, error: 'http_protocol_error' },
  },
  {
    name: 'has two lengths',
    act: (socket) => void socket.write(`${head}Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc`),
    becomes: { status: 502, error: 'http_protocol_error' },
  },
  {
    name: 'sends more than its content',
    act: (socket) => void socket.write(`${responseText(200, [], 'mine')}${responseText(200, [], 'poison')}`),
    becomes: { status: 200 },
  },
  {
    name: 'says nothing',
    act: () => undefined,
    timeouts: { responseHeadersMs: 200 },
    becomes: { status: 504, error: 'http_response_timeout' },
  },
  {
    name: 'sends its header section drop by drop',
    act: (socket) => {
      socket.write(head);
      const timer = setInterval(() => socket.write('X-A: 1\r\n'), 20);
      socket.on('close', () => clearInterval(timer));
    },
    timeouts: { responseHeadersMs: 200 },
    becomes: { status: 504, error: 'http_response_timeout' },
  },
  {
    name: 'has a header section without end',
    act: (socket) => {
      socket.write(head);
      const more = (): void => {
        if (!socket.destroyed && socket.write(`X-A: ${'x'.repeat(1_000)}\r\n`.repeat(64))) setImmediate(more);
      };
      socket.on('drain', more);
      more();
    },
    becomes: { status: 502, error: 'http_response_header_section_size' },
  },
  {
    name: 'sends many 1xx responses first',
    act: (socket) => void socket.write('HTTP/1.1 102 Processing\r\n\r\n'.repeat(50) + responseText(200, [], 'mine')),
    becomes: { status: 200 },
  },
  {
    name: 'sends a storm of 1xx responses',
    act: (socket) => void socket.write('HTTP/1.1 102 Processing\r\n\r\n'.repeat(500) + responseText(200, [], 'mine')),
    becomes: { status: 502, error: 'http_protocol_error' },
  },
  {
    name: 'has trailers that may not come late',
    act: (socket) => void socket.write(`${chunked}4\r\nmine\r\n0\r\nContent-Length: 9\r\nSet-Cookie: a=1\r\n\r\n`),
    becomes: { status: 200 },
  },
  {
    name: 'has a certificate nobody has signed',
    upstream: behindTls(badNames.unknown),
    becomes: { status: 502, error: 'tls_certificate_error' },
  },
  {
    name: 'has a certificate that has expired',
    upstream: behindTls(badNames.expired),
    becomes: { status: 502, error: 'tls_certificate_error' },
  },
  {
    name: 'has a certificate of somebody else',
    upstream: behindTls(badNames.wrong),
    becomes: { status: 502, error: 'tls_certificate_error' },
  },
  {
    name: 'breaks off the handshake',
    upstream: behindTls('nobody.example'),
    becomes: { status: 502, error: 'connection_terminated' },
  },
  {
    name: 'speaks no TLS',
    upstream: ({ mail }) => ({ url: `https://127.0.0.1:${mail}`, tls: { serverName: 'mail.example' } }),
    becomes: { status: 502, error: 'tls_protocol_error' },
  },
  {
    name: 'has a name that does not exist',
    upstream: () => ({ url: 'http://nowhere.invalid' }),
    becomes: { status: 502, error: 'dns_error' },
  },
  {
    name: 'has an address that is not allowed',
    upstream: ({ origin }) => ({ url: `http://127.0.0.1:${origin}`, allowPrivate: false }),
    becomes: { status: 502, error: 'destination_ip_prohibited' },
  },
  {
    name: 'is where a cloud hands out credentials',
    upstream: () => ({ url: 'http://169.254.169.254' }),
    becomes: { status: 502, error: 'destination_ip_prohibited' },
  },
];
