import { once } from 'node:events';
import { connect } from 'node:net';

/** Sends bytes as they are to `127.0.0.1:<port>` and answers all that comes back until the connection ends, byte for byte as Latin-1. */
export async function rawRequest(port: number, request: string | Uint8Array): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let answer = '';
  socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')));
  socket.on('error', () => undefined);
  socket.write(request);
  await once(socket, 'close');
  return answer;
}

/** A message of HTTP/1.1 that ends its connection; `fields` as they are to be sent, with CRLF between them. */
export function rawMessage(requestLine: string, fields: readonly string[] = [], content: string | Uint8Array = ''): Uint8Array {
  const head = [`${requestLine} HTTP/1.1`, 'Host: function.example', 'Connection: close', ...fields, '', ''].join('\r\n');
  return Buffer.concat([Buffer.from(head, 'latin1'), typeof content === 'string' ? Buffer.from(content) : content]);
}
