import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { unlessMoved } from '../../node/unless-moved.ts';
import type { Serving } from './server-exchange.ts';

/**
 * Notes an answer that has neither length nor chunks (HTTP/1.0 knows none): its end will be its connection's. Ended before it is whole, by its backend, by
 * its client's time or its client's own end, the connection is reset, since an orderly end would say that this was all (RFC 9112 section 8).
 */
export function endsWithConnection(response: ServerResponse, serving: Serving): void {
  const { socket } = response;
  if (response.destroyed) return;
  if (socket === null) {
    response.once('socket', () => {
      endsWithConnection(response, serving);
    });
    return;
  }
  const { unframed } = serving;
  const onBroken = (): void => {
    breakOff(response, serving);
  };
  const onLate = (): void => {
    unlessMoved(socket, onBroken);
  };
  const settle = (): void => {
    unframed.delete(response);
    socket.off('end', onBroken).off('timeout', onLate);
  };
  unframed.add(response);
  // before those who would end the connection in order
  socket.prependListener('end', onBroken).prependListener('timeout', onLate);
  response.prependOnceListener('finish', settle).once('close', settle);
}

/** Ends the connection of an answer that is not whole, so that nobody takes it for whole. */
export function breakOff(response: ServerResponse, { unframed }: Serving): void {
  const { socket } = response;
  // over TLS the end without a close_notify tells as much (RFC 8446 section 6.1)
  if (unframed.has(response) && socket !== null && !(socket instanceof TLSSocket)) socket.resetAndDestroy();
  else response.destroy();
  // one whose turn has not come: Node would write the half of it that there is, and wait for the rest for good
  if (socket === null) response.once('socket', (late: Socket) => late.destroy());
}
