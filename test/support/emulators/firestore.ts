import { once } from 'node:events';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { freePort, startProgram } from './emulator.ts';
import type { Emulator } from './emulator.ts';

/** The Firestore that comes from npm (`firestore-front.ts`), in a process of its own. */
export async function start(): Promise<Emulator> {
  const port = await freePort();
  const front = fileURLToPath(new URL('firestore-front.ts', import.meta.url));
  const { stop } = await startProgram(process.execPath, [front, String(port)], { ready: () => accepts(port) });
  return { name: 'Firestore front over @firebase-bridge/firestore-admin', address: `127.0.0.1:${port}`, stop };
}

/** gRPC speaks HTTP/2 only, so that `fetch` cannot ask. */
async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
