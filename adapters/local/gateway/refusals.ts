import { RequestError } from 'proxy-chain';
import type { EgressRefusal } from '../../../core/egress/egress-policy.ts';
import { PortError, UpstreamError } from '../../../core/ports/index.ts';
import type { UpstreamErrorType } from '../../../core/ports/index.ts';
import { UpstreamRefused } from './dial.ts';

// proxy-chain tells its errors by this name, which a bundler shortens. Keeping all names instead costs each closure on the proxy's way a call.
Object.defineProperty(RequestError, 'name', { value: 'RequestError' });

/** This proxy's name in `Proxy-Status` (RFC 9209) and in the realm of its 407. */
export const proxyName = 'portolan';

const timeouts: ReadonlySet<UpstreamErrorType> = new Set([
  'connection_read_timeout',
  'connection_timeout',
  'connection_write_timeout',
  'dns_timeout',
  'http_response_timeout',
]);

/** The status for an exchange that failed between us and the destination. */
export function statusOf(type: UpstreamErrorType): 403 | 502 | 504 {
  if (type === 'destination_ip_prohibited') return 403;
  return timeouts.has(type) ? 504 : 502;
}

/** `error` is one of RFC 9209's types. */
export function proxyStatus(error: UpstreamErrorType): string {
  return `${proxyName}; error=${error}`;
}

export function refusedDestination(reason: EgressRefusal): RequestError {
  if (reason === 'invalid-host') return new RequestError('The request target is not a host and port.', 400);
  const what = reason === 'port' ? 'its port is denied' : `its address is ${reason}`;
  return new RequestError(`Destination refused: ${what}.`, 403, { 'proxy-status': proxyStatus('destination_ip_prohibited') });
}

export function credentialsRefused(): RequestError {
  return new RequestError('The proxy needs the token of a live session, as username or as password.', 407);
}

/**
 * The answer to a failure, as proxy-chain sends it; anything unknown comes back as it is, a bug that becomes its 500.
 *
 * A `PortError` comes from asking who the client is: that we do not know is no reason to tell it to authenticate.
 */
export function toRequestError(error: unknown): unknown {
  if (error instanceof PortError) return new RequestError('Sessions cannot be looked up right now.', 503, { 'retry-after': '1' });
  if (error instanceof UpstreamRefused) {
    return new RequestError(`The upstream proxy answered ${error.status}.`, 502, {
      'proxy-status': `${proxyName}; received-status=${error.status}`,
    });
  }
  if (error instanceof UpstreamError) {
    if (error.type === 'destination_ip_prohibited') {
      return new RequestError('Destination refused: its name resolves to addresses that are not public.', 403, {
        'proxy-status': proxyStatus(error.type),
      });
    }
    return new RequestError(`The destination could not be reached: ${error.type}.`, statusOf(error.type), {
      'proxy-status': proxyStatus(error.type),
    });
  }
  return error;
}

/** What proxy-chain's private statuses mean (its `statuses.js`). */
const privateStatuses: Readonly<Record<number, UpstreamErrorType>> = {
  504: 'connection_timeout',
  593: 'dns_error',
  594: 'connection_refused',
  595: 'connection_terminated',
  596: 'connection_terminated',
};

/** The failure behind a status that proxy-chain itself answers a plain request with. */
export function failureBehind(status: number): UpstreamErrorType {
  return privateStatuses[status] ?? 'http_protocol_error';
}
