import type { HeaderFields } from '../../ports/http.ts';
import type { CompareConfiguration } from '../configuration.ts';

/** What two sides answered to the same request, as far as it is compared. */
export interface ComparedResponse {
  readonly status: number;
  readonly headers: HeaderFields;
  /** `undefined` when there was more than is compared. */
  readonly content: Uint8Array | undefined;
}

/** Fields that differ between any two answers. */
const volatileFields: ReadonlySet<string> = new Set([
  'age',
  'alt-svc',
  'connection',
  'date',
  'etag',
  'expires',
  'keep-alive',
  'last-modified',
  'proxy-status',
  'server',
  'server-timing',
  'traceparent',
  'traceresponse',
  'transfer-encoding',
  'via',
  'x-amzn-trace-id',
  'x-request-id',
]);

/** The greatest number of differences of one pair: the rest would say the same. */
const maxDifferences = 20;
/** What is nested deeper is taken for different: somewhere the bytes are. */
const maxDepth = 64;

const utf8 = new TextDecoder();

/**
 * Where two answers differ: `status`, `field <name>`, `content <RFC 6901 pointer>`, or `content` where it is no JSON. Names places, never values:
 * they may be anybody's data.
 */
export function compareResponses(old: ComparedResponse, fresh: ComparedResponse, options: CompareConfiguration): readonly string[] {
  const differences: string[] = [];
  if (old.status !== fresh.status) differences.push('status');
  const ignored = new Set([...volatileFields, 'content-length', ...(options.ignoreFields ?? []).map((name) => name.toLowerCase())]);
  const names = new Set([...fieldNames(old.headers), ...fieldNames(fresh.headers)]);
  for (const name of [...names].toSorted()) {
    if (ignored.has(name)) continue;
    if (old.headers.getAll(name).join('\n') !== fresh.headers.getAll(name).join('\n')) differences.push(`field ${name}`);
  }
  differences.push(...compareContent(old, fresh, options.ignorePointers ?? []));
  return differences.slice(0, maxDifferences);
}

function fieldNames(headers: HeaderFields): readonly string[] {
  return headers.flat().filter((_text, at) => at % 2 === 0);
}

function compareContent(old: ComparedResponse, fresh: ComparedResponse, ignored: readonly string[]): readonly string[] {
  if (old.content === undefined || fresh.content === undefined) {
    // one over the bound and one under it are not the same; two over it are not compared
    return (old.content === undefined) === (fresh.content === undefined) ? [] : ['content'];
  }
  if (sameBytes(old.content, fresh.content)) return [];
  if (!isJson(old.headers) || !isJson(fresh.headers)) return ['content'];
  const patterns = ignored.map((pointer) => pointer.split('/').slice(1).map(unescapeToken));
  try {
    const found: string[] = [];
    compareJson(parsed(old.content), parsed(fresh.content), [], patterns, found);
    return found;
  } catch (error) {
    // no JSON, or nested too deep to be looked through
    if (error instanceof SyntaxError || error instanceof RangeError) return ['content'];
    throw error;
  }
}

/** Whole numbers that a double cannot hold stay as they are written: two ids that differ in their last digit must not look the same. */
function parsed(content: Uint8Array): unknown {
  const text = utf8.decode(content);
  return longNumber.test(text) ? JSON.parse(text, asWritten) : JSON.parse(text);
}

const longNumber = /\d{16}/;

function asWritten(_name: string, value: unknown, context?: { readonly source?: string }): unknown {
  return typeof value === 'number' && !Number.isSafeInteger(value) ? (context?.source ?? value) : value;
}

function compareJson(
  old: unknown,
  fresh: unknown,
  path: readonly string[],
  ignored: readonly (readonly string[])[],
  found: string[],
): void {
  if (found.length >= maxDifferences || ignored.some((pattern) => covers(pattern, path))) return;
  if (old === fresh) return;
  if (
    path.length < maxDepth &&
    typeof old === 'object' &&
    typeof fresh === 'object' &&
    old !== null &&
    fresh !== null &&
    Array.isArray(old) === Array.isArray(fresh)
  ) {
    const left = new Map(Object.entries(old));
    const right = new Map(Object.entries(fresh));
    for (const name of new Set([...left.keys(), ...right.keys()])) {
      compareJson(left.get(name), right.get(name), [...path, name], ignored, found);
    }
    return;
  }
  found.push(`content ${path.map((token) => `/${token.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')}`);
}

/** `*` stands for any one token. */
function covers(pattern: readonly string[], path: readonly string[]): boolean {
  return pattern.length === path.length && pattern.every((token, at) => token === '*' || token === path[at]);
}

function unescapeToken(token: string): string {
  return token.replaceAll('~1', '/').replaceAll('~0', '~');
}

function isJson(headers: HeaderFields): boolean {
  return (
    /^application\/(?:[a-z0-9.+-]+\+)?json\s*(?:;|$)/i.test(headers.get('content-type') ?? '') &&
    headers.get('content-encoding') === undefined
  );
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}
