import type { Clock, Logger } from '../../../core/ports/index.ts';
import { isValid, ValidityWarnings } from '../../node/certificate-validity.ts';
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

/**
 * Takes a pair into use within 10 s of its files changing. One that cannot be used leaves the last good one where it is, and is told to the log
 * once: the files may be caught between two writes, and the next look finds both. Nor does one that clients would refuse now replace one that they take: it is
 * taken when it becomes valid. While the pair in use is about to expire, or is not valid, the log is told every day.
 *
 * @returns what ends it
 */
export function followCertificate({ files, inUse, clock, logger, use }: FollowedCertificate): () => void {
  const ended = new AbortController();
  let current = inUse;
  let refused: string | undefined;
  const warnings = new ValidityWarnings(clock, logger, 'server');
  const warn = (): void => warnings.look('own', current);

  const look = async (): Promise<void> => {
    try {
      const found = await readCertificate(files);
      const isSame = found.cert === current.cert && found.key === current.key;
      if (!isSame) refuseInvalid(found, current, clock.now());
      refused = undefined;
      if (ended.signal.aborted || isSame) return;
      use(found);
      current = found;
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

/** @throws {CertificateError} it would take the place of one that is valid */
function refuseInvalid(found: Certificate, current: Certificate, now: number): void {
  if (isValid(found, now) || !isValid(current, now)) return;
  const [notBefore, notAfter] = [found.notBefore, found.notAfter].map((at) => new Date(at).toISOString());
  throw new CertificateError(`the new certificate is valid from ${notBefore} to ${notAfter}, and the one in use is valid now`);
}
