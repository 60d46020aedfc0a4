import type { ConfigurationProblem } from '../config/check-configuration.ts';
import { HeaderList } from '../http/header-list.ts';
import { problemResponse } from '../http/problem.ts';
import type { Clock } from '../ports/clock.ts';
import type { HttpRequest, HttpResponse } from '../ports/http.ts';
import type { CallOptions } from '../ports/key-value-store.ts';
import type { Logger } from '../ports/telemetry.ts';
import type { ProxyConfiguration } from '../proxy/configuration.ts';
import { deployedVersion } from '../proxy/deployed-version.ts';
import type {
  Activation,
  ConfigurationVersion,
  GatesAfter,
  IsExpected,
  StoredConfigurations,
} from '../proxy/live/stored-configurations.ts';
import { keptVersions } from '../proxy/live/stored-configurations.ts';
import type { MigrationReport } from '../proxy/migration/migration-report.ts';
import { kindOf } from '../telemetry/describe-error.ts';
import { instant } from '../text/instant.ts';
import { json } from './json-response.ts';
import type { OperationInput, Operations } from './operation.ts';

export interface ConfigurationOperationPorts {
  readonly stored: StoredConfigurations;
  /** Checks a document with the deployed configuration; what is wrong with it, nothing when it is right. */
  readonly check: (document: ProxyConfiguration, options: CallOptions) => Promise<readonly ConfigurationProblem[]>;
  readonly gatesAfter: (document: ProxyConfiguration, ...after: Parameters<GatesAfter>) => ReturnType<GatesAfter>;
  /** `undefined`: the route has no mirror, and none has found anything. */
  readonly migration: (routeId: string, options: CallOptions) => Promise<MigrationReport | undefined>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Deleting old versions after a push may take so long. */
const pruneMs = 5_000;
/** Versions shown at once. */
const shownVersions = 50;

/** The live configuration over the control API. */
export function configurationOperations({
  stored,
  check,
  gatesAfter,
  migration,
  clock,
  logger,
}: ConfigurationOperationPorts): Operations {
  const answer = async (event: string, activation: Activation, input: OperationInput): Promise<HttpResponse> => {
    if (!activation.ok) return activation.reason === 'changed' ? changed(activation.active) : noSuchVersion();
    const { active } = activation.pointer;
    const { principal, context } = input;
    logger.log('info', event, {
      audit: true,
      version: active === 0 ? deployedVersion : String(active),
      tenant: principal.tenant,
      keyId: principal.keyId,
      requestId: context.requestId,
    });
    // what was deployed is in no store: there is nothing to show
    return active === 0
      ? { status: 204, headers: new HeaderList(['cache-control', 'no-store']), body: undefined }
      : show(active, input.options);
  };
  /** The push was done: what cannot be deleted now is at the next one. */
  const prune = async (): Promise<void> => {
    try {
      await stored.prune({ deadline: clock.now() + pruneMs });
    } catch (error) {
      logger.log('warn', 'configuration.not_pruned', { 'error.type': kindOf(error) });
    }
  };
  const show = async (active: number, options: CallOptions): Promise<HttpResponse> => {
    const version = await stored.version(active, options);
    if (version === undefined) return noSuchVersion();
    const document = await stored.document(version, options);
    return json(200, { ...represent(version, active), document }, ['etag', `"${active}"`]);
  };
  return {
    async getConfiguration({ options }) {
      const pointer = await stored.pointer(options);
      return pointer === undefined || pointer.active === 0 ? nothingPushed() : show(pointer.active, options);
    },
    async listConfigurations({ options }) {
      const [pointer, versions] = await Promise.all([stored.pointer(options), stored.list(shownVersions, options)]);
      return json(200, { versions: versions.map((version) => represent(version, pointer?.active)) });
    },
    async pushConfiguration(input) {
      const { $schema: _, ...document } = input.content as ProxyConfiguration & { readonly $schema?: string };
      const problems = await check(document, input.options);
      if (problems.length > 0) return unprocessable(problems);
      const pushed = await stored.push(
        document,
        readExpected(input.request),
        input.principal.keyId,
        input.options,
        (active, options) => gatesAfter(document, active, options),
      );
      if (pushed.ok) input.context.waitUntil(prune());
      return answer('configuration.pushed', pushed, input);
    },
    async activateConfiguration(input) {
      const { version } = input.content as { readonly version?: number };
      const activated = await stored.activate(version, readExpected(input.request), input.options);
      return answer('configuration.rolled_back', activated, input);
    },
    async getMigration({ query, options }) {
      const route = String(query['route']);
      const found = await migration(route, options);
      if (found === undefined) return noMirror();
      const { rolledBack, ...totals } = found;
      const until = rolledBack?.until === undefined ? null : instant(rolledBack.until);
      return json(200, {
        route,
        ...totals,
        rolledBack: rolledBack === undefined ? null : { reason: rolledBack.reason, at: instant(rolledBack.at), until },
      });
    },
  };
}

/** What `If-Match` and `If-None-Match` (RFC 9110 section 13.1) ask of the active version; `undefined` when they ask nothing. */
function readExpected(request: HttpRequest): IsExpected | undefined {
  const wanted = request.headers.get('if-match');
  const unwanted = request.headers.get('if-none-match');
  if (wanted === undefined && unwanted === undefined) return undefined;
  return (active) => (wanted === undefined || names(wanted, active)) && (unwanted === undefined || !names(unwanted, active));
}

/** Whether a list of entity tags names the active version; `*` is any there is. */
function names(tags: string, active: number): boolean {
  return tags.trim() === '*' ? active !== 0 : tags.split(',').some((tag) => tag.trim() === `"${active}"`);
}

function represent(version: ConfigurationVersion, active: number | undefined): object {
  return {
    version: version.version,
    hash: version.hash,
    createdAt: instant(version.createdAt),
    createdBy: version.createdBy ?? null,
    active: version.version === active,
  };
}

function nothingPushed(): HttpResponse {
  return problemResponse({
    status: 404,
    type: 'no-configuration-pushed',
    title: 'No pushed configuration is served',
    detail: 'The deployed one is. Push one with PUT.',
  });
}

function noSuchVersion(): HttpResponse {
  return problemResponse({
    status: 404,
    type: 'configuration-version-not-found',
    title: 'There is no such configuration version',
    detail: `The newest ${keptVersions} are kept, and the one that was active before the last push.`,
  });
}

function noMirror(): HttpResponse {
  return problemResponse({
    status: 404,
    type: 'no-mirror',
    title: 'No mirror of this route has found anything, and it has neither mirror nor split',
  });
}

function changed(active: number): HttpResponse {
  return problemResponse(
    {
      status: 412,
      type: 'precondition-failed',
      title: 'Another configuration is active',
      detail: 'Read it again and use its ETag.',
    },
    active === 0 ? [] : ['etag', `"${active}"`],
  );
}

function unprocessable(problems: readonly ConfigurationProblem[]): HttpResponse {
  return problemResponse({
    status: 422,
    type: 'invalid-configuration',
    title: 'The configuration is not right',
    detail: 'Nothing was changed.',
    errors: problems.map(({ pointer, detail, hint }) => ({ pointer, detail: hint === undefined ? detail : `${detail}: ${hint}` })),
  });
}
