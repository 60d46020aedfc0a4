import type { Command } from 'commander';
import { readFileSync } from 'node:fs';
import { CommandError } from './command-error.ts';
import { handlersBeside } from './handlers-beside.ts';
import { invokePlatform, sources } from './invoke-platform.ts';
import type { Source } from './invoke-platform.ts';
import { print } from './print.ts';
import { configurationFile, readConfiguration } from './read-configuration.ts';

interface InvokeOptions {
  readonly source: string;
  readonly event: string;
  readonly data: string;
  readonly config?: string;
  readonly json?: boolean;
}

/** `portolan invoke`: a platform's event through that platform's real adapter, on this machine's store. */
export function addInvokeCommand(program: Command): void {
  program
    .command('invoke')
    .description("run a platform's HTTP event through the real adapter, on the local store")
    .requiredOption('--source <source>', sources.join(' | '))
    .requiredOption('--event <file>', 'the event as JSON; - reads standard input')
    .option('--data <folder>', 'data folder', '.portolan')
    .option('--config <file>', 'configuration, checked as for a deployed function; default as for "portolan dev"')
    .option('--json', 'accepted for symmetry: the result is always JSON')
    .action(async ({ source, event, data, config }: InvokeOptions) => {
      if (!isSource(source)) throw new CommandError(2, `--source must be one of ${sources.join(', ')}`);
      const file = configurationFile(config);
      const handlers = file === undefined ? {} : ((await handlersBeside(file)) ?? {});
      const configuration =
        file === undefined
          ? undefined
          : readConfiguration(file, { hasGateway: false, handlers: Object.keys(handlers) }).configuration;
      print(true, await invokePlatform(source, readEvent(event), data, configuration, handlers), []);
    });
}

function isSource(text: string): text is Source {
  return (sources as readonly string[]).includes(text);
}

function readEvent(file: string): unknown {
  let text: string;
  try {
    text = readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (error) {
    throw new CommandError(2, `${file}: cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`);
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new CommandError(2, `${file}: is not JSON: ${(error as Error).message}`);
  }
}
