import type { Signer } from '../auth/signer.ts';
import type { CallOptions } from '../ports/key-value-store.ts';

const purpose = 'cursor';

/**
 * An opaque cursor: where to go on, signed together with what was asked, so that it is good for the same tenant and filters only.
 * `<id>.<signature>`; ids have no dot.
 */
export async function makeCursor(signer: Signer, scope: string, after: string, options?: CallOptions): Promise<string> {
  return `${after}.${await signer.sign(purpose, `${scope}\n${after}`, options)}`;
}

/** Where to go on; `undefined` for a cursor that is not ours or was made for another question. */
export async function readCursor(
  signer: Signer,
  scope: string,
  cursor: string,
  options?: CallOptions,
): Promise<string | undefined> {
  const dot = cursor.lastIndexOf('.');
  const after = cursor.slice(0, Math.max(0, dot));
  return (await signer.verify(purpose, `${scope}\n${after}`, cursor.slice(dot + 1), options)) ? after : undefined;
}
