import type { Principal } from '../auth/authenticator.ts';
import type { Signer } from '../auth/signer.ts';
import type { Clock } from '../ports/clock.ts';
import type { CallOptions } from '../ports/key-value-store.ts';
import type { Exits, Lifetime } from './exits.ts';
import { gatewayToken } from './gateway-token.ts';
import { stateOf } from './session.ts';
import type { Session } from './session.ts';
import type { ProxyEndpoint } from './vendors/render.ts';

/** Which credentials an answer holds: a token of the forward gateway, or the vendor's own. */
export type CredentialsKind = 'gateway' | 'vendor';

export type CredentialsChoice =
  | { readonly ok: true; readonly kind: CredentialsKind | 'none' }
  | { readonly ok: false; readonly reason: 'scope' }
  | { readonly ok: false; readonly reason: 'no-gateway'; readonly detail: string };

/** Where the forward gateway can be reached. */
export interface GatewayAddress {
  readonly scheme: 'http' | 'https';
  readonly host: string;
  readonly port: number;
}

/** Makes the credentials of a session, on the fly: nothing of it is stored. */
export class Credentials {
  readonly #exits: Exits;
  readonly #signer: Signer;
  readonly #clock: Clock;
  readonly #gateway: GatewayAddress | undefined;

  constructor(exits: Exits, signer: Signer, clock: Clock, gateway: GatewayAddress | undefined) {
    this.#exits = exits;
    this.#signer = signer;
    this.#clock = clock;
    this.#gateway = gateway;
  }

  /**
   * What a caller gets. Asked for nothing: a gateway token where there is a gateway, else the vendor's credentials if the key may read
   * them, else none; a create that could hand out none is refused. A list has the vendor's only when they are asked for by name: they
   * need every pool's secret, and one that cannot be read must not hide all sessions.
   */
  choose(asked: CredentialsKind | undefined, principal: Principal, purpose: 'create' | 'list' | 'other'): CredentialsChoice {
    const mayRead = principal.scopes.has('credentials:read');
    if (asked === 'gateway' || (asked === undefined && this.#gateway !== undefined)) {
      return this.#gateway === undefined
        ? { ok: false, reason: 'no-gateway', detail: 'this deployment has no forward gateway' }
        : { ok: true, kind: 'gateway' };
    }
    if (asked === undefined && purpose === 'list') return { ok: true, kind: 'none' };
    if (mayRead) return { ok: true, kind: 'vendor' };
    return asked === 'vendor' || purpose === 'create' ? { ok: false, reason: 'scope' } : { ok: true, kind: 'none' };
  }

  /** The credentials; `undefined` when none are due: not asked for, or under 5 s left. */
  of(
    session: Session,
    kind: CredentialsKind | 'none',
    options?: CallOptions,
  ): ProxyEndpoint | undefined | Promise<ProxyEndpoint | undefined> {
    if (kind === 'none' || stateOf(session, this.#clock.now()) !== 'active') return undefined;
    if (kind === 'vendor') return this.#exits.endpoint(session, options);
    const token = gatewayToken(this.#signer, session, options);
    return token instanceof Promise ? token.then((made) => this.#throughGateway(made)) : this.#throughGateway(token);
  }

  /** Whether the session's pool is still configured as it was: else there can be no credentials of the vendor. */
  hasPoolOf(session: Session): boolean {
    return this.#exits.hasPoolOf(session);
  }

  lifetime(session: Session): Lifetime {
    return this.#exits.lifetime(session);
  }

  #throughGateway(token: string): ProxyEndpoint | undefined {
    const gateway = this.#gateway;
    // The token alone says everything; some clients insist on a password, so it is there, and the user name says what it is.
    return gateway === undefined ? undefined : { ...gateway, username: 'session', password: token };
  }
}
