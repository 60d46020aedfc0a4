import type { RouteConfiguration } from '../configuration.ts';
import { compileFieldEdits } from '../rewrite/field-edits.ts';
import type { FieldEdit } from '../rewrite/field-edits.ts';
import { compileFixedResponse } from '../rewrite/fixed-response.ts';
import { compileRedirect } from '../rewrite/redirect.ts';
import type { Redirect } from '../rewrite/redirect.ts';
import { compileRewrite } from '../rewrite/rewrite-target.ts';
import type { TargetRewrite } from '../rewrite/rewrite-target.ts';
import type { HttpResponse } from '../../ports/http.ts';
import { compileConditions } from './conditions.ts';
import type { Condition } from './conditions.ts';
import { readHostPattern } from './host-pattern.ts';
import type { HostPattern } from './host-pattern.ts';
import { readPathPattern } from './path-pattern.ts';
import type { PathPattern } from './path-pattern.ts';

/** A rule with everything of it that can be prepared. Of the actions exactly one is there, as in the configuration. */
export interface CompiledRoute {
  readonly id: string;
  readonly configuration: RouteConfiguration;
  /** `undefined`: any. */
  readonly hosts: readonly HostPattern[] | undefined;
  readonly paths: readonly PathPattern[] | undefined;
  /** What must hold beside host and path. */
  readonly conditions: readonly Condition[];
  /** Gives the target to forward; absent: as sent. */
  readonly rewrite: TargetRewrite | undefined;
  readonly redirect: Redirect | undefined;
  /** The answer itself: it can be given any number of times. */
  readonly respond: HttpResponse | undefined;
  readonly editRequest: FieldEdit | undefined;
  readonly editResponse: FieldEdit | undefined;
}

/** @throws {TypeError} a pattern or a template that is none: `checkConfiguration` says so before */
export function compileRoute(configuration: RouteConfiguration): CompiledRoute {
  const { id, match = {}, rewrite, redirect, respond, requestFields, responseFields } = configuration;
  return {
    id,
    configuration,
    hosts: match.hosts?.map((text) => readHostPattern(text) ?? noPattern(id, 'host', text)),
    paths: match.paths?.map((text) => {
      const read = readPathPattern(text);
      return read.ok ? read.pattern : noPattern(id, 'path', text);
    }),
    conditions: compileConditions(match),
    rewrite: rewrite && compileRewrite(rewrite),
    redirect: redirect && compileRedirect(redirect),
    respond: respond && compileFixedResponse(respond),
    editRequest: requestFields && compileFieldEdits(requestFields),
    editResponse: responseFields && compileFieldEdits(responseFields),
  };
}

function noPattern(id: string, what: string, text: string): never {
  throw new TypeError(`Route ${id}: ${text} is no ${what} pattern`);
}
