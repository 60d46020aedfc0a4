import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { PortError, RequestRejected, UpstreamError } from '../../../core/ports/index.ts';
import type { UpstreamErrorType } from '../../../core/ports/index.ts';
import { LoopDetected } from '../../../core/proxy/forwarding/forward-request.ts';
import { errorTypeOf, failureResponse, NoRoute, problemOf } from '../../../core/proxy/problems.ts';
import { UpstreamRefused } from '../../../core/proxy/upstream/upstream.ts';

/** Statuses as RFC 9209 section 2.3 recommends them, and the two where its reader would be misled. */
const upstreamErrors: Readonly<Record<UpstreamErrorType, readonly [status: number, type: string]>> = {
  connection_limit_reached: [503, 'upstream-overloaded'],
  connection_read_timeout: [504, 'upstream-timeout'],
  connection_refused: [502, 'upstream-unreachable'],
  connection_terminated: [502, 'upstream-garbled'],
  connection_timeout: [504, 'upstream-timeout'],
  connection_write_timeout: [504, 'upstream-timeout'],
  destination_ip_prohibited: [502, 'upstream-unreachable'],
  destination_ip_unroutable: [502, 'upstream-unreachable'],
  destination_unavailable: [503, 'upstream-unavailable'],
  dns_error: [502, 'upstream-unreachable'],
  dns_timeout: [504, 'upstream-timeout'],
  http_protocol_error: [502, 'upstream-garbled'],
  http_response_header_section_size: [502, 'upstream-garbled'],
  http_response_incomplete: [502, 'upstream-garbled'],
  http_response_timeout: [504, 'upstream-timeout'],
  proxy_configuration_error: [500, 'gateway-misconfigured'],
  proxy_internal_error: [503, 'service-unavailable'],
  tls_alert_received: [502, 'upstream-untrusted'],
  tls_certificate_error: [502, 'upstream-untrusted'],
  tls_protocol_error: [502, 'upstream-untrusted'],
};

function answer(error: unknown): { status: number; type: string; headers: Record<string, string>; body: string } {
  const { status, headers, body } = failureResponse(error, 'edge', 'orders', 'inc-1');
  const flat = headers.flat();
  const pairs = flat.flatMap((name, at) => (at % 2 === 0 ? [[name, flat[at + 1] ?? '']] : []));
  const text = typeof body === 'string' ? body : '';
  return {
    status,
    type: (JSON.parse(text) as { type: string }).type.split('/').at(-1) ?? '',
    headers: Object.fromEntries(pairs),
    body: text,
  };
}

describe('a failure on the way to a backend', () => {
  it.each(Object.entries(upstreamErrors))('%s has its status, its type and its word in Proxy-Status', (name, [status, type]) => {
    const made = answer(new UpstreamError(name as UpstreamErrorType, true));
    expect(made).toMatchObject({ status, type });
    expect(made.headers['proxy-status']).toBe(`edge; error=${name}; next-hop="orders"`);
    expect(made.headers['content-type']).toBe('application/problem+json');
    expect(made.headers['retry-after']).toBe(status === 503 ? '1' : undefined);
    expect(errorTypeOf(new UpstreamError(name as UpstreamErrorType, true))).toBe(name);
  });

  it.each([
    ['circuit_open', 'upstream-unavailable', 'destination_unavailable'],
    ['no_healthy_target', 'upstream-unavailable', 'destination_unavailable'],
    ['overloaded', 'upstream-overloaded', 'connection_limit_reached'],
    ['shed', 'upstream-overloaded', 'connection_limit_reached'],
  ] as const)('%s says when to come back', (reason, type, error) => {
    const made = answer(new UpstreamRefused(reason, 7));
    expect(made).toMatchObject({ status: 503, type });
    expect(made.headers).toMatchObject({ 'retry-after': '7', 'proxy-status': `edge; error=${error}; next-hop="orders"` });
    expect(errorTypeOf(new UpstreamRefused(reason, 7))).toBe(reason);
  });

  it('has a row in docs/problems.md, whatever it is', () => {
    const page = readFileSync(new URL('../../../docs/problems.md', import.meta.url), 'utf8');
    const errors = [
      ...Object.keys(upstreamErrors).map((type) => new UpstreamError(type as UpstreamErrorType, false)),
      new UpstreamRefused('shed', 1),
      new UpstreamRefused('circuit_open', 1),
      new NoRoute(),
      new LoopDetected(),
      new RequestRejected(431, ''),
      new PortError('unavailable', 'x'),
      new Error('bug'),
    ];
    for (const error of errors) {
      const { status, type } = answer(error);
      expect(page, type).toMatch(new RegExp(`^\\| \`${type}\` +\\| ${status} `, 'm'));
    }
  });
});

describe('a failure of another kind', () => {
  it('is 404 without a route, 508 for a loop, 503 for a service we need', () => {
    expect(answer(new NoRoute())).toMatchObject({ status: 404, type: 'no-route' });
    expect(answer(new LoopDetected())).toMatchObject({ status: 508, type: 'loop-detected' });
    expect(answer(new LoopDetected()).headers['proxy-status']).toContain('error=proxy_loop_detected');
    const service = answer(new PortError('unavailable', 'get', { retryAfterMs: 1_500 }));
    expect(service).toMatchObject({ status: 503, type: 'service-unavailable' });
    expect(service.headers['retry-after']).toBe('2');
  });

  it('answers what was rejected with its own status and detail', () => {
    const made = answer(new RequestRejected(413, 'Content must have at most 3 bytes'));
    expect(made).toMatchObject({ status: 413, type: 'content-too-large' });
    expect(JSON.parse(made.body)).toMatchObject({ status: 413, detail: 'Content must have at most 3 bytes' });
    expect(made.headers['proxy-status']).toContain('error=http_request_error');
    expect(problemOf(new RequestRejected(413, ''))).toBeUndefined();
  });

  it('tells of a bug no more than an incident', () => {
    for (const thrown of [new TypeError('the secret is hunter2'), 'hunter2', undefined, { message: 'hunter2' }]) {
      const made = answer(thrown);
      expect(made).toMatchObject({ status: 500, type: 'internal-error' });
      expect(made.body + JSON.stringify(made.headers)).not.toContain('hunter2');
      expect(JSON.parse(made.body)).toMatchObject({ incident: 'inc-1' });
      expect(errorTypeOf(thrown)).toBe('proxy_internal_error');
    }
    expect(JSON.parse(answer(new NoRoute()).body)).not.toHaveProperty('incident');
  });

  it('names no next hop where none was chosen', () => {
    const { headers } = failureResponse(new NoRoute(), 'edge', undefined);
    expect(headers.get('proxy-status')).toBe('edge; error=http_request_error');
  });
});
