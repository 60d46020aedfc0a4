import type { Command } from 'commander';
import { readFileSync } from 'node:fs';
import type { ProxyConfiguration } from '../../core/proxy/configuration.ts';
import { diffConfigurations, sampleRequests } from '../../core/proxy/live/diff-configurations.ts';
import type { ConfigurationDiff, NamedChanges } from '../../core/proxy/live/diff-configurations.ts';
import { callControlApi, connected } from './control-api.ts';
import type { Connection } from './control-api.ts';
import { CommandError } from './command-error.ts';
import { print, printTable } from './print.ts';
import { readConfiguration } from './read-configuration.ts';

interface ShownVersion {
  readonly version: number;
  readonly hash: string;
  readonly createdAt: string;
  readonly createdBy: string | null;
  readonly active: boolean;
}

interface ShownConfiguration extends ShownVersion {
  readonly document: ProxyConfiguration;
}

interface ShownMigration {
  readonly route: string;
  readonly sent: number;
  readonly compared: number;
  readonly differing: number;
  readonly failed: number;
  readonly skipped: number;
  readonly places: readonly { readonly place: string; readonly count: number }[];
  readonly rolledBack: { readonly reason: string; readonly at: string; readonly until: string | null } | null;
}

/** `portolan config push|diff|versions|rollback|migration`: the live configuration of a running deployment. */
export function addLiveConfigCommands(config: Command): void {
  connected(
    config
      .command('push <file>')
      .description('serve the routes, upstreams and proxy settings of a file; instances follow within seconds'),
  )
    .option('--expect <version>', 'only if this version is active; 0: only if no pushed one is served')
    .action(async (file: string, options: Connection & { readonly expect?: string }) => {
      const pushed = (await callControlApi(
        options,
        'PUT',
        '/v1/configuration',
        documentOf(file),
        ifMatch(options.expect),
      )) as ShownConfiguration;
      print(options.json, pushed, [`Version ${pushed.version} is active.`]);
    });

  connected(
    config.command('diff <file>').description('say what pushing a file would change, and which sample requests would go elsewhere'),
  )
    .option('--samples <file>', 'a line each: METHOD URL; default: made of the hosts and paths of all routes')
    .option('--against <file>', 'compare with this file, not with what is served')
    .option('--exit-code', 'end with code 3 when anything differs')
    .action(
      async (
        file: string,
        options: Connection & { readonly samples?: string; readonly against?: string; readonly exitCode?: boolean },
      ) => {
        const after = documentOf(file);
        const before = options.against === undefined ? await served(options) : documentOf(options.against);
        const samples = options.samples === undefined ? sampleRequests([before, after]) : readSamples(options.samples);
        const diff = diffOf(before, after, samples);
        print(options.json, diff, linesOf(diff));
        if (options.exitCode === true && !isEmpty(diff)) process.exitCode = 3;
      },
    );

  connected(config.command('versions').description('list pushed versions')).action(async (options: Connection) => {
    const answered = (await callControlApi(options, 'GET', '/v1/configuration/versions')) as {
      readonly versions: readonly ShownVersion[];
    };
    if (options.json === true) return print(true, answered, []);
    const deployed = ['0', answered.versions.some(({ active }) => active) ? '' : 'yes', 'what was deployed', '', ''];
    const pushed = answered.versions.map((one) => [
      String(one.version),
      one.active ? 'yes' : '',
      one.createdAt,
      one.createdBy ?? '',
      one.hash.slice(0, 12),
    ]);
    printTable(['version', 'active', 'pushed', 'by key', 'hash'], [...pushed, deployed]);
  });

  connected(config.command('rollback').description('serve an earlier version again'))
    .option('--to <version>', 'default: what was served before the active one; 0: what was deployed')
    .option('--expect <version>', 'only if this version is active')
    .action(async (options: Connection & { readonly to?: string; readonly expect?: string }) => {
      const body = options.to === undefined ? {} : { version: wholeNumber('--to', options.to, 0) };
      const active = (await callControlApi(options, 'POST', '/v1/configuration/activate', body, ifMatch(options.expect))) as
        ShownConfiguration | undefined;
      const line = active === undefined ? 'What was deployed is served again.' : `Version ${active.version} is active.`;
      print(options.json, active ?? { version: 0 }, [line]);
    });

  connected(
    config
      .command('migration <route>')
      .description(
        "what the mirror of a route found: how often the two backends' answers differ, and where; and whether its split was rolled back",
      ),
  ).action(async (route: string, options: Connection) => {
    const path = `/v1/configuration/migration?route=${encodeURIComponent(route)}`;
    const report = (await callControlApi(options, 'GET', path)) as ShownMigration;
    const { rolledBack } = report;
    const until = rolledBack?.until ?? 'another configuration is served';
    print(options.json, report, [
      ...(rolledBack === null ? [] : [`split      rolled back at ${rolledBack.at} (${rolledBack.reason}), until ${until}`]),
      `copies     ${report.sent} answered, ${report.failed} failed, ${report.skipped} skipped`,
      `compared   ${report.compared}, of which ${report.differing} differ`,
      ...report.places.map(({ place, count }) => `  ${String(count).padStart(8)}  ${place}`),
    ]);
  });
}

/** The part of a configuration file that can be pushed. */
function documentOf(file: string): ProxyConfiguration {
  const { configuration, warnings } = readConfiguration(file, { hasGateway: true });
  for (const warning of warnings) process.stderr.write(`warning: ${warning}\n`);
  const { routes, upstreams, proxy } = configuration;
  if (routes === undefined) throw new CommandError(2, `${file}: has no routes, so there is nothing to push`);
  return { routes, ...(upstreams && { upstreams }), ...(proxy && { proxy }) };
}

async function served(options: Connection): Promise<ProxyConfiguration> {
  try {
    return ((await callControlApi(options, 'GET', '/v1/configuration')) as ShownConfiguration).document;
  } catch (error) {
    if (error instanceof CommandError && error.message.startsWith('404 No pushed configuration')) {
      throw new CommandError(
        1,
        'No pushed configuration is served, and what was deployed cannot be read back: name its file with --against',
      );
    }
    throw error;
  }
}

function readSamples(file: string): readonly string[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new CommandError(2, `${file}: cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`);
  }
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
}

function diffOf(before: ProxyConfiguration, after: ProxyConfiguration, samples: readonly string[]): ConfigurationDiff {
  try {
    return diffConfigurations(before, after, samples);
  } catch (error) {
    if (error instanceof TypeError) throw new CommandError(2, error.message);
    throw error;
  }
}

function isEmpty({ routes, upstreams, settingsChanged, moved }: ConfigurationDiff): boolean {
  return moved.length === 0 && !settingsChanged && [routes, upstreams].every((changes) => lines('', changes).length === 0);
}

function linesOf(diff: ConfigurationDiff): readonly string[] {
  if (isEmpty(diff)) return [`Nothing changes (${diff.samples} sample requests).`];
  return [
    ...lines('route', diff.routes),
    ...lines('upstream', diff.upstreams),
    ...(diff.settingsChanged ? ['~ proxy settings'] : []),
    `${diff.moved.length} of ${diff.samples} sample requests go elsewhere${diff.moved.length === 0 ? '.' : ':'}`,
    ...diff.moved.flatMap(({ sample, before, after }) => [`  ${sample}`, `    - ${before}`, `    + ${after}`]),
  ];
}

function lines(what: string, { added, removed, changed }: NamedChanges): readonly string[] {
  return [
    ...added.map((name) => `+ ${what} ${name}`),
    ...removed.map((name) => `- ${what} ${name}`),
    ...changed.map((name) => `~ ${what} ${name}`),
  ];
}

function ifMatch(version: string | undefined): Readonly<Record<string, string>> {
  if (version === undefined) return {};
  return version === '0' ? { 'if-none-match': '*' } : { 'if-match': `"${wholeNumber('--expect', version)}"` };
}

function wholeNumber(option: string, text: string, from = 1): number {
  const number = Number(text);
  if (!(Number.isSafeInteger(number) && number >= from)) throw new CommandError(2, `${option} must be the number of a version`);
  return number;
}
