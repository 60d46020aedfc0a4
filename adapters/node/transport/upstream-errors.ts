import { UpstreamError } from '../../../core/ports/index.ts';
import type { UpstreamErrorType } from '../../../core/ports/index.ts';

/** Codes of Node, of the system and of OpenSSL's verification, in the words of RFC 9209 section 2.3. */
const types: Readonly<Record<string, UpstreamErrorType>> = {
  EADDRNOTAVAIL: 'destination_ip_unroutable',
  EACCES: 'destination_ip_unroutable',
  EAI_AGAIN: 'dns_error',
  EAI_FAIL: 'dns_error',
  ECONNABORTED: 'connection_terminated',
  ECONNREFUSED: 'connection_refused',
  ECONNRESET: 'connection_terminated',
  EHOSTDOWN: 'destination_ip_unroutable',
  EHOSTUNREACH: 'destination_ip_unroutable',
  EMFILE: 'connection_limit_reached',
  ENETDOWN: 'destination_ip_unroutable',
  ENETUNREACH: 'destination_ip_unroutable',
  ENFILE: 'connection_limit_reached',
  ENOBUFS: 'connection_limit_reached',
  ENOTFOUND: 'dns_error',
  EPERM: 'destination_ip_unroutable',
  EPIPE: 'connection_terminated',
  EPROTO: 'tls_protocol_error',
  ETIMEDOUT: 'connection_timeout',

  // https://docs.openssl.org/3.0/man1/openssl-verification-options/ as Node names them (X509 certificate error codes)
  AKID_SKID_MISMATCH: 'tls_certificate_error',
  CA_MD_TOO_WEAK: 'tls_certificate_error',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'tls_certificate_error',
  ERROR_IN_CERT_NOT_AFTER_FIELD: 'tls_certificate_error',
  ERROR_IN_CERT_NOT_BEFORE_FIELD: 'tls_certificate_error',
  ERR_TLS_CERT_ALTNAME_INVALID: 'tls_certificate_error',
  HOSTNAME_MISMATCH: 'tls_certificate_error',
  INVALID_CA: 'tls_certificate_error',
  INVALID_PURPOSE: 'tls_certificate_error',
  PATH_LENGTH_EXCEEDED: 'tls_certificate_error',
  SELF_SIGNED_CERT_IN_CHAIN: 'tls_certificate_error',
  UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY: 'tls_certificate_error',
  UNABLE_TO_DECRYPT_CERT_SIGNATURE: 'tls_certificate_error',
  UNABLE_TO_GET_CRL: 'tls_certificate_error',
  UNABLE_TO_GET_ISSUER_CERT: 'tls_certificate_error',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'tls_certificate_error',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'tls_certificate_error',

  ERR_HTTP2_GOAWAY_SESSION: 'connection_terminated',
  ERR_HTTP2_INVALID_SESSION: 'connection_terminated',
  ERR_HTTP2_SESSION_ERROR: 'connection_terminated',
  ERR_HTTP2_STREAM_CANCEL: 'connection_terminated',
  ERR_HTTP2_STREAM_ERROR: 'connection_terminated',
};

/** Whole families of codes, tried in order. */
const families: readonly (readonly [prefix: string, part: string, type: UpstreamErrorType])[] = [
  ['CERT_', '', 'tls_certificate_error'],
  ['CRL_', '', 'tls_certificate_error'],
  ['ERR_SSL_', '_ALERT_', 'tls_alert_received'],
  ['ERR_SSL_', '', 'tls_protocol_error'],
  ['ERR_TLS_', '', 'tls_protocol_error'],
  ['ERR_OSSL_', '', 'tls_protocol_error'],
  ['ERR_HTTP2_', '', 'http_protocol_error'],
  ['HPE_', '', 'http_protocol_error'],
];

/** What a failure of Node's means; `destination_unavailable` for one that nobody has met yet. */
export function upstreamErrorType(error: unknown): UpstreamErrorType {
  const { code } = error as { readonly code?: unknown };
  if (typeof code !== 'string') return 'destination_unavailable';
  return (
    types[code] ??
    families.find(([prefix, part]) => code.startsWith(prefix) && code.includes(part))?.[2] ??
    'destination_unavailable'
  );
}

/** The failure of a socket or of an HTTP client as the port has it: no message, no cause, nothing that could hold data. */
export function toUpstreamError(error: unknown, requestSent: boolean): UpstreamError {
  return error instanceof UpstreamError ? error : new UpstreamError(upstreamErrorType(error), requestSent);
}
