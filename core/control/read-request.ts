import { readBody } from '../http/body.ts';
import { JsonRejected, parseJson } from '../http/parse-json.ts';
import type { HttpRequest, HttpResponse } from '../ports/http.ts';
import { firstViolation } from '../schema/validate.ts';
import type { JsonSchema } from '../schema/validate.ts';
import { badRequest, unsupportedMediaType } from './problems.ts';
import { parseQuery, QueryRejected } from './query.ts';

/** The greatest content of a request, bytes. */
export const maxContentBytes = 16_384;

export type Read<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly response: HttpResponse };

const refuse = (response: HttpResponse): { readonly ok: false; readonly response: HttpResponse } => ({ ok: false, response });
const utf8 = new TextDecoder('utf-8', { fatal: true });

/** The JSON content, checked against its schema; no content stands for `{}`. Throws `RequestRejected` 413 over `maxBytes`. */
export async function readContent(
  request: HttpRequest,
  schema: JsonSchema,
  maxBytes: number = maxContentBytes,
): Promise<Read<unknown>> {
  const bytes = await readBody(request.body, maxBytes);
  if (bytes.length > 0 && !isJson(request)) return refuse(unsupportedMediaType());
  let value: unknown = {};
  try {
    if (bytes.length > 0) value = parseJson(utf8.decode(bytes));
  } catch (error) {
    return refuse(
      badRequest(error instanceof JsonRejected ? error.message : 'The content is not UTF-8.', [
        { pointer: '', detail: 'is not acceptable JSON' },
      ]),
    );
  }
  const violation = firstViolation(schema, value);
  if (violation === undefined) return { ok: true, value };
  const { pointer, detail } = violation;
  return refuse(badRequest('The content does not fit its schema.', [{ pointer, detail }]));
}

/** The query's parameters, checked against their schema. */
export function readQuery(request: HttpRequest, schema: JsonSchema): Read<Readonly<Record<string, string | number>>> {
  const mark = request.target.indexOf('?');
  if (mark < 0) return { ok: true, value: {} };
  try {
    const value = parseQuery(request.target.slice(mark + 1));
    const violation = firstViolation(schema, value);
    if (violation === undefined) return { ok: true, value };
    const { pointer, detail } = violation;
    return refuse(badRequest('The query does not fit its schema.', [{ parameter: pointer.slice(1), detail }]));
  } catch (error) {
    if (error instanceof QueryRejected) return refuse(badRequest(error.message));
    throw error;
  }
}

/**
 * `If-Match` (RFC 9110 section 13.1.1) as the revisions it names: `undefined` when absent or `*`; a weak tag or one of another form
 * never matches.
 */
export function readIfMatch(request: HttpRequest): ReadonlySet<number> | undefined {
  const value = request.headers.get('if-match');
  if (value === undefined || value.trim() === '*') return undefined;
  return new Set(
    value
      .split(',')
      .flatMap((tag) => /^\s*"([1-9][0-9]{0,15})"\s*$/.exec(tag)?.[1] ?? [])
      .map(Number),
  );
}

/** `Idempotency-Key`: 1 to 255 visible ASCII characters, the quotes of a structured string optional. */
export function readIdempotencyKey(request: HttpRequest): Read<string | undefined> {
  const value = request.headers.get('idempotency-key');
  if (value === undefined) return { ok: true, value: undefined };
  const key = /^"(.*)"$/.exec(value)?.[1] ?? value;
  if (/^[\x21-\x7E]{1,255}$/.test(key)) return { ok: true, value: key };
  return refuse(
    badRequest('The Idempotency-Key must be 1 to 255 visible ASCII characters.', [
      { header: 'idempotency-key', detail: 'is not acceptable' },
    ]),
  );
}

/** JSON with the characters of RFC 8259, and nothing wrapped around it. */
function isJson({ headers }: HttpRequest): boolean {
  const coding = headers.get('content-encoding');
  if (coding !== undefined && coding.toLowerCase() !== 'identity') return false;
  return /^application\/(?:[a-z0-9.-]+\+)?json\s*(?:;\s*charset\s*=\s*"?utf-8"?\s*)?$/i.test(headers.get('content-type') ?? '');
}
