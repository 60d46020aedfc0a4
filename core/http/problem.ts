import type { HttpResponse } from '../ports/http.ts';
import { HeaderList } from './header-list.ts';

/** Base of our problem types; each is documented under this address in `docs/problems.md`. */
export const problemBase = 'https://portolan.dev/problems/';

/** One thing wrong, and where: an RFC 6901 pointer into the content, or the name of a query parameter or header field. */
export interface ProblemPlace {
  readonly pointer?: string;
  readonly parameter?: string;
  readonly header?: string;
  readonly detail: string;
}

/** Problem details (RFC 9457). Nothing in it comes from below: no message of a service, no value. */
export interface Problem {
  readonly status: number;
  /** The last part of the stable type URI, kebab-case. */
  readonly type: string;
  readonly title: string;
  readonly detail?: string | undefined;
  /** Correlates with the log. */
  readonly incident?: string | undefined;
  readonly errors?: readonly ProblemPlace[] | undefined;
  /** Further members (RFC 9457 section 3.2). */
  readonly extensions?: Readonly<Record<string, unknown>>;
}

/** Makes the response. `headers` are added as given, flat and lower case. */
export function problemResponse(problem: Problem, headers: readonly string[] = []): HttpResponse {
  const { type, status, title, detail, incident, errors, extensions } = problem;
  return {
    status,
    headers: new HeaderList([
      'content-type',
      'application/problem+json',
      'cache-control',
      'no-store',
      'x-content-type-options',
      'nosniff',
      ...headers,
    ]),
    body: JSON.stringify({ type: problemBase + type, title, status, detail, incident, errors, ...extensions }),
  };
}

/** What the client gets instead of an answer that is larger than the platform carries. */
export const responseTooLarge: HttpResponse = problemResponse({
  status: 500,
  type: 'response-too-large',
  title: 'Response too large',
  detail: 'The answer is larger than this platform can carry.',
});
