import { httpDate } from '../../http/http-date.ts';
import { HeaderList } from '../../http/header-list.ts';
import type { EpochMillis } from '../../ports/clock.ts';
import type { HeaderFields, HttpResponse } from '../../ports/http.ts';
import { nominatedBy, removeNominated } from './connection-options.ts';
import { canonicalName, fieldKind, responseKinds, trailerKinds } from './field-kinds.ts';
import type { FieldKinds } from './field-kinds.ts';
import { proxyStatus } from './proxy-status.ts';
import type { ForwardingSettings } from './settings.ts';

/** Where a response comes from. */
export interface PreviousHop {
  /** Version of the protocol it came in, for `Via`: `1.1`, `2`. */
  readonly protocolVersion: string;
  /** Name of the upstream, for `Proxy-Status`. */
  readonly upstream: string | undefined;
}

/**
 * The fields of the response to the client (RFC 9110 section 7.6), flat. `date` is added where there is none (section 6.6.1); the length, and what
 * 101 needs of a `connection` field, are left to the platform.
 */
export function forwardResponse(
  response: HttpResponse,
  settings: ForwardingSettings,
  now: EpochMillis,
  from: PreviousHop,
): string[] {
  const received = response.headers.flat();
  const fields: string[] = [];
  let nominated: readonly string[] | undefined;
  let dated = false;
  for (let at = 0; at < received.length; at += 2) {
    const name = received[at]!;
    const value = received[at + 1]!;
    switch (responseKinds(name)) {
      case fieldKind.pass:
      case fieldKind.kept:
      case fieldKind.respelt:
        fields.push(name, value);
        break;
      case fieldKind.date:
        dated = true;
        fields.push(name, value);
        break;
      case fieldKind.connection: {
        const more = nominatedBy(value);
        if (more !== undefined) nominated = nominated === undefined ? more : [...nominated, ...more];
        break;
      }
      case fieldKind.upgrade:
        if (response.status === 101) fields.push(name, value);
        break;
    }
  }
  if (nominated !== undefined) removeNominated(fields, nominated, responseKinds);
  fields.push('via', `${from.protocolVersion} ${settings.pseudonym}`);
  if (!dated) fields.push('date', httpDate(now));
  if (settings.proxyStatus) {
    fields.push('proxy-status', proxyStatus(settings.pseudonym, from.upstream, `received-status=${response.status}`));
  }
  return fields;
}

/**
 * The fields of a 1xx response but 101 (RFC 9110 section 15.2) to the client.
 *
 * @param guarded names that do not pass, in canonical spelling
 */
export function forwardInformational(headers: HeaderFields, guarded?: ReadonlySet<string>): HeaderList {
  return new HeaderList(endToEnd(headers.flat(), headers.get('connection'), responseKinds, guarded));
}

/**
 * Trailer fields to the next hop (RFC 9110 section 6.5): without those that may not come after the content, and those that the message's
 * `connection` field names.
 *
 * @param guarded names that do not pass, in canonical spelling
 */
export function forwardTrailers(trailers: HeaderFields, connection: string | undefined, guarded?: ReadonlySet<string>): HeaderList {
  return new HeaderList(endToEnd(trailers.flat(), connection, trailerKinds, guarded));
}

const nothing: ReadonlySet<string> = new Set();

function endToEnd(
  received: readonly string[],
  connection: string | undefined,
  kinds: FieldKinds,
  guarded: ReadonlySet<string> = nothing,
): string[] {
  const fields: string[] = [];
  for (let at = 0; at < received.length; at += 2) {
    const name = received[at] ?? '';
    if (guarded.size > 0 && guarded.has(canonicalName(name))) continue;
    const kind = kinds(name);
    if (kind === fieldKind.pass || kind === fieldKind.kept || kind === fieldKind.respelt || kind === fieldKind.date) {
      fields.push(name, received[at + 1] ?? '');
    }
  }
  const nominated = connection === undefined ? undefined : nominatedBy(connection);
  if (nominated !== undefined) removeNominated(fields, nominated, kinds);
  return fields;
}
