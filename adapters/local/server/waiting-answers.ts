import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

const waiting = new WeakMap<Socket, Set<ServerResponse>>();

/**
 * Gives an answer up with its connection, though its turn has not come (RFC 9112 section 9.3.2). Node does so itself, but not on a connection that it has let go
 * of: behind the requests that wait came a CONNECT.
 */
export function giveUpWith(socket: Socket, response: ServerResponse): void {
  const answers = waiting.get(socket) ?? firstOf(socket);
  answers.add(response);
  response.once('close', () => answers.delete(response));
}

function firstOf(socket: Socket): Set<ServerResponse> {
  const answers = new Set<ServerResponse>();
  waiting.set(socket, answers);
  socket.once('close', () => {
    for (const answer of answers) answer.destroy();
  });
  return answers;
}
