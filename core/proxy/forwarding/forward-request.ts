import { RequestRejected } from '../../ports/http.ts';
import type { HttpRequest, RequestContext } from '../../ports/http.ts';
import type { TraceContext } from '../../telemetry/trace-context.ts';
import type { Client } from './client.ts';
import { hasOption, nominatedBy, removeNominated } from './connection-options.ts';
import { canonicalName, fieldKind, requestKinds } from './field-kinds.ts';
import { forwardedElement, forwardedNode } from './forwarded.ts';
import { cdnLoopNames, viaNames } from './hop-list.ts';
import type { ForwardingSettings, RouteForwarding } from './settings.ts';

/** The request has been here before (RFC 9110 section 7.6.3, RFC 8586). Answered with 508. */
export class LoopDetected extends Error {
  override readonly name = 'LoopDetected';
}

/** What is forwarded beside what was received. */
export interface NextHop {
  readonly client: Client;
  readonly trace: TraceContext | undefined;
  /** The protocol to switch to, from `wantedUpgrade`; `undefined` drops the wish. */
  readonly upgrade: string | undefined;
  /** Whether trailers of the response will reach the client: only then `TE: trailers` is said again. Default false. */
  readonly trailers?: boolean | undefined;
}

/**
 * The fields of the request to the next hop (RFC 9110 section 7.6), flat. `host`, `content-length` and what `TE: trailers` and `Upgrade` need of a
 * `connection` field are left to the transport.
 *
 * @throws {LoopDetected} we have forwarded this request already
 * @throws {RequestRejected} 400 for what no field may hold, 431 for a header section over the limit
 */
export function forwardRequest(
  request: HttpRequest,
  context: RequestContext,
  settings: ForwardingSettings,
  route: RouteForwarding,
  hop: NextHop,
): string[] {
  const received = request.headers.flat();
  const { client, trace } = hop;
  const trusted = client.proxies !== undefined;
  const fields: string[] = [];
  let nominated: readonly string[] | undefined;
  let size = 0;
  for (let at = 0; at < received.length; at += 2) {
    const name = received[at]!;
    const value = received[at + 1]!;
    size += name.length + value.length;
    if (illFormed.test(value)) throw new RequestRejected(400, 'A header field holds characters that it may not');
    switch (requestKinds(name)) {
      case fieldKind.pass:
      case fieldKind.kept:
        fields.push(name, value);
        break;
      case fieldKind.connection: {
        const more = nominatedBy(value);
        if (more !== undefined) nominated = nominated === undefined ? more : [...nominated, ...more];
        break;
      }
      case fieldKind.te:
        if (hop.trailers === true && acceptsTrailers(value)) fields.push(name, 'trailers');
        break;
      case fieldKind.expect:
        if (context.sendInformational !== undefined) fields.push(name, value);
        break;
      case fieldKind.via:
        if (viaNames(value, settings.loopName)) throw new LoopDetected();
        fields.push(name, value);
        break;
      case fieldKind.cdnLoop:
        if (cdnLoopNames(value, settings.loopName)) throw new LoopDetected();
        fields.push(name, value);
        break;
      case fieldKind.maxForwards:
        fields.push(name, fewerForwards(request.method, value));
        break;
      case fieldKind.claim:
        if (trusted) fields.push(name, value);
        break;
      case fieldKind.trace:
        if (trace === undefined) fields.push(name, value);
        break;
      case fieldKind.xray:
        if (trace?.xray === undefined) fields.push(name, value);
        break;
      case fieldKind.respelt:
        if (route.guarded.size === 0 || !route.guarded.has(canonicalName(name))) fields.push(name, value);
        break;
      case fieldKind.invalid:
        throw new RequestRejected(400, 'The name of a header field is ill-formed');
    }
  }
  if (size > route.maxFieldBytes) throw new RequestRejected(431, `Header fields must have at most ${route.maxFieldBytes} bytes`);
  if (nominated !== undefined) removeNominated(fields, nominated, requestKinds);

  // What we say ourselves comes last: nothing received can take it away.
  fields.push('via', `${context.protocolVersion ?? '1.1'} ${settings.pseudonym}`, 'cdn-loop', settings.pseudonym);
  if (settings.xForwarded) {
    if (client.address !== undefined) {
      const { proxies } = client;
      fields.push('x-forwarded-for', proxies === undefined ? client.address : [client.address, ...proxies].join(', '));
    }
    fields.push('x-forwarded-proto', client.scheme);
    if (client.host !== '') fields.push('x-forwarded-host', client.host);
  }
  if (settings.forwarded) {
    let forwarded = forwardedElement(client.address, client.host, client.scheme);
    if (client.proxies !== undefined) for (const proxy of client.proxies) forwarded += `, for=${forwardedNode(proxy)}`;
    fields.push('forwarded', forwarded);
  }
  if (trace !== undefined) {
    fields.push('traceparent', trace.traceparent);
    if (trace.tracestate !== undefined) fields.push('tracestate', trace.tracestate);
    if (trace.xray !== undefined) fields.push('x-amzn-trace-id', trace.xray);
  }
  if (hop.upgrade !== undefined) fields.push('upgrade', hop.upgrade);
  return fields;
}

/** What no value may hold (RFC 9110 section 5.5); event sources bring values that no parser has seen. */
const illFormed = /[^\t\x20-\x7e\x80-\xff]/;

/** Protocols that would let requests past us on the same connection. */
const bypassing = /^(?:h2c|http|tls)/i;

/** The protocol a client asks to switch to (RFC 9110 section 7.8): for a route that allows it, where the platform can carry it out. */
export function wantedUpgrade({ method, headers }: HttpRequest, { canUpgrade }: RequestContext): string | undefined {
  const upgrade = headers.get('upgrade');
  if (upgrade === undefined || canUpgrade !== true || method !== 'GET') return undefined;
  return bypassing.test(upgrade) || !hasOption(headers.get('connection'), 'upgrade') ? undefined : upgrade;
}

function acceptsTrailers(te: string): boolean {
  return te.split(',').some((coding) => /^\s*trailers\s*$/i.test(coding));
}

function fewerForwards(method: string, value: string): string {
  return (method === 'TRACE' || method === 'OPTIONS') && forwards.test(value) ? `${Math.max(0, Number(value) - 1)}` : value;
}

const forwards = /^\d{1,9}$/;
