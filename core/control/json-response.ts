import { HeaderList } from '../http/header-list.ts';
import type { HttpResponse } from '../ports/http.ts';

const jsonHeaders = ['content-type', 'application/json', 'cache-control', 'no-store', 'x-content-type-options', 'nosniff'] as const;

/** An answer of the control API with JSON content. */
export function json(status: number, value: object, headers: readonly string[] = []): HttpResponse {
  return { status, headers: new HeaderList([...jsonHeaders, ...headers]), body: JSON.stringify(value) };
}
