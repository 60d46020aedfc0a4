#!/usr/bin/env node
import './require-node.ts';
import { Command } from 'commander';
import { addConfigCommands } from './config.ts';
import { addDevCommand } from './dev.ts';
import { explainError } from './explain-error.ts';
import { addInvokeCommand } from './invoke.ts';
import { addKeysCommands } from './keys.ts';
import { addRoutesCommands } from './routes.ts';
import { addSessionsCommands } from './sessions.ts';

declare const PORTOLAN_VERSION: string;

const program = new Command('portolan')
  .description('A serverless proxy that belongs to no cloud')
  .version(typeof PORTOLAN_VERSION === 'string' ? PORTOLAN_VERSION : 'from source')
  .showHelpAfterError()
  .configureOutput({ outputError: (text, write) => write(text) })
  .exitOverride((error) => {
    process.exit(error.exitCode === 0 ? 0 : 2);
  });

addDevCommand(program);
addSessionsCommands(program);
addKeysCommands(program);
addInvokeCommand(program);
addConfigCommands(program);
addRoutesCommands(program);

try {
  await program.parseAsync();
} catch (error) {
  const explained = explainError(error);
  if (explained === undefined) throw error;
  process.stderr.write(`${explained.message}\n`);
  process.exitCode = explained.exitCode;
}
