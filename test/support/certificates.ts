import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

export interface Issuer {
  /** Its own certificate. */
  readonly ca: string;
  /**
   * @param days that it is good for; -1: it has expired
   * @param fromDays how many days from now on it is good; default 0
   */
  issue(subjectAltName: string, days?: number, fromDays?: number): Certificate;
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
    issue(subjectAltName, days = 1, fromDays = 0) {
      const name = `${issued++}`;
      const [key, csr, cert] = [at(`${name}.key`), at(`${name}.csr`), at(`${name}.pem`)];
      openssl('req', ...newKey, '-keyout', key, '-out', csr, '-subj', `/CN=${name}`, '-addext', `subjectAltName=${subjectAltName}`);
      if (fromDays !== 0) {
        // only this command knows of a beginning, in every version
        writeFileSync(at('ca.cnf'), configurationIn(folder));
        writeFileSync(at('index.txt'), '');
        // prettier-ignore
        openssl('ca', '-batch', '-config', at('ca.cnf'), '-in', csr, '-cert', at('ca.pem'), '-keyfile', at('ca.key'), '-notext',
          '-startdate', asn1Time(fromDays), '-enddate', asn1Time(fromDays + days), '-out', cert);
        return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
      }
      // prettier-ignore
      openssl('x509', '-req', '-in', csr, '-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-days', `${days}`, '-copy_extensions', 'copyall', '-out', cert);
      return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
    },
    remove() {
      rmSync(folder, { recursive: true });
    },
  };
}

function configurationIn(folder: string): string {
  const own = [`database = ${folder}/index.txt`, `new_certs_dir = ${folder}`, 'rand_serial = yes', 'default_md = sha256'];
  return [
    '[ca]',
    'default_ca = own',
    '[own]',
    ...own,
    'copy_extensions = copyall',
    'policy = any',
    '[any]',
    'commonName = supplied',
    '',
  ].join('\n');
}

function asn1Time(inDays: number): string {
  const at = new Date(Date.now() + inDays * 86_400_000);
  return `${at.toISOString().slice(0, 19).replaceAll(/[-T:]/g, '')}Z`;
}
