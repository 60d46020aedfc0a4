import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import type { EpochMillis } from '../../core/ports/index.ts';

/** Where a certificate chain, the server's own first, and its private key are, in PEM. */
export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

/** PEM, and how long the server's own certificate is good. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
  readonly notBefore: EpochMillis;
  readonly notAfter: EpochMillis;
}

/** The message is for people and logs: it names files, never what is in them. */
export class CertificateError extends Error {
  override readonly name = 'CertificateError';
}

/**
 * Reads a pair that a server can use.
 *
 * @throws {CertificateError} a file that cannot be read, what is no PEM, a key with a passphrase or of another certificate, what OpenSSL refuses
 */
export async function readCertificate(files: CertificateFiles): Promise<Certificate> {
  const [cert, key] = await Promise.all([read(files.cert), read(files.key)]);
  const own = parse(`${files.cert} holds no certificate in PEM`, () => new X509Certificate(cert));
  if (!own.checkPrivateKey(privateKey(files.key, key)))
    throw new CertificateError(`The private key in ${files.key} does not fit the certificate in ${files.cert}`);
  parse(`${files.cert} and ${files.key} are refused by OpenSSL`, () => createSecureContext({ cert, key }));
  return { cert, key, notBefore: Date.parse(own.validFrom), notAfter: Date.parse(own.validTo) };
}

async function read(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new CertificateError(`${file} cannot be read (${codeOf(error)})`, { cause: error });
  }
}

function privateKey(file: string, pem: string): KeyObject {
  // in the label (RFC 7468 section 11) or in `Proc-Type` (RFC 1421 section 4.6.1.1)
  if (/ENCRYPTED/.test(pem)) throw new CertificateError(`The private key in ${file} has a passphrase: a server cannot use it`);
  return parse(`${file} holds no private key in PEM`, () => createPrivateKey(pem));
}

/** OpenSSL's own words may quote what it read: of them only the code is told. */
function parse<T>(otherwise: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new CertificateError(`${otherwise} (${codeOf(error)})`);
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'unknown';
}
