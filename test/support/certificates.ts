import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

export interface Issuer {
  /** Its own certificate. */
  readonly ca: string;
  /** @param days that it is good for; below 0 it has expired */
  issue(subjectAltName: string, days?: number): Certificate;
  remove(): void;
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** A private certificate authority, made by openssl. */
export function createIssuer(): Issuer {
  const folder = mkdtempSync(join(tmpdir(), 'portolan-ca-'));
  const at = (name: string): string => join(folder, name);
  const openssl = (...parameters: readonly string[]): void => {
    execFileSync('openssl', parameters, { stdio: 'ignore' });
  };
  openssl('req', '-x509', ...newKey, '-days', '1', '-keyout', at('ca.key'), '-out', at('ca.pem'), '-subj', '/CN=Portolan test');
  let issued = 0;
  return {
    ca: readFileSync(at('ca.pem'), 'utf8'),
    issue(subjectAltName, days = 1) {
      const name = `${issued++}`;
      const [key, csr, cert] = [at(`${name}.key`), at(`${name}.csr`), at(`${name}.pem`)];
      openssl('req', ...newKey, '-keyout', key, '-out', csr, '-subj', `/CN=${name}`, '-addext', `subjectAltName=${subjectAltName}`);
      // prettier-ignore
      openssl('x509', '-req', '-in', csr, '-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-days', `${days}`, '-copy_extensions', 'copyall', '-out', cert);
      return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
    },
    remove() {
      rmSync(folder, { recursive: true });
    },
  };
}
