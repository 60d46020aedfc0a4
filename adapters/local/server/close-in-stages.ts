import type { IncomingMessage, ServerResponse } from 'node:http';

/** A client that is still sending must not keep its connection for good: for as long as it keeps still, and in all, in milliseconds. */
const silenceMs = 5_000;
const longestMs = 30_000;

/**
 * The answer is its connection's last, and its request may still be arriving: when the answer has left only our side is closed, and the rest of the content
 * goes nowhere. Closed at once, the system would reset the connection for what it has not read, and the client might never see its answer (RFC 9112 section 9.6).
 */
export function closeInStages(message: IncomingMessage, response: ServerResponse): void {
  const { socket } = message;
  // before Node, which closes after the last answer
  response.prependOnceListener('finish', () => {
    if (message.complete) return;
    const close = (): void => void socket.destroy();
    socket.destroySoon = () => {
      socket.end();
      socket.setTimeout(silenceMs);
      const timer = setTimeout(close, longestMs).unref();
      socket.once('close', () => {
        clearTimeout(timer);
      });
      message.once('end', close).resume();
    };
  });
}
