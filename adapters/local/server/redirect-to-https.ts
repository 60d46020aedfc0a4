import { HeaderList } from '../../../core/http/header-list.ts';
import { rejectedResponse } from '../../../core/http/reject.ts';
import { RequestRejected } from '../../../core/ports/index.ts';
import type { HttpHandler, HttpRequest, HttpResponse, Logger } from '../../../core/ports/index.ts';
import { readClient } from '../../../core/proxy/forwarding/client.ts';
import type { TrustedProxies } from '../../../core/proxy/forwarding/client.ts';

const defaultPort = 443;
/** A name, an IPv4 address, or an IPv6 one in brackets (RFC 3986 section 3.2.2), and a port. */
const hostAndPort = /^([a-z0-9._~%!$&'()*+,;=-]+|\[[0-9a-f:.]+\])(?::\d*)?$/;

/**
 * Sends every request to the same place over TLS with 308 (RFC 9110 section 15.4.9), which keeps method and content. Without an exception
 * for ACME's http-01: certification authorities follow a 308 to https, and there it is a route like any other.
 *
 * @param port where clients find TLS
 * @param trusts the proxies in front that may say in the log whom they speak for
 */
export function redirectToHttps(port: number, logger: Logger, trusts?: TrustedProxies): HttpHandler {
  const suffix = port === defaultPort ? '' : `:${port}`;
  return (request, context) => {
    const response = redirected(request, suffix);
    logger.log('info', 'http.request', {
      'http.request.method': request.method,
      'url.path': request.target.split('?', 1)[0],
      'http.response.status_code': response.status,
      requestId: context.requestId,
      source: context.source,
      'client.address': readClient(request, context, trusts).address,
    });
    return response;
  };
}

function redirected({ authority, target }: HttpRequest, suffix: string): HttpResponse {
  const host = hostAndPort.exec(authority)?.[1];
  if (host === undefined) return rejectedResponse(new RequestRejected(400, 'The host is ill-formed'));
  // `OPTIONS *` is about the server: a URI without a path (RFC 9112 section 3.2.4)
  const location = `https://${host}${suffix}${target === '*' ? '' : target}`;
  return { status: 308, headers: new HeaderList(['location', location]), body: undefined };
}
