import { directVendor } from '../config/configuration.ts';
import type { PeerLoss, PoolConfiguration, SessionsConfiguration } from '../config/configuration.ts';
import type { EpochMillis } from '../ports/clock.ts';
import { PortError } from '../ports/errors.ts';
import type { CallOptions } from '../ports/key-value-store.ts';
import type { CachedSecrets } from '../secrets/cached-secrets.ts';
import type { Geo, Session } from './session.ts';
import type { CreateSession, Outcome } from './sessions.ts';
import { parseVendorAccount } from './vendor-account.ts';
import { guarantee, planLifetime } from './vendors/lifetime.ts';
import { renderCredentials } from './vendors/render.ts';
import type { ProxyEndpoint, RenderProblem } from './vendors/render.ts';
import { findTemplate } from './vendors/find-template.ts';
import { needsOptIn } from './vendors/template.ts';
import type { VendorTemplate } from './vendors/template.ts';
import { newUpstreamToken } from './vendors/token.ts';

/** A configured set of exits, with its vendor's grammar looked up. */
export interface Pool {
  readonly name: string;
  readonly vendor: string;
  /** Absent for the direct vendor. */
  readonly template: VendorTemplate | undefined;
  /** Tells vendor accounts apart; not secret. */
  readonly account: string;
  readonly configuration: PoolConfiguration;
  readonly defaultTtlSeconds: number;
  readonly maxTtlSeconds: number;
}

/** What a create settled on: everything the request left open is filled in. */
export interface Plan {
  readonly pool: Pool;
  readonly ttlSeconds: number;
  readonly geo: Geo;
  readonly onPeerLoss: PeerLoss;
}

/** What the vendor or the pool cannot do, by the request's member. */
export interface PlanProblem {
  readonly field: string;
  readonly detail: string;
}

/** How long the exit of a session can really be counted on. */
export interface Lifetime {
  readonly effectiveUntil: EpochMillis;
  readonly idleTimeoutSeconds: number | null;
  readonly ttlKind: 'fixed' | 'sliding' | 'none';
  readonly guarantee: 'fail-closed' | 'best-effort';
}

const fallbackTtlSeconds = 1_800;
const fallbackMaxTtlSeconds = 86_400;

/** The configured pools: what can be asked of them, and the credentials of a session in its vendor's grammar. */
export class Exits {
  readonly #pools: ReadonlyMap<string, Pool>;
  readonly #template: (vendor: string) => VendorTemplate | undefined;
  readonly #defaultPool: string | undefined;
  readonly #secrets: CachedSecrets;

  /** @param templates built-in templates by id */
  constructor(configuration: SessionsConfiguration, templates: Readonly<Record<string, VendorTemplate>>, secrets: CachedSecrets) {
    this.#pools = new Map(
      Object.entries(configuration.pools).map(([name, pool]) => [name, toPool(name, pool, configuration, templates)]),
    );
    this.#template = (vendor) => (vendor === directVendor ? undefined : findTemplate(vendor, configuration.vendors, templates));
    this.#defaultPool = defaultPoolOf(configuration);
    this.#secrets = secrets;
  }

  /** Settles what a create asks for, or says what is impossible about it: never silently something else. */
  plan(input: CreateSession): Outcome<Plan> {
    const name = input.pool ?? this.#defaultPool;
    const pool = name === undefined ? undefined : this.#pools.get(name);
    if (pool === undefined) {
      const detail = name === undefined ? `must be one of ${[...this.#pools.keys()].join(', ')}` : 'is not a configured pool';
      return { ok: false, reason: 'invalid', problems: [{ field: 'pool', detail }] };
    }
    const { template, configuration } = pool;
    if (template !== undefined && needsOptIn(template) && configuration.allowUnverified !== true) {
      return { ok: false, reason: 'vendor-unverified', vendor: pool.vendor, confidence: template.confidence };
    }
    const ttlSeconds = input.ttlSeconds ?? pool.defaultTtlSeconds;
    const geo: Geo = { country: input.country ?? configuration.country, region: input.region, city: input.city };
    const onPeerLoss = input.onPeerLoss ?? configuration.onPeerLoss ?? strongest(template);
    const problems = [...problemsOfTtl(pool, ttlSeconds), ...problemsOfExit(pool, geo, onPeerLoss, ttlSeconds)];
    return problems.length > 0
      ? { ok: false, reason: 'invalid', problems }
      : { ok: true, value: { pool, ttlSeconds, geo, onPeerLoss } };
  }

  /** What is wrong with a lifetime for this session. */
  checkTtl(session: Session, ttlSeconds: number): PlanProblem | undefined {
    return problemsOfTtl(this.poolOf(session), ttlSeconds)[0];
  }

  /** Whether the session's pool is still configured, for the vendor that the session was made with. */
  hasPoolOf({ pool, vendor }: Pick<Session, 'pool' | 'vendor'>): boolean {
    return this.#pools.get(pool)?.vendor === vendor;
  }

  /** @throws {PortError} `failed_precondition`: the session's pool is not configured any more, or for another vendor */
  poolOf(session: Pick<Session, 'pool' | 'vendor'>): Pool {
    const pool = this.#pools.get(session.pool);
    if (pool !== undefined && this.hasPoolOf(session)) return pool;
    const reason = pool === undefined ? 'PoolNotConfigured' : 'PoolChanged';
    throw new PortError('failed_precondition', 'sessions.pool', { reason });
  }

  /** Judged by the vendor that the session was made with, whatever its pool has become. */
  lifetime(session: Session): Lifetime {
    const template = this.#template(session.vendor);
    const { expiresAt, onPeerLoss } = session;
    const { startedAt, ttlSeconds } = session.upstream;
    if (template === undefined) {
      // Of a vendor nobody knows any more nothing can be promised.
      const promised = session.vendor === directVendor ? 'fail-closed' : 'best-effort';
      return { effectiveUntil: expiresAt, idleTimeoutSeconds: null, ttlKind: 'none', guarantee: promised };
    }
    const failClosed = isFailClosed(template, onPeerLoss);
    const told = planLifetime(template, ttlSeconds, failClosed);
    // What the vendor was told ends the exit; without a word for it in the grammar, the vendor's own limit does.
    const wholeSeconds = Math.max(1, Math.ceil((expiresAt - startedAt) / 1_000));
    const keptSeconds = told.upstreamTtlSeconds ?? planLifetime(template, wholeSeconds, failClosed).ttlSeconds;
    return {
      effectiveUntil: told.ttlKind === 'sliding' ? expiresAt : Math.min(expiresAt, startedAt + keptSeconds * 1_000),
      idleTimeoutSeconds: told.idleTimeoutSeconds ?? null,
      ttlKind: told.ttlKind,
      guarantee: guarantee(template, onPeerLoss),
    };
  }

  /**
   * The vendor's endpoint with the credentials of this session; `undefined` for the direct vendor.
   *
   * @throws {PortError} `failed_precondition`: the session's pool is gone or of another vendor; the account's secret cannot be read (its
   *   code), or with `data_loss` it does not hold what the vendor needs
   */
  async endpoint(session: Session, options?: CallOptions): Promise<ProxyEndpoint | undefined> {
    const { template, configuration } = this.poolOf(session);
    if (template === undefined) return undefined;
    const secret = configuration.secret === undefined ? undefined : await this.#secrets.current(configuration.secret, options);
    const account = parseVendorAccount(secret?.value ?? '');
    const rendered = renderCredentials(template, {
      account: { ...configuration.account, ...account.fields },
      secret: account.password,
      sid: session.upstream.token ?? '',
      geo: session.geo,
      ttlSeconds: session.upstream.ttlSeconds,
      failClosed: isFailClosed(template, session.onPeerLoss),
      protocol: configuration.protocol,
      endpoint: configuration.endpoint,
    });
    if (!rendered.ok)
      throw new PortError('data_loss', 'sessions.credentials', { reason: `VendorAccount:${rendered.problems[0]?.field ?? ''}` });
    return rendered.credentials;
  }
}

/** The pool used when a request names none. */
export function defaultPoolOf({ defaultPool, pools }: SessionsConfiguration): string | undefined {
  const names = Object.keys(pools);
  return defaultPool ?? (names.length === 1 ? names[0] : names.find((name) => name === 'default'));
}

/** What a pool cannot be used for at all, by the operator's field: for checking a configuration. */
export function problemsOfPool(pool: PoolConfiguration, template: VendorTemplate): readonly RenderProblem[] {
  const account = Object.fromEntries(template.account.map((field) => [field, 'x']));
  const rendered = renderCredentials(template, {
    account,
    secret: 'x',
    sid: sampleToken(template),
    geo: { country: pool.country },
    failClosed: pool.onPeerLoss === 'fail',
    protocol: pool.protocol,
    endpoint: pool.endpoint,
  });
  return rendered.ok ? [] : rendered.problems;
}

function toPool(
  name: string,
  configuration: PoolConfiguration,
  { sessions, vendors }: SessionsConfiguration,
  templates: Readonly<Record<string, VendorTemplate>>,
): Pool {
  const { vendor } = configuration;
  const template = vendor === directVendor ? undefined : findTemplate(vendor, vendors, templates);
  if (template === undefined && vendor !== directVendor) throw new TypeError(`Pool ${name}: there is no vendor template ${vendor}`);
  const maxTtlSeconds = Math.min(
    configuration.maxTtlSeconds ?? sessions?.maxTtlSeconds ?? fallbackMaxTtlSeconds,
    template?.ttl.maxSeconds ?? Number.POSITIVE_INFINITY,
  );
  return {
    name,
    vendor,
    template,
    account: `${vendor}.${configuration.secret ?? ''}`,
    configuration,
    maxTtlSeconds,
    defaultTtlSeconds: Math.min(
      configuration.defaultTtlSeconds ?? sessions?.defaultTtlSeconds ?? fallbackTtlSeconds,
      maxTtlSeconds,
    ),
  };
}

function problemsOfTtl({ maxTtlSeconds }: Pool, ttlSeconds: number): readonly PlanProblem[] {
  return ttlSeconds > maxTtlSeconds ? [{ field: 'ttlSeconds', detail: `must be at most ${maxTtlSeconds} in this pool` }] : [];
}

function problemsOfExit(
  { template, configuration }: Pool,
  geo: Geo,
  onPeerLoss: PeerLoss,
  ttlSeconds: number,
): readonly PlanProblem[] {
  if (template === undefined) {
    const asked = (['country', 'region', 'city'] as const).filter((field) => geo[field] !== undefined);
    return asked.map((field) => ({ field, detail: 'cannot be chosen in a pool without a vendor' }));
  }
  const rendered = renderCredentials(template, {
    account: Object.fromEntries(template.account.map((field) => [field, 'x'])),
    secret: 'x',
    sid: sampleToken(template),
    geo,
    ttlSeconds: Math.min(ttlSeconds, template.ttl.maxSeconds ?? ttlSeconds),
    failClosed: onPeerLoss === 'fail',
    protocol: configuration.protocol,
    endpoint: configuration.endpoint,
  });
  if (rendered.ok) return [];
  return rendered.problems.map(({ field, detail }) => ({ field: field === 'failClosed' ? 'onPeerLoss' : field, detail }));
}

/** A token of the right form, for trying out a grammar. */
function sampleToken(template: VendorTemplate): string {
  return newUpstreamToken(template, (size) => new Uint8Array(size));
}

/** `fail` where the vendor can refuse: a silently swapped exit is what sessions are there to prevent. */
function strongest(template: VendorTemplate | undefined): PeerLoss {
  return template === undefined || template.peerLoss.failClosed !== undefined ? 'fail' : 'rotate';
}

function isFailClosed(template: VendorTemplate, onPeerLoss: PeerLoss): boolean {
  return onPeerLoss === 'fail' && template.peerLoss.failClosed !== undefined;
}
