import type { RewriteConfiguration } from '../configuration.ts';
import { pathOf } from '../routing/route-match.ts';
import type { RouteMatch } from '../routing/route-match.ts';
import { fill, readTemplate } from './template.ts';

/** Gives the target to forward for the one that was sent. The query is kept byte for byte. */
export type TargetRewrite = (target: string, match: RouteMatch) => string;

/** @throws {TypeError} a template with a brace left over */
export function compileRewrite({ stripPrefix, addPrefix, path: template }: RewriteConfiguration): TargetRewrite {
  if (template !== undefined) {
    const read = readTemplate(template);
    if (read === undefined) throw new TypeError(`${template} is no path template`);
    return (target, match) => originForm(fill(read, match)) + queryOf(target);
  }
  const depth = stripPrefix === undefined ? 0 : segmentsOf(stripPrefix);
  const added = addPrefix?.endsWith('/') === true ? addPrefix.slice(0, -1) : (addPrefix ?? '');
  return (target) => {
    if (target === '*') return target;
    return originForm(added + afterSegments(pathOf(target), depth)) + queryOf(target);
  };
}

/**
 * What is left of a path without its first segments. They are counted, not compared: the route's patterns have seen to it that they are those of
 * the prefix, in whatever encoding.
 */
function afterSegments(path: string, depth: number): string {
  let at = 0;
  for (let taken = 0; taken < depth; taken++) {
    const slash = path.indexOf('/', at + 1);
    if (slash === -1) return '';
    at = slash;
  }
  return at === 0 ? path : path.slice(at);
}

function segmentsOf(prefix: string): number {
  return prefix.split('/').filter((segment) => segment !== '').length;
}

/** A path begins with one slash: two would make a host of what follows (RFC 3986 section 4.2). */
export function originForm(path: string): string {
  let at = 0;
  while (path.charCodeAt(at) === 0x2f) at++;
  return at === 1 ? path : `/${path.slice(at)}`;
}

function queryOf(target: string): string {
  const mark = target.indexOf('?');
  return mark === -1 ? '' : target.slice(mark);
}
