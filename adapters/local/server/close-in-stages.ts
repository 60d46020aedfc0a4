import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** A client that is still sending must not keep its connection for good: for as long as it keeps still, and in all, in milliseconds. */
const silenceMs = 5_000;
const longestMs = 30_000;

const inStages = new WeakSet<Duplex>();

/** Whether the last has been said on a connection, and what still comes goes nowhere. */
export function closesInStages(socket: Duplex): boolean {
  return inStages.has(socket);
}

/**
 * The answer is its connection's last, and its request may still be arriving: when the answer has left only our side is closed, and the rest of the content
 * goes nowhere. Closed at once, the system would reset the connection for what it has not read, and the client might never see its answer (RFC 9112 section 9.6).
 */
export function closeInStages(message: IncomingMessage, response: ServerResponse): void {
  const { socket } = message;
  // before Node, which closes after the last answer
  response.prependOnceListener('finish', () => {
    if (message.complete) return;
    socket.destroySoon = () => {
      socket.end();
      linger(socket);
      message.once('end', () => socket.destroy()).resume();
    };
  });
}

/** The same for a connection that Node does not look after any more, with its last bytes: `patienceMs` for the client to take them. */
export function endInStages(socket: Duplex & Partial<Pick<Socket, 'setTimeout'>>, last: string, patienceMs: number): void {
  socket.setTimeout?.(patienceMs, () => socket.destroy());
  socket.resume().end(last, () => {
    if (socket.destroyed || socket.readableEnded) {
      socket.destroy();
      return;
    }
    linger(socket);
    socket.once('end', () => socket.destroy());
  });
}

function linger(socket: Duplex & Partial<Pick<Socket, 'setTimeout'>>): void {
  inStages.add(socket);
  socket.setTimeout?.(silenceMs);
  const timer = setTimeout(() => socket.destroy(), longestMs).unref();
  socket.once('close', () => {
    clearTimeout(timer);
  });
}
