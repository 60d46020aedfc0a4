import { X509Certificate } from 'node:crypto';
import type { Clock, EpochMillis, Logger } from '../../core/ports/index.ts';

/** Whose a certificate is, and how long it is good (RFC 5280 sections 4.1.2.5 and 4.1.2.6). */
export interface Validity {
  readonly subject: string;
  readonly notBefore: EpochMillis;
  readonly notAfter: EpochMillis;
}

const dayMs = 86_400_000;
const shortMs = 14 * dayMs;

/** Of the first certificate in a PEM text that holds one. */
export function validityOf(pem: string): Validity {
  const { subject, validFrom, validTo } = new X509Certificate(pem);
  return { subject: subject?.replaceAll('\n', ', ') ?? '', notBefore: Date.parse(validFrom), notAfter: Date.parse(validTo) };
}

/** Whether a peer with a right clock takes it for valid. */
export function isValid({ notBefore, notAfter }: Validity, now: EpochMillis): boolean {
  return notBefore <= now && now <= notAfter;
}

/**
 * What is to be said about it, as the last part of an event's name; `undefined` while all is well. It is about to expire in its last 14 days; one that is made for
 * a life of less than 42 days, in the last third of it.
 */
export function validityWarning({ notBefore, notAfter }: Validity, now: EpochMillis): string | undefined {
  if (now > notAfter) return 'certificate_expired';
  if (now < notBefore) return 'certificate_not_yet_valid';
  return notAfter - now < Math.min(shortMs, (notAfter - notBefore) / 3) ? 'certificate_expires' : undefined;
}

/** Says in the log which certificates in use are not good, or not for long: once a day each, and at once where it is something new. */
export class ValidityWarnings {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #side: 'client' | 'server';
  readonly #said = new Map<string, { readonly what: string; readonly at: EpochMillis }>();

  /** @param side whose certificates they are: a server's own, or those that a client shows to upstreams */
  constructor(clock: Clock, logger: Logger, side: 'client' | 'server') {
    this.#clock = clock;
    this.#logger = logger;
    this.#side = side;
  }

  /** @param name tells one from another; not secret */
  look(name: string, validity: Validity, attributes: Readonly<Record<string, string>> = {}): void {
    const now = this.#clock.now();
    const warning = validityWarning(validity, now);
    if (warning === undefined) {
      this.#said.delete(name);
      return;
    }
    const { subject, notBefore, notAfter } = validity;
    const what = `${warning} ${notBefore} ${notAfter}`;
    const last = this.#said.get(name);
    // a clock that was ahead and is put right must not silence what is to come
    if (last?.what === what && Math.abs(now - last.at) < dayMs) return;
    this.#said.set(name, { what, at: now });
    const side = this.#side;
    this.#logger.log('warn', side === 'server' ? `tls.${warning}` : `upstream.tls.${warning}`, {
      ...attributes,
      [`tls.${side}.subject`]: subject,
      [`tls.${side}.not_before`]: new Date(notBefore).toISOString(),
      [`tls.${side}.not_after`]: new Date(notAfter).toISOString(),
      daysLeft: Math.floor((notAfter - now) / dayMs),
    });
  }
}
