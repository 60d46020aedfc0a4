import type { Command } from 'commander';
import type { Configuration } from '../../core/config/configuration.ts';
import { checkLocalSecrets } from './check-local-secrets.ts';
import { CommandError } from './command-error.ts';
import { handlersBeside } from './handlers-beside.ts';
import { addLiveConfigCommands } from './live-config.ts';
import { print } from './print.ts';
import { readConfiguration } from './read-configuration.ts';

interface CheckOptions {
  readonly withGateway?: boolean;
  readonly data: string;
  readonly json?: boolean;
}

/** `portolan config ...`. */
export function addConfigCommands(program: Command): void {
  const config = program.command('config').description('work with configuration files and with the live configuration');
  addLiveConfigCommands(config);
  config
    .command('check [file]')
    .description('check a configuration file; with --json print it as deployed functions read it')
    .option('--with-gateway', 'for a process that runs a forward gateway itself, as "portolan dev" does')
    .option('--data <folder>', 'data folder: secrets for TLS that are there, or in the environment, are looked at too', '.portolan')
    .option('--json', 'print the configuration as JSON')
    .action(async (file: string | undefined, options: CheckOptions) => {
      const name = file ?? 'portolan.yaml';
      const handlers = await handlersBeside(name);
      const { configuration, warnings, show } = readConfiguration(name, {
        hasGateway: options.withGateway === true,
        handlers: handlers && Object.keys(handlers),
      });
      for (const warning of warnings) process.stderr.write(`warning: ${warning}\n`);
      const problems = await checkLocalSecrets(configuration, process.env, options.data);
      if (problems.length > 0) throw new CommandError(2, problems.map(show).join('\n'));
      print(options.json, configuration, [`${name} is right: ${summary(configuration)}.`]);
    });
}

function summary({ pools, routes, upstreams }: Configuration): string {
  const counts: readonly (readonly [count: number, what: string])[] = [
    [Object.keys(pools ?? {}).length, 'pool'],
    [routes?.length ?? 0, 'route'],
    [Object.keys(upstreams ?? {}).length, 'upstream'],
  ];
  return counts.flatMap(([count, what]) => (count === 0 ? [] : [`${count} ${what}(s)`])).join(', ');
}
