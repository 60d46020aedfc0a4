import type { Socket } from 'node:net';
import { parseIpAddress } from '../../../core/egress/ip-address.ts';
import { UpstreamError } from '../../../core/ports/index.ts';
import type { UpstreamErrorType } from '../../../core/ports/index.ts';

const version = 5;
const noAuthentication = 0;
const usernameAndPassword = 2;

/** Replies other than success (RFC 1928 section 6). */
const replies: Readonly<Record<number, UpstreamErrorType>> = {
  2: 'destination_ip_prohibited',
  3: 'destination_ip_unroutable',
  4: 'destination_ip_unroutable',
  5: 'connection_refused',
  6: 'connection_timeout',
};

export interface SocksCredentials {
  readonly username: string;
  readonly password: string;
}

/**
 * Asks a SOCKS5 proxy for a connection (RFC 1928, with the password method of RFC 1929). Names are resolved by the proxy.
 *
 * @throws {UpstreamError} `destination_unavailable` also for refused credentials
 */
export async function socksConnect(
  socket: Socket,
  { username, password }: SocksCredentials,
  host: string,
  port: number,
): Promise<void> {
  const secret = [Buffer.from(username), Buffer.from(password)];
  const method = username === '' && password === '' ? noAuthentication : usernameAndPassword;
  if (secret.some(({ length }) => length > 255)) throw new UpstreamError('http_protocol_error', false);
  socket.write(Uint8Array.of(version, 1, method));
  const [, chosen] = await read(socket, 2);
  if (chosen !== method) throw new UpstreamError('destination_unavailable', false);
  if (method === usernameAndPassword) {
    socket.write(Buffer.concat([Uint8Array.of(1), ...secret.flatMap((part) => [Uint8Array.of(part.length), part])]));
    const [, status] = await read(socket, 2);
    if (status !== 0) throw new UpstreamError('destination_unavailable', false);
  }
  socket.write(Buffer.concat([Uint8Array.of(version, 1, 0), addressOf(host), Uint8Array.of(port >> 8, port & 0xff)]));
  const [, reply = 1, , kind] = await read(socket, 4);
  if (reply !== 0) throw new UpstreamError(replies[reply] ?? 'destination_unavailable', false);
  // the address it connects from, of no interest but for its length
  const length = kind === 1 ? 4 : kind === 4 ? 16 : ((await read(socket, 1))[0] ?? 0);
  await read(socket, length + 2);
}

function addressOf(host: string): Uint8Array {
  const address = parseIpAddress(host);
  if (address !== undefined) return Uint8Array.of(address.length === 4 ? 1 : 4, ...address);
  const name = Buffer.from(host);
  return Buffer.concat([Uint8Array.of(3, name.length), name]);
}

/** Exactly `length` bytes. */
async function read(socket: Socket, length: number): Promise<Buffer> {
  for (;;) {
    const bytes = socket.read(length) as Buffer | null;
    if (bytes?.length === length) return bytes;
    if (socket.readableEnded || socket.destroyed) throw new UpstreamError('connection_terminated', true);
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        for (const event of ['readable', 'end', 'close'] as const) socket.off(event, wake);
        resolve();
      };
      for (const event of ['readable', 'end', 'close'] as const) socket.on(event, wake);
    });
  }
}
