import { HeaderList } from '../../http/header-list.ts';
import type { HttpResponse } from '../../ports/http.ts';
import type { FixedResponse } from '../configuration.ts';

/** The answer of a `respond` rule. Text without a type is plain text. */
export function compileFixedResponse({ status, headers = {}, body }: FixedResponse): HttpResponse {
  const fields = Object.entries(headers).flatMap(([name, value]) => [name.toLowerCase(), value]);
  if (body !== undefined && !fields.some((name, at) => at % 2 === 0 && name === 'content-type')) {
    fields.push('content-type', 'text/plain; charset=utf-8');
  }
  return { status, headers: new HeaderList(fields), body };
}
