import type { Duplex } from 'node:stream';
import type { UpgradedConnection } from '../../core/ports/index.ts';

/** A connection that has switched protocols: paused, without listeners, with what the other side has said already. */
export class UpgradedSocket implements UpgradedConnection {
  readonly socket: Duplex;
  readonly head: Uint8Array;

  constructor(socket: Duplex, head: Uint8Array) {
    this.socket = socket;
    this.head = head;
    // until somebody joins it, a failure has no other listener
    socket.on('error', ignore);
  }

  destroy(): void {
    this.socket.destroy();
  }
}

function ignore(): void {
  // the socket closes, which is what counts
}
