import { HeaderList } from '../../../../core/http/header-list.ts';
import type { HttpRequest, HttpResponse, RequestContext } from '../../../../core/ports/index.ts';
import { readClient } from '../../../../core/proxy/forwarding/client.ts';
import { forwardRequest } from '../../../../core/proxy/forwarding/forward-request.ts';
import type { NextHop } from '../../../../core/proxy/forwarding/forward-request.ts';
import { compileForwarding, compileRouteForwarding } from '../../../../core/proxy/forwarding/settings.ts';
import type { ProxySettings, RouteConfiguration } from '../../../../core/proxy/configuration.ts';

export function request(fields: readonly string[], rest: Partial<HttpRequest> = {}): HttpRequest {
  return {
    method: 'GET',
    scheme: 'https',
    authority: 'api.example.com',
    target: '/',
    headers: new HeaderList(fields),
    body: undefined,
    ...rest,
  };
}

export function response(fields: readonly string[], rest: Partial<HttpResponse> = {}): HttpResponse {
  return { status: 200, headers: new HeaderList(fields), body: undefined, ...rest };
}

export function context(rest: Partial<RequestContext> = {}): RequestContext {
  return {
    source: 'test',
    requestId: 'r-1',
    clientAddress: '203.0.113.9',
    deadline: Number.MAX_SAFE_INTEGER,
    waitUntil: () => undefined,
    ...rest,
  };
}

export interface Forwarding {
  readonly proxy?: ProxySettings;
  readonly route?: Pick<RouteConfiguration, 'maxRequestFieldBytes' | 'requestFields'>;
  readonly context?: Partial<RequestContext>;
  readonly request?: Partial<HttpRequest>;
  readonly hop?: Partial<NextHop>;
}

/** What reaches the upstream of these fields. */
export function forwarded(fields: readonly string[], options: Forwarding = {}): HeaderList {
  const settings = compileForwarding(options.proxy);
  const received = request(fields, options.request);
  const where = context(options.context);
  const client = readClient(received, where, settings.trusts);
  return new HeaderList(
    forwardRequest(received, where, settings, compileRouteForwarding(options.route), {
      client,
      trace: undefined,
      upgrade: undefined,
      ...options.hop,
    }),
  );
}
