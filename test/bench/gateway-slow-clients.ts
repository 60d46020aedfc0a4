/**
 * Clients that are slow to ask: each opens a connection, sends the beginning of a request and then a byte a second. A process of its own, which
 * says that they are there and goes on until it is let go.
 */
import { once } from 'node:events';
import { connect } from 'node:net';

const [port, count] = process.argv.slice(2).map(Number);

const clients = await Promise.all(
  Array.from({ length: count ?? 0 }, async () => {
    const socket = connect({ host: '127.0.0.1', port: port ?? 0 });
    await once(socket, 'connect');
    socket.write('GET / HTTP/1.1\r\nHost: a\r\nX-');
    return socket;
  }),
);
let next = 0;
setInterval(() => {
  for (let at = 0; at < clients.length / 100; at++) clients[next++ % clients.length]?.write('a');
}, 10);
process.once('disconnect', () => process.exit(0));
process.send?.({ open: clients.filter((socket) => !socket.destroyed).length });
