import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

/** The answer that the next bytes on a connection belong to, while one is owed: Node keeps it here, and has no other word for it. */
export function owedAnswer(socket: Duplex): ServerResponse | undefined {
  return (socket as Duplex & { readonly _httpMessage?: ServerResponse | null })._httpMessage ?? undefined;
}

/** Whether the request of an owed answer is still arriving. */
export function isArriving({ req }: ServerResponse & { readonly req: IncomingMessage }): boolean {
  return !req.complete;
}
