import { connect } from 'node:net';

/** Sends bytes as they are and answers everything that comes back until the peer closes, or `until` matches. */
export async function exchange(
  port: number,
  text: string | readonly string[],
  until?: RegExp,
  host = '127.0.0.1',
): Promise<string> {
  const socket = connect(port, host);
  let received = '';
  const parts = typeof text === 'string' ? [text] : text;
  socket.setEncoding('latin1');
  for (const part of parts) socket.write(part, 'latin1');
  await new Promise<void>((resolve) => {
    socket.on('data', (chunk: string) => {
      received += chunk;
      if (until?.test(received) === true) socket.destroy();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      resolve();
    });
    if (until === undefined) socket.on('end', () => socket.destroy());
  });
  return received;
}

/** The status of each answer in what a connection received. */
export function statuses(received: string): number[] {
  return [...received.matchAll(/^HTTP\/1\.1 (\d{3}) /gm)].map(([, status]) => Number(status));
}
