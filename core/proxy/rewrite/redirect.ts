import { HeaderList } from '../../http/header-list.ts';
import type { HttpResponse } from '../../ports/http.ts';
import type { RedirectConfiguration } from '../configuration.ts';
import { proxyDefaults } from '../defaults.ts';
import type { RouteMatch } from '../routing/route-match.ts';
import { originForm } from './rewrite-target.ts';
import { fill, readTemplate } from './template.ts';

export type Redirect = (target: string, match: RouteMatch) => HttpResponse;

const defaults = proxyDefaults.redirect;

/** Scheme and authority of an absolute URL; the rest is path, query and fragment. */
const absolute = /^(https?:\/\/[^/?#]+)([^]*)$/i;

/**
 * A redirect leads to the configured host, whatever was sent: parameters stand only in path and query.
 *
 * @throws {TypeError} neither an absolute URL nor a path, or a brace left over
 */
export function compileRedirect({ to, status = defaults.status, keepQuery = defaults.keepQuery }: RedirectConfiguration): Redirect {
  const [, origin = '', local = to] = absolute.exec(to) ?? [];
  const [beforeFragment = '', ...fragment] = local.split('#');
  const [pathText = '', ...query] = beforeFragment.split('?');
  const path = readTemplate(pathText);
  const ownQuery = query.length === 0 ? undefined : readTemplate(query.join('?'));
  if (path === undefined || (query.length > 0 && ownQuery === undefined) || (origin === '' && !to.startsWith('/'))) {
    throw new TypeError(`${to} is no target of a redirect`);
  }
  const suffix = fragment.length === 0 ? '' : `#${fragment.join('#')}`;
  return (target, match) => {
    const queries = [
      ...(ownQuery === undefined ? [] : [fill(ownQuery, inQuery(match))]),
      ...(keepQuery && target.includes('?') ? [target.slice(target.indexOf('?') + 1)] : []),
    ];
    const location = origin + originForm(fill(path, match)) + (queries.length === 0 ? '' : `?${queries.join('&')}`) + suffix;
    return { status, headers: new HeaderList(['location', encoded(location)]), body: undefined };
  };
}

/** What would end a parameter of a query, encoded. */
function inQuery({ route, parameters, rest }: RouteMatch): RouteMatch {
  const literal = (text: string): string => text.replace(/[&+=;]/g, encodeURIComponent);
  return {
    route,
    parameters: Object.fromEntries(Object.entries(parameters).map(([name, value]) => [name, literal(value)])),
    rest: literal(rest),
  };
}

/** Whatever a URI may not hold (RFC 3986 section 2), percent-encoded: no character of it can end the field. */
function encoded(uri: string): string {
  return uri.replace(/[^\x21\x23-\x3b\x3d\x3f-\x5b\x5d\x5f\x61-\x7a\x7e]/gu, (character) =>
    encodeURIComponent(character.isWellFormed() ? character : '\ufffd'),
  );
}
