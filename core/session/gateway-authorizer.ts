import type { Signer } from '../auth/signer.ts';
import type { CallOptions } from '../ports/key-value-store.ts';
import type { Exits } from './exits.ts';
import { readGatewayToken } from './gateway-token.ts';
import type { Sessions } from './sessions.ts';
import type { ProxyEndpoint } from './vendors/render.ts';

export type GatewayDecision =
  | {
      readonly allowed: true;
      readonly tenant: string;
      readonly sessionId: string;
      /** Names this session among all that ever had its id. */
      readonly creationId: string;
      readonly generation: number;
      /** The vendor's endpoint with credentials; absent means: connect directly. */
      readonly upstream: ProxyEndpoint | undefined;
    }
  | { readonly allowed: false };

/** Says what the forward gateway does with a request: asks the store each time, so a delete or a rotation takes effect at once. */
export class GatewayAuthorizer {
  readonly #sessions: Sessions;
  readonly #exits: Exits;
  readonly #signer: Signer;

  constructor(sessions: Sessions, exits: Exits, signer: Signer) {
    this.#sessions = sessions;
    this.#exits = exits;
    this.#signer = signer;
  }

  /**
   * @param credentials from `Proxy-Authorization`; the token is in the password or in the username
   * @throws {PortError} the store or a secret failed: neither allowed nor refused
   */
  async authorize(
    { username, password }: { readonly username: string; readonly password: string },
    options?: CallOptions,
  ): Promise<GatewayDecision> {
    const token = [password, username].find((part) => part.startsWith('pts_'));
    const claims = token === undefined ? undefined : await readGatewayToken(this.#signer, token, options);
    if (claims === undefined) return { allowed: false };
    const session = await this.#sessions.authorize(claims, options);
    if (session === undefined) return { allowed: false };
    const { tenant, sessionId, creationId, generation } = session;
    return { allowed: true, tenant, sessionId, creationId, generation, upstream: await this.#exits.endpoint(session, options) };
  }
}
