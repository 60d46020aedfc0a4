import type { Signer } from '../auth/signer.ts';
import type { EpochMillis } from '../ports/clock.ts';
import type { CallOptions } from '../ports/key-value-store.ts';
import type { Session } from './session.ts';

/** What a token of the forward gateway says. It is good for this generation of this session, as long as that lives. */
export interface GatewayClaims {
  readonly tenant: string;
  readonly sessionId: string;
  readonly generation: number;
  /** Tells the session from an earlier one of the same id. */
  readonly createdAt: EpochMillis;
}

const purpose = 'gateway-token';
const tokenForm = /^pts_([a-z0-9-]{1,63})\.([A-Za-z0-9_-]{1,64})\.([0-9a-z]{1,11})\.([0-9a-z]{1,10})\.([A-Za-z0-9_-]{43})$/;

/**
 * `pts_<tenant>.<session id>.<generation>.<creation>.<signature>`: nothing in it needs escaping in a URL. The same for one generation of a
 * session; without its expiry, so that extending the session extends the URL that is in use.
 */
export function gatewayToken(signer: Signer, session: Session, options?: CallOptions): string | Promise<string> {
  const claims = `${session.tenant}.${session.sessionId}.${session.generation.toString(36)}.${session.createdAt.toString(36)}`;
  const signature = signer.sign(purpose, claims, options);
  return signature instanceof Promise ? signature.then((made) => `pts_${claims}.${made}`) : `pts_${claims}.${signature}`;
}

/** The claims of a token we signed; `undefined` for anything else. The store says whether the session lives. */
export async function readGatewayToken(signer: Signer, token: string, options?: CallOptions): Promise<GatewayClaims | undefined> {
  const match = tokenForm.exec(token);
  if (match === null) return undefined;
  const [, tenant = '', sessionId = '', generation = '', createdAt = '', signature = ''] = match;
  const claims = token.slice(4, token.length - 44);
  return (await signer.verify(purpose, claims, signature, options))
    ? { tenant, sessionId, generation: Number.parseInt(generation, 36), createdAt: Number.parseInt(createdAt, 36) }
    : undefined;
}
