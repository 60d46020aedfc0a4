import type { Duplex } from 'node:stream';

/**
 * For what Node's own time-outs of a stream end: they are due before what has come while the process stood still has been read. `expired` is called after one look
 * at the sockets, unless something has moved on this one; then Node has begun its time anew.
 *
 * @param received how much has been read from it: a socket knows by itself
 */
export function unlessMoved(stream: Duplex, expired: () => void, received: () => number = () => bytesRead(stream)): void {
  const moved = (): number => received() - stream.writableLength;
  const before = moved();
  setImmediate(() => {
    if (!stream.destroyed && moved() === before) expired();
  });
}

/**
 * Calls `expired` when nothing has moved on a socket for `ms`, however often something had moved when its time seemed over: the callback of `setTimeout` is called
 * once. What is no socket has no such time.
 */
export function whenIdle(stream: Duplex & { setTimeout?: (ms: number) => unknown }, ms: number, expired: () => void): void {
  stream.setTimeout?.(ms);
  stream.on('timeout', () => unlessMoved(stream, expired));
}

function bytesRead(stream: Duplex & { readonly bytesRead?: number }): number {
  return stream.bytesRead ?? 0;
}
