import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { validityOf } from '../../node/certificate-validity.ts';
import type { Validity } from '../../node/certificate-validity.ts';
import { faultOfAuthorities, faultOfPrivateKey } from '../../node/transport/tls-material.ts';

/** Where a certificate chain, the server's own first, and its private key are, in PEM. */
export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

/** PEM, and how long the server's own certificate is good. */
export interface Certificate extends Validity {
  readonly cert: string;
  readonly key: string;
}

/** The message is for people and logs: it names files, never what is in them. */
export class CertificateError extends Error {
  override readonly name = 'CertificateError';
}

/**
 * Reads a pair that a server can use. Whether it is valid at present is not asked here.
 *
 * @throws {CertificateError} a file that cannot be read, what is no PEM, a key with a passphrase or of another certificate, what OpenSSL refuses
 */
export async function readCertificate(files: CertificateFiles): Promise<Certificate> {
  const [cert, key] = await Promise.all([read(files.cert), read(files.key)]);
  refuse(files.cert, faultOfAuthorities(cert));
  refuse(files.key, faultOfPrivateKey(key, cert));
  try {
    createSecureContext({ cert, key });
  } catch (error) {
    // its own words may quote what it read
    throw new CertificateError(`${files.cert} and ${files.key} are refused by OpenSSL (${codeOf(error)})`);
  }
  return { cert, key, ...validityOf(cert) };
}

function refuse(file: string, fault: string | undefined): void {
  if (fault !== undefined) throw new CertificateError(`${file} ${fault}`);
}

async function read(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new CertificateError(`${file} cannot be read (${codeOf(error)})`, { cause: error });
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'unknown';
}
