import type { Clock, Logger } from '../../core/ports/index.ts';
import { CertificateError, readCertificate } from './certificate-files.ts';
import type { Certificate, CertificateFiles } from './certificate-files.ts';
import { describe } from './server-exchange.ts';

export interface FollowedCertificate {
  readonly files: CertificateFiles;
  /** The pair in use, as it was read from them. */
  readonly inUse: Certificate;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Takes a new pair into use. */
  readonly use: (renewed: Certificate) => void;
}

/** Files are looked at by content: what swaps symbolic links (Kubernetes' mounted secrets, certbot) leaves the names and often the times as they were. */
const lookEveryMs = 10_000;

const dayMs = 86_400_000;
const shortMs = 14 * dayMs;

/**
 * Takes a pair into use within 10 s of its files changing. One that cannot be used leaves the last good one where it is, and is told to the log
 * once: the files may be caught between two writes, and the next look finds both. While the pair in use is about to expire, the log is told every day.
 *
 * @returns what ends it
 */
export function followCertificate({ files, inUse, clock, logger, use }: FollowedCertificate): () => void {
  const ended = new AbortController();
  let current = inUse;
  let refused: string | undefined;
  let warnedAt: number | undefined;

  const warn = (): void => {
    const now = clock.now();
    // a clock that was ahead and is put right must not silence what is to come
    if (!expiresSoon(current, now) || (warnedAt !== undefined && Math.abs(now - warnedAt) < dayMs)) return;
    warnedAt = now;
    logger.log('warn', 'tls.certificate_expires', {
      'tls.server.not_after': new Date(current.notAfter).toISOString(),
      daysLeft: Math.floor((current.notAfter - now) / dayMs),
    });
  };

  const look = async (): Promise<void> => {
    try {
      const found = await readCertificate(files);
      refused = undefined;
      if (ended.signal.aborted || (found.cert === current.cert && found.key === current.key)) return;
      use(found);
      current = found;
      warnedAt = undefined;
      logger.log('info', 'tls.certificate_renewed', { 'tls.server.not_after': new Date(found.notAfter).toISOString() });
    } catch (error) {
      const told = error instanceof CertificateError ? { detail: error.message } : describe(error);
      const text = JSON.stringify(told);
      if (text !== refused) logger.log('error', 'tls.certificate_refused', told);
      refused = text;
    }
  };

  const follow = async (): Promise<void> => {
    warn();
    while (!ended.signal.aborted) {
      await clock.sleep(lookEveryMs, ended.signal).catch(() => undefined);
      if (!ended.signal.aborted) await look();
      warn();
    }
  };
  void follow();
  return () => {
    ended.abort();
  };
}

/** Less than 14 days; of a certificate that is made for a short life, less than a third of it. */
function expiresSoon({ notBefore, notAfter }: Certificate, now: number): boolean {
  return notAfter - now < Math.min(shortMs, (notAfter - notBefore) / 3);
}
