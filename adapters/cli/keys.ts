import type { Command } from 'commander';
import { newApiKey, scopes } from '../../core/auth/api-key.ts';
import type { ApiKeyRecord, Scope } from '../../core/auth/api-key.ts';
import { nodeCrypto } from '../node/node-crypto.ts';
import { systemClock } from '../node/system-clock.ts';
import { isDataFolder, openKeys } from '../local/data-folder.ts';
import { CommandError } from './command-error.ts';
import { print, printTable } from './print.ts';

interface CreateOptions {
  readonly data: string;
  readonly tenant: string;
  readonly scopes: string;
  readonly name?: string;
  readonly expiresInDays?: string;
  readonly printRecord?: boolean;
  readonly json?: boolean;
}

/** `portolan keys ...`: API keys in the local data folder, or made without a server for a deployment's secret. */
export function addKeysCommands(program: Command): void {
  const keys = program.command('keys').description('make, list and revoke API keys');

  keys
    .command('create')
    .description('make an API key; it is shown once and only its hash is kept')
    .option('--data <folder>', 'data folder', '.portolan')
    .option('--tenant <name>', 'whose sessions the key sees', 'default')
    .option('--scopes <list>', `comma-separated: ${scopes.join(', ')}`, 'sessions:read,sessions:write')
    .option('--name <text>', 'what the key is for')
    .option('--expires-in-days <days>', 'how long it is good for; default: until revoked')
    .option('--print-record', 'touch no store: print key and record, for the secret of a deployment')
    .option('--json', 'print JSON')
    .action(async (options: CreateOptions) => {
      const made = newApiKey(nodeCrypto, systemClock.now(), {
        tenant: checkTenant(options.tenant),
        scopes: checkScopes(options.scopes),
        name: checkName(options.name),
        expiresAt: options.expiresInDays === undefined ? undefined : systemClock.now() + days(options.expiresInDays) * 86_400_000,
      });
      if (options.printRecord === true) {
        const secret = JSON.stringify({ keys: [made.record] });
        print(options.json, { ...made, secret: { keys: [made.record] } }, [
          'Key, for the caller (shown once):',
          `  ${made.key}`,
          'Value of the secret that auth.keysSecret names (add to "keys" if it has some):',
          `  ${secret}`,
        ]);
        return;
      }
      await using store = openKeys(options.data);
      await store.keys.add(made.record);
      print(options.json, made, ['API key (shown once, stored hashed):', `  ${made.key}`]);
    });

  keys
    .command('list')
    .description('list the keys in the data folder')
    .option('--data <folder>', 'data folder', '.portolan')
    .option('--json', 'print JSON')
    .action(async ({ data, json }: { readonly data: string; readonly json?: boolean }) => {
      await using store = openKeys(existing(data));
      const records: Omit<ApiKeyRecord, 'hash'>[] = [];
      for await (const { hash: _, ...record } of store.keys.list()) records.push(record);
      if (json === true) print(true, { keys: records }, []);
      else {
        printTable(
          ['id', 'tenant', 'scopes', 'name', 'created', 'expires'],
          records.map((key) => [key.id, key.tenant, key.scopes.join(','), key.name ?? '', key.createdAt, key.expiresAt ?? 'never']),
        );
      }
    });

  keys
    .command('revoke <id>')
    .description('revoke a key; a running server notices within 5 seconds')
    .option('--data <folder>', 'data folder', '.portolan')
    .option('--json', 'print JSON')
    .action(async (id: string, { data, json }: { readonly data: string; readonly json?: boolean }) => {
      await using store = openKeys(existing(data));
      if (!(await store.keys.revoke(id))) throw new CommandError(1, `There is no key ${id}: see "portolan keys list"`);
      print(json, { id, revoked: true }, [`Revoked ${id}.`]);
    });
}

/** Only what makes keys makes a data folder: a mistyped name must not look like one without keys. */
function existing(folder: string): string {
  if (!isDataFolder(folder)) throw new CommandError(2, `${folder} is no data folder: choose one with --data`);
  return folder;
}

function checkName(name: string | undefined): string | undefined {
  if (name !== undefined && [...name].length > 128) throw new CommandError(2, '--name must have at most 128 characters');
  return name;
}

function checkTenant(tenant: string): string {
  if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(tenant))
    throw new CommandError(2, '--tenant must be 1 to 63 of a-z 0-9 -, not starting with -');
  return tenant;
}

function checkScopes(list: string): readonly Scope[] {
  const asked = list.split(',').map((scope) => scope.trim());
  const unknown = asked.find((scope) => !(scopes as readonly string[]).includes(scope));
  if (unknown !== undefined) throw new CommandError(2, `--scopes: "${unknown}" is not one of ${scopes.join(', ')}`);
  return asked as readonly Scope[];
}

function days(text: string): number {
  const number = Number(text);
  if (!(Number.isInteger(number) && number >= 1 && number <= 3_650))
    throw new CommandError(2, '--expires-in-days must be a whole number from 1 to 3650');
  return number;
}
