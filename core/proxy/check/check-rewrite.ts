import { suggest } from '../../config/findings.ts';
import type { RewriteConfiguration } from '../configuration.ts';
import { readTemplate } from '../rewrite/template.ts';
import { readPathPattern } from '../routing/path-pattern.ts';
import type { PathPattern } from '../routing/path-pattern.ts';
import type { Report } from './report.ts';

/**
 * What the schema cannot say of a rewrite.
 *
 * @param texts the route's paths as written
 * @param paths those of them that could be read; `undefined`: the route takes any path
 */
export function checkRewrite(
  { stripPrefix, addPrefix, path }: RewriteConfiguration,
  texts: readonly string[] | undefined,
  paths: readonly PathPattern[] | undefined,
  problem: Report,
): void {
  if (path !== undefined && (stripPrefix !== undefined || addPrefix !== undefined)) {
    problem('/rewrite/path', 'cannot be combined with stripPrefix or addPrefix', 'put the prefix into path');
  }
  if (stripPrefix !== undefined) checkStripPrefix(stripPrefix, texts, paths, problem);
  if (addPrefix !== undefined) {
    const fault = faultOfPath(addPrefix);
    if (fault !== undefined) problem('/rewrite/addPrefix', fault);
  }
  if (path !== undefined) checkPathTemplate(path, paths, problem);
}

/** That every parameter of a template stands in every path of the route. */
export function checkTemplateNames(
  template: string,
  paths: readonly PathPattern[] | undefined,
  pointer: string,
  problem: Report,
): void {
  const read = readTemplate(template);
  if (read === undefined) {
    problem(pointer, 'has a brace that belongs to no parameter', 'a parameter is {name}; a brace itself is %7B or %7D');
    return;
  }
  for (const name of new Set(read.names)) {
    if (name === 'rest') {
      if (paths === undefined || paths.some(({ tail }) => !tail)) {
        problem(pointer, 'has {rest}, and not every path of the route ends in /*', "paths: ['/*'] takes every path");
      }
      continue;
    }
    const lacking = paths?.find((path) => !namesOf(path).includes(name));
    if (paths === undefined || lacking !== undefined) {
      const known = (paths ?? []).flatMap(namesOf);
      problem(
        pointer,
        `has {${name}}, which ${lacking === undefined ? 'no path of the route has' : `the path ${lacking.text} does not have`}`,
        known.length === 0 ? undefined : suggest(name, [...new Set(known)], 'known'),
      );
    }
  }
}

function namesOf({ segments }: PathPattern): readonly string[] {
  return segments.flatMap((segment) => ('parameter' in segment ? [segment.parameter] : []));
}

function checkStripPrefix(
  prefix: string,
  texts: readonly string[] | undefined,
  paths: readonly PathPattern[] | undefined,
  problem: Report,
): void {
  const pointer = '/rewrite/stripPrefix';
  const bare = prefix.endsWith('/') ? prefix.slice(0, -1) : prefix;
  if (bare === '') return problem(pointer, 'takes nothing off');
  const read = readPathPattern(bare);
  if (!read.ok) return problem(pointer, read.detail);
  if (read.pattern.captures) return problem(pointer, literalOnly);
  if (paths === undefined || texts === undefined) {
    return problem(pointer, 'needs paths that lie under it', `set match.paths, for example to ${bare}/*`);
  }
  const { segments } = read.pattern;
  const outside = paths.find((path) =>
    segments.some((wanted, at) => {
      const segment = path.segments[at];
      return segment === undefined || !('literal' in segment) || !('literal' in wanted) || segment.literal !== wanted.literal;
    }),
  );
  if (outside !== undefined) problem(pointer, `is not how the path ${outside.text} begins`);
}

function checkPathTemplate(template: string, paths: readonly PathPattern[] | undefined, problem: Report): void {
  const pointer = '/rewrite/path';
  // A parameter is a segment or a part of one, so any letter stands for it.
  const fault = faultOfPath(template.replaceAll(/\{[^{}/]*\}/g, 'x'));
  if (fault !== undefined) problem(pointer, fault);
  const rest = template.indexOf('{rest}');
  if (rest !== -1 && (!template.endsWith('/{rest}') || rest !== template.length - '{rest}'.length)) {
    problem(pointer, 'has {rest} somewhere else than as its last segment');
  }
  checkTemplateNames(template, paths, pointer, problem);
}

const literalOnly = 'is literal text: no parameters, no *';

/** Why a text cannot be a path, or the beginning of one, that is sent. */
function faultOfPath(text: string): string | undefined {
  const read = readPathPattern(text);
  if (!read.ok) return read.detail;
  if (read.pattern.captures) return literalOnly;
  // Upstreams get what stands here, and a path is ASCII.
  return /[^\x21-\x7e]/.test(text) ? 'holds a character that is not ASCII; percent-encode it' : undefined;
}
