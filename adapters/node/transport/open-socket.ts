import { lookup } from 'node:dns/promises';
import { connect, isIP } from 'node:net';
import type { Socket } from 'node:net';
import { UpstreamError } from '../../../core/ports/index.ts';
import { toUpstreamError } from './upstream-errors.ts';

/** Every address of a name; rejects with the resolver's error. */
export type Resolve = (name: string) => Promise<readonly string[]>;

/** The system's resolver: DNS, and what `/etc/hosts` says. */
export const systemResolve: Resolve = async (name) => {
  const found = await lookup(name, { all: true, verbatim: true });
  return found.map(({ address }) => address);
};

/**
 * Every address of a name, one at least.
 *
 * @throws {UpstreamError}
 */
export async function addressesOf(name: string, resolve: Resolve): Promise<readonly string[]> {
  let addresses: readonly string[];
  try {
    addresses = await resolve(name);
  } catch (error) {
    throw new UpstreamError(error instanceof UpstreamError ? error.type : 'dns_error', false);
  }
  if (addresses.length === 0) throw new UpstreamError('dns_error', false);
  return addresses;
}

/** Node itself tries one address after the other (RFC 8305), of those given and no others. */
export function connectTo(addresses: readonly string[], port: number): Socket {
  const [only = ''] = addresses;
  if (addresses.length === 1) return connect({ host: only, port, allowHalfOpen: true, noDelay: true });
  return connect({
    host: 'pinned.invalid',
    port,
    allowHalfOpen: true,
    noDelay: true,
    autoSelectFamily: true,
    lookup: (_name, _options, callback) => {
      callback(
        null,
        addresses.map((address) => ({ address, family: isIP(address) })),
      );
    },
  });
}

/**
 * Waits until a socket is open; one that is not is destroyed.
 *
 * @throws {UpstreamError}
 * @throws the signal's reason
 */
export function opened<S extends Socket>(socket: S, event: 'connect' | 'secureConnect', signal: AbortSignal): Promise<S> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      signal.removeEventListener('abort', onAbort);
      socket.off(event, onOpen).off('error', onError).off('close', onClose);
    };
    const fail = (error: unknown): void => {
      settle();
      socket.on('error', ignore);
      socket.destroy();
      reject(error as Error);
    };
    const onOpen = (): void => {
      settle();
      resolve(socket);
    };
    const onAbort = (): void => {
      fail(signal.reason);
    };
    const onError = (error: Error): void => {
      fail(toUpstreamError(error, false));
    };
    const onClose = (): void => {
      fail(new UpstreamError('connection_terminated', false));
    };
    if (signal.aborted) {
      onAbort();
      return;
    }
    signal.addEventListener('abort', onAbort, { once: true });
    socket.once(event, onOpen).once('error', onError).once('close', onClose);
  });
}

/** For errors of a socket that somebody else tells. */
export function ignore(): void {
  // told already
}
