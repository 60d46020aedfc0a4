import type { Principal } from '../auth/authenticator.ts';
import type { Signer } from '../auth/signer.ts';
import type { PeerLoss } from '../config/configuration.ts';
import type { Clock } from '../ports/clock.ts';
import type { Counters } from '../ports/counters.ts';
import type { Crypto } from '../ports/crypto.ts';
import { PortError } from '../ports/errors.ts';
import type { CallOptions, KeyValueStore, StoredRecord } from '../ports/key-value-store.ts';
import { base64url } from '../text/base64url.ts';
import { instant } from '../text/instant.ts';
import { makeCursor, readCursor } from './cursor.ts';
import type { Exits, PlanProblem } from './exits.ts';
import type { GatewayClaims } from './gateway-token.ts';
import { claimIdempotencyKey } from './idempotency.ts';
import { deleted, expiryMarginMs, extended, isLive, rotated, stateOf } from './session.ts';
import type { Geo, Session, SessionState, UpstreamIdentity } from './session.ts';
import { fromRecord, sessionKey, sessionPartition, toRecord } from './session-record.ts';
import { newUpstreamIdentity } from './upstream-identity.ts';

export interface CreateSession {
  readonly sessionId?: string | undefined;
  readonly label?: string | undefined;
  readonly tags?: Readonly<Record<string, string>> | undefined;
  readonly pool?: string | undefined;
  readonly ttlSeconds?: number | undefined;
  readonly country?: string | undefined;
  readonly region?: string | undefined;
  readonly city?: string | undefined;
  readonly onPeerLoss?: PeerLoss | undefined;
}

/** A key that makes a create repeatable, with a digest of what it was first used for. */
export interface Idempotency {
  readonly key: string;
  readonly bodyHash: string;
}

export interface ListSessions {
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
  readonly tag?: string | undefined;
  readonly state?: 'active' | 'expired' | 'deleted' | 'all' | undefined;
  readonly pool?: string | undefined;
}

/** Why a call did not do what was asked. Outcomes, not errors: the compiler makes callers look. */
export type Refusal =
  | { readonly reason: 'not-found' }
  | { readonly reason: 'gone'; readonly state: 'expired' | 'deleted' }
  | { readonly reason: 'expiring' }
  | { readonly reason: 'precondition-failed'; readonly revision: number }
  | { readonly reason: 'id-taken'; readonly sessionId: string }
  | { readonly reason: 'id-retired'; readonly sessionId: string }
  | { readonly reason: 'idempotency-mismatch' }
  | { readonly reason: 'generation-ahead'; readonly generation: number }
  | { readonly reason: 'quota'; readonly limit: number; readonly windowSeconds: number; readonly retryAfterSeconds: number }
  | { readonly reason: 'invalid'; readonly problems: readonly PlanProblem[] }
  | { readonly reason: 'vendor-unverified'; readonly vendor: string; readonly confidence: string }
  | { readonly reason: 'bad-cursor' };

export type Outcome<T> = { readonly ok: true; readonly value: T } | ({ readonly ok: false } & Refusal);

export interface SessionLimits {
  readonly tombstoneMs: number;
  readonly createsPerHour: number;
}

export interface SessionPorts {
  /** `durable`. */
  readonly store: KeyValueStore;
  readonly counters: Counters;
  readonly clock: Clock;
  readonly crypto: Crypto;
  readonly signer: Signer;
  readonly exits: Exits;
  /** Told when this process ends a generation of a session, so that a gateway beside it can cut what is open. */
  readonly onEnded?: ((ended: EndedGeneration) => void) | undefined;
}

/** What a delete or a rotation ended: this generation of the session and those before. */
export interface EndedGeneration {
  readonly tenant: string;
  readonly sessionId: string;
  readonly generation: number;
}

/** Writes that lose this many races in a row give up with `aborted`. */
const maxRaces = 64;
/** How many records one page of `list` looks at most: bounds the work of a filter that matches little. */
const maxScanned = 1_000;
const hourMs = 3_600_000;
/** A session's record outlives the claim on it by so long: a repetition that still saw the claim must find the record, on any clock. */
const claimMarginMs = 60_000;

/**
 * Sessions of tenants: the shell around the pure transitions in `session.ts`. Every write is compare-and-set, so create, extend, rotate
 * and delete of one id are linearizable.
 */
export class Sessions {
  readonly #ports: SessionPorts;
  readonly #limits: SessionLimits;

  constructor(ports: SessionPorts, limits: SessionLimits) {
    this.#ports = ports;
    this.#limits = limits;
  }

  /** Makes a session. With `idempotency`, a repetition within 24 h gets the session that was made. */
  async create(
    principal: Principal,
    input: CreateSession,
    idempotency: Idempotency | undefined,
    options?: CallOptions,
  ): Promise<Outcome<Session>> {
    const { exits, clock, crypto } = this.#ports;
    const planned = exits.plan(input);
    if (!planned.ok) return planned;

    const { tenant } = principal;
    // An id made here is new, so there is nothing to read.
    const before = input.sessionId === undefined ? undefined : await this.#read(tenant, input.sessionId, options);
    const proposed = {
      sessionId: input.sessionId ?? `ses_${base64url(crypto.randomBytes(16))}`,
      creationId: base64url(crypto.randomBytes(16)),
      replaces: before?.session.creationId,
    };
    const claim =
      idempotency === undefined
        ? { ...proposed, repeated: false, expiresAt: undefined }
        : await claimIdempotencyKey(this.#ports, tenant, idempotency, proposed, options);
    if (claim === 'mismatch') return { ok: false, reason: 'idempotency-mismatch' };

    const { sessionId, creationId } = claim;
    const existing = claim.repeated ? await this.#read(tenant, sessionId, options) : before;
    if (existing?.session.creationId === creationId) return this.#repeated(existing.session);
    const blocked = existing && this.#blocks(existing.session);
    if (blocked !== undefined) return blocked;
    // A repetition that finds an ended session which was not there at first: its own may have come and gone before. Never make it twice.
    if (claim.repeated && existing !== undefined && existing.session.creationId !== claim.replaces) {
      return { ok: false, reason: 'gone', state: 'expired' };
    }

    const quota = await this.#quota(tenant, creationId, options);
    if (quota !== undefined) return quota;

    const { pool, ttlSeconds, geo, onPeerLoss } = planned.value;
    const upstream = await newUpstreamIdentity(this.#ports, pool, ttlSeconds, options);
    let previous = existing;
    for (let race = 0; race < maxRaces; race++) {
      this.#checkDeadline('sessions.create', options);
      const now = clock.now();
      const session: Session = {
        tenant,
        sessionId,
        pool: pool.name,
        vendor: pool.vendor,
        label: input.label?.normalize('NFC'),
        tags: normalised(input.tags ?? {}),
        geo,
        onPeerLoss,
        createdAt: now,
        expiresAt: now + ttlSeconds * 1_000,
        generation: (previous?.session.generation ?? 0) + 1,
        revision: (previous?.session.revision ?? 0) + 1,
        upstream,
        creationId,
        // An earlier claim on this id lives on when the id is used again, with or without a key.
        keepUntil: later(claim.expiresAt === undefined ? undefined : claim.expiresAt + claimMarginMs, previous?.session.keepUntil),
      };
      const record = toRecord(session, this.#limits.tombstoneMs);
      const result =
        previous === undefined
          ? await this.#ports.store.create(record, options)
          : await this.#ports.store.replace(record, previous.version, options);
      if ('created' in result ? result.created : result.replaced) return { ok: true, value: session };
      previous = parsed(lostTo(result)) ?? (await this.#read(tenant, sessionId, options));
      if (previous?.session.creationId === creationId) return this.#repeated(previous.session);
      const taken = previous && this.#blocks(previous.session);
      if (taken !== undefined) return taken;
    }
    throw new PortError('aborted', 'sessions.create');
  }

  /** One session of the tenant: strongly consistent. */
  async get(principal: Principal, sessionId: string, options?: CallOptions): Promise<Outcome<Session>> {
    const found = await this.#read(principal.tenant, sessionId, options);
    return this.#visible(found?.session);
  }

  /** One session of the tenant, also one that has ended, while its tombstone is kept. */
  async getKept(principal: Principal, sessionId: string, options?: CallOptions): Promise<Outcome<Session>> {
    const found = await this.#read(principal.tenant, sessionId, options);
    return found === undefined ? { ok: false, reason: 'not-found' } : { ok: true, value: found.session };
  }

  /** Sets the expiry to `ttlSeconds` from now; never to an earlier one than it has, nor beyond what its exit is reserved for. */
  async extend(
    principal: Principal,
    sessionId: string,
    ttlSeconds: number,
    ifMatch: ReadonlySet<number> | undefined,
    options?: CallOptions,
  ): Promise<Outcome<Session>> {
    return this.#update(
      principal,
      sessionId,
      ifMatch,
      (session, now) => {
        if (stateOf(session, now) === 'expiring') return { ok: false, reason: 'expiring' };
        const expiresAt = Math.max(session.expiresAt, now + ttlSeconds * 1_000);
        const problem = this.#ports.exits.checkTtl(session, ttlSeconds) ?? problemOfReservation(session.upstream, expiresAt);
        if (problem !== undefined) return { ok: false, reason: 'invalid', problems: [problem] };
        return { ok: true, value: extended(session, expiresAt) };
      },
      options,
    );
  }

  /**
   * Gives the session a new exit. With `generation`: only if it is the present one; when it is older somebody rotated already, and
   * the caller gets that session.
   */
  async rotate(
    principal: Principal,
    sessionId: string,
    generation: number | undefined,
    ifMatch: ReadonlySet<number> | undefined,
    options?: CallOptions,
  ): Promise<Outcome<Session>> {
    const { exits } = this.#ports;
    let made: UpstreamIdentity | undefined;
    const result = await this.#update(
      principal,
      sessionId,
      ifMatch,
      async (session, now) => {
        if (stateOf(session, now) === 'expiring') return { ok: false, reason: 'expiring' };
        if (generation !== undefined && generation < session.generation) return { ok: true, value: session };
        if (generation !== undefined && generation > session.generation) {
          return { ok: false, reason: 'generation-ahead', generation: session.generation };
        }
        const pool = exits.poolOf(session);
        const ttlSeconds = Math.ceil((session.expiresAt - now) / 1_000);
        made ??= await newUpstreamIdentity(this.#ports, pool, ttlSeconds, options);
        return { ok: true, value: rotated(session, made) };
      },
      options,
    );
    if (result.ok && result.value.upstream === made) this.#ended(result.value, result.value.generation - 1);
    return result;
  }

  /** Ends the session for good; ending it twice is fine. */
  async delete(
    principal: Principal,
    sessionId: string,
    ifMatch: ReadonlySet<number> | undefined,
    options?: CallOptions,
  ): Promise<Outcome<undefined>> {
    const result = await this.#update(
      principal,
      sessionId,
      ifMatch,
      (session, now) => ({ ok: true, value: deleted(session, now) }),
      options,
    );
    if (result.ok) this.#ended(result.value, result.value.generation);
    if (result.ok || result.reason === 'not-found' || result.reason === 'gone') return { ok: true, value: undefined };
    return result;
  }

  /** One page, by session id. */
  async list(
    principal: Principal,
    { limit = 50, cursor, tag: rawTag, state = 'active', pool }: ListSessions,
    options?: CallOptions,
  ): Promise<Outcome<{ readonly sessions: readonly Session[]; readonly nextCursor: string | undefined }>> {
    const { store, clock, signer } = this.#ports;
    const tag = rawTag?.normalize('NFC');
    const scope = JSON.stringify([principal.tenant, tag, state, pool]);
    let after = cursor === undefined ? undefined : await readCursor(signer, scope, cursor, options);
    if (cursor !== undefined && after === undefined) return { ok: false, reason: 'bad-cursor' };
    const now = clock.now();
    const wanted = (session: Session): boolean =>
      inState(stateOf(session, now), state) && (pool === undefined || session.pool === pool) && hasTag(session, tag);
    const sessions: Session[] = [];
    let scanned = 0;
    for (;;) {
      this.#checkDeadline('sessions.list', options);
      const page = await store.list(sessionPartition(principal.tenant), { ...options, after, limit: limit * 2 });
      let last: string | undefined;
      for (const record of page.records) {
        last = record.id;
        scanned++;
        const session = fromRecord(record);
        if (wanted(session) && sessions.push(session) === limit) break;
      }
      const cutShort = last !== undefined && last !== page.records.at(-1)?.id;
      after = cutShort ? last : page.next;
      if (after === undefined || sessions.length === limit || scanned >= maxScanned) break;
    }
    return {
      ok: true,
      value: { sessions, nextCursor: after === undefined ? undefined : await makeCursor(signer, scope, after, options) },
    };
  }

  /** For the gateway: the live session that is meant, in this generation, else `undefined`. */
  async authorize(claims: GatewayClaims, options?: CallOptions): Promise<Session | undefined> {
    const found = await this.#read(claims.tenant, claims.sessionId, options);
    if (found === undefined) return undefined;
    const { session } = found;
    if (session.createdAt !== claims.createdAt || session.generation !== claims.generation) return undefined;
    return isLive(session, this.#ports.clock.now()) ? session : undefined;
  }

  /** Compare-and-set until it holds: `change` decides on the newest state, as often as there is a newer one. */
  async #update(
    principal: Principal,
    sessionId: string,
    ifMatch: ReadonlySet<number> | undefined,
    change: (session: Session, now: number) => Outcome<Session> | Promise<Outcome<Session>>,
    options: CallOptions | undefined,
  ): Promise<Outcome<Session>> {
    const { store, clock } = this.#ports;
    let found = await this.#read(principal.tenant, sessionId, options);
    for (let race = 0; race < maxRaces; race++) {
      this.#checkDeadline('sessions.update', options);
      const visible = this.#visible(found?.session);
      if (!visible.ok || found === undefined) return visible;
      const { session, version } = found;
      if (ifMatch !== undefined && !ifMatch.has(session.revision)) {
        return { ok: false, reason: 'precondition-failed', revision: session.revision };
      }
      const changed = await change(session, clock.now());
      if (!changed.ok || changed.value === session) return changed;
      const result = await store.replace(toRecord(changed.value, this.#limits.tombstoneMs), version, options);
      if (result.replaced) return changed;
      found = parsed(result.existing) ?? (await this.#read(principal.tenant, sessionId, options));
    }
    throw new PortError('aborted', 'sessions.update');
  }

  async #read(tenant: string, sessionId: string, options: CallOptions | undefined): Promise<Found | undefined> {
    return parsed(await this.#ports.store.get(sessionKey(tenant, sessionId), options));
  }

  /** @throws {PortError} `deadline_exceeded`: the caller has stopped waiting, so no further round starts */
  #checkDeadline(operation: string, options: CallOptions | undefined): void {
    if (options?.deadline !== undefined && this.#ports.clock.now() >= options.deadline) {
      throw new PortError('deadline_exceeded', operation);
    }
  }

  #ended({ tenant, sessionId }: Session, generation: number): void {
    this.#ports.onEnded?.({ tenant, sessionId, generation });
  }

  #visible(session: Session | undefined): Outcome<Session> {
    if (session === undefined) return { ok: false, reason: 'not-found' };
    const state = stateOf(session, this.#ports.clock.now());
    return state === 'expired' || state === 'deleted' ? { ok: false, reason: 'gone', state } : { ok: true, value: session };
  }

  /** The answer to a create that was made before. */
  #repeated(session: Session): Outcome<Session> {
    return this.#visible(session);
  }

  /** A live session and a tombstone keep their id; an expired one gives it free. */
  #blocks(session: Session): Outcome<Session> | undefined {
    const state = stateOf(session, this.#ports.clock.now());
    if (state === 'expired') return undefined;
    return { ok: false, reason: state === 'deleted' ? 'id-retired' : 'id-taken', sessionId: session.sessionId };
  }

  /** Counts the create over all instances, before it happens. */
  async #quota(tenant: string, creationId: string, options: CallOptions | undefined): Promise<Outcome<Session> | undefined> {
    const { counters, clock } = this.#ports;
    const now = clock.now();
    const windowEnd = (Math.floor(now / hourMs) + 1) * hourMs;
    const count = await counters.increment(
      {
        key: { partition: `creates.${tenant}`, id: String(windowEnd) },
        operationId: creationId,
        expiresAt: windowEnd + expiryMarginMs,
      },
      options,
    );
    if (count <= this.#limits.createsPerHour) return undefined;
    return {
      ok: false,
      reason: 'quota',
      limit: this.#limits.createsPerHour,
      windowSeconds: hourMs / 1_000,
      retryAfterSeconds: Math.ceil((windowEnd - now) / 1_000),
    };
  }
}

interface Found {
  readonly session: Session;
  readonly version: string;
}

function parsed(record: StoredRecord | undefined): Found | undefined {
  return record === undefined ? undefined : { session: fromRecord(record), version: record.version };
}

function lostTo(result: { readonly existing?: StoredRecord | undefined } | { readonly version: string }): StoredRecord | undefined {
  return 'existing' in result ? result.existing : undefined;
}

function later(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.max(a, b);
}

/** A session that outlived the reservation of its token would share its exit with the next one that draws it. */
function problemOfReservation({ usableUntil }: UpstreamIdentity, expiresAt: number): PlanProblem | undefined {
  return usableUntil === undefined || expiresAt <= usableUntil
    ? undefined
    : {
        field: 'ttlSeconds',
        detail: `must end by ${instant(usableUntil)}, until when this exit is reserved; rotate for a new one`,
      };
}

function inState(state: SessionState, wanted: NonNullable<ListSessions['state']>): boolean {
  return wanted === 'all' || state === wanted || (wanted === 'active' && state === 'expiring');
}

function hasTag({ tags }: Session, tag: string | undefined): boolean {
  if (tag === undefined) return true;
  const colon = tag.indexOf(':');
  return colon < 0
    ? Object.hasOwn(tags, tag)
    : Object.hasOwn(tags, tag.slice(0, colon)) && tags[tag.slice(0, colon)] === tag.slice(colon + 1);
}

function normalised(tags: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(tags).map(([key, value]) => [key, value.normalize('NFC')]));
}

export type { Geo };
