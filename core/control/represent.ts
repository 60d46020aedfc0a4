import type { EpochMillis } from '../ports/clock.ts';
import type { Lifetime } from '../session/exits.ts';
import { stateOf } from '../session/session.ts';
import type { Session } from '../session/session.ts';
import { proxyUrl } from '../session/vendors/proxy-url.ts';
import type { ProxyEndpoint } from '../session/vendors/render.ts';
import { instant } from '../text/instant.ts';

/** A session as the API shows it; `schemas.ts` documents the members. The URL exists only in the answer. */
export function represent(session: Session, lifetime: Lifetime, proxy: ProxyEndpoint | undefined, now: EpochMillis): object {
  const expiresAt = instant(session.expiresAt);
  return {
    sessionId: session.sessionId,
    state: stateOf(session, now),
    pool: session.pool,
    vendor: session.vendor,
    label: session.label ?? null,
    tags: session.tags,
    country: session.geo.country ?? null,
    region: session.geo.region ?? null,
    city: session.geo.city ?? null,
    createdAt: instant(session.createdAt),
    expiresAt,
    effectiveUntil: lifetime.effectiveUntil === session.expiresAt ? expiresAt : instant(lifetime.effectiveUntil),
    idleTimeoutSeconds: lifetime.idleTimeoutSeconds,
    ttlKind: lifetime.ttlKind,
    guarantee: lifetime.guarantee,
    generation: session.generation,
    proxyUrl: proxy === undefined ? null : proxyUrl(proxy),
    proxy: proxy ?? null,
  };
}
