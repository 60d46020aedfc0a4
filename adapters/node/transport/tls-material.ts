import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

/** PEM (RFC 7468) of certificates; OpenSSL takes all three labels, and passes over what is none of them. */
const certificates = /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----[^-]*-----END (?:X509 |TRUSTED )?CERTIFICATE-----/g;

/**
 * What is wrong with certificates to trust, in words that quote nothing of them; `undefined` when they can be used. To be asked: OpenSSL takes a text without
 * any certificate for a list of none.
 */
export function faultOfAuthorities(pem: string): string | undefined {
  const found = pem.match(certificates) ?? [];
  if (found.length === 0) return 'holds no certificate in PEM';
  return found.every((one) => one.includes('BEGIN TRUSTED') || parsed(() => new X509Certificate(one)) !== undefined)
    ? undefined
    : 'holds a certificate that cannot be read';
}

/** The same of a certificate chain, its owner's first, with the private key. */
export function faultOfClientCertificate(pem: string): string | undefined {
  return faultOfAuthorities(pem) ?? faultOfPrivateKey(pem, pem);
}

/** The same of the private key of a certificate that can be used. */
export function faultOfPrivateKey(pem: string, certificate: string): string | undefined {
  if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(pem)) return 'holds no private key in PEM';
  // in the label (RFC 7468 section 11) or in `Proc-Type` (RFC 1421 section 4.6.1.1)
  if (/-----BEGIN ENCRYPTED |^Proc-Type:.*ENCRYPTED/m.test(pem)) return 'holds a private key with a passphrase';
  const key: KeyObject | undefined = parsed(() => createPrivateKey(pem));
  if (key === undefined) return 'holds a private key that cannot be read';
  return parsed(() => new X509Certificate(certificate))?.checkPrivateKey(key) === true
    ? undefined
    : 'holds a private key that is of another certificate';
}

/** OpenSSL's own words may quote what it read: they are left here. */
function parsed<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
