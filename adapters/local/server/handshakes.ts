import type { Server } from 'node:https';
import type { Socket } from 'node:net';

/**
 * Follows the connections of a server that have not finished their TLS handshake: to Node's server they are no connections yet, so that it would
 * wait for them when it closes.
 *
 * @returns what ends those that are under way
 */
export function followHandshakes(server: Server): () => void {
  const underWay = new Map<string, Socket>();
  server.on('connection', (socket: Socket) => {
    const peer = peerOf(socket);
    underWay.set(peer, socket);
    socket.once('close', () => {
      if (underWay.get(peer) === socket) underWay.delete(peer);
    });
  });
  server.on('secureConnection', (socket) => {
    underWay.delete(peerOf(socket));
  });
  return () => {
    for (const socket of underWay.values()) socket.destroy();
  };
}

/** What the connection and the TLS over it have in common. */
function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
