import { hash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { runProgram } from './run-program.ts';

/** A Terraform that can be used: the program, its environment, and providers it can get. */
export interface Toolchain {
  readonly program: string;
  readonly version: string;
  readonly env: NodeJS.ProcessEnv;
  /** Where providers come from, for people. */
  readonly providers: string;
}

/** Why there is none, as a sentence. */
export interface Missing {
  readonly missing: string;
}

const root = resolve(import.meta.dirname, '../..');
const mirror = resolve(root, '../shared/terraform-mirror');

/**
 * Looks for the `terraform` program (`TERRAFORM`, else on the path) and for providers: as this machine's Terraform is set up (the registry,
 * or what `TF_CLI_CONFIG_FILE` names), else stand-ins made by `../shared/terraform-mirror`.
 *
 * Nothing of it needs an account. Downloaded providers are kept in `.cache/terraform`.
 */
export async function findToolchain(): Promise<Toolchain | Missing> {
  const program = process.env['TERRAFORM'] ?? 'terraform';
  const version = await versionOf(program);
  if (version === undefined) return { missing: 'The program "terraform" (1.11 or newer) is not on the path.' };
  const env = environment();
  if (await canGetProviders(program, env)) {
    const named = env['TF_CLI_CONFIG_FILE'];
    return { program, version, env, providers: named === undefined ? 'the registry' : 'what TF_CLI_CONFIG_FILE names' };
  }
  if (!existsSync(join(mirror, 'install.mjs'))) {
    return { missing: 'Terraform reaches no provider registry, and ../shared/terraform-mirror is not there.' };
  }
  const standIns = { ...env, TF_CLI_CONFIG_FILE: await installStandIns(program) };
  if (await canGetProviders(program, standIns)) {
    return { program, version, env: standIns, providers: 'stand-ins made by ../shared/terraform-mirror' };
  }
  return { missing: 'Terraform reaches no provider registry, and cannot use what ../shared/terraform-mirror made.' };
}

async function versionOf(program: string): Promise<string | undefined> {
  try {
    const { stdout } = await runProgram(program, ['version', '-json'], { env: environment() });
    return (JSON.parse(stdout) as { terraform_version: string }).terraform_version;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** One cache for all folders; nothing that asks or phones home. */
function environment(): NodeJS.ProcessEnv {
  const plugins = join(root, '.cache', 'terraform', 'plugins');
  mkdirSync(plugins, { recursive: true });
  const { TF_CLI_CONFIG_FILE: named, ...env } = process.env;
  return {
    // Every command reads the providers' schemas several times; collecting garbage meanwhile is a tenth of it.
    GOGC: '400',
    ...env,
    ...(named !== undefined && existsSync(named) && { TF_CLI_CONFIG_FILE: named }),
    TF_PLUGIN_CACHE_DIR: plugins,
    // The copies we work in have no lock files to break.
    TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE: '1',
    TF_IN_AUTOMATION: '1',
    TF_INPUT: '0',
    CHECKPOINT_DISABLE: '1',
  };
}

/** Terraform itself knows about mirrors, proxies and private registries: a provider of a few kilobytes is asked for. */
async function canGetProviders(program: string, env: NodeJS.ProcessEnv): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), 'portolan-terraform-'));
  try {
    writeFileSync(
      join(folder, 'main.tf'),
      'terraform {\n  required_providers {\n    null = { source = "hashicorp/null" }\n  }\n}\n',
    );
    const patience = { TF_REGISTRY_CLIENT_TIMEOUT: '10', TF_REGISTRY_DISCOVERY_RETRY: '1' };
    const { status } = await runProgram(program, ['init', '-backend=false'], { cwd: folder, env: { ...env, ...patience } });
    return status === 0;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * Made once for each version of the mirror. Made beside and then moved, because two test files may come at once.
 *
 * @returns the configuration file that makes Terraform use them
 */
async function installStandIns(program: string): Promise<string> {
  const cache = join(root, '.cache', 'terraform');
  const folder = join(cache, `stand-ins-${fingerprint(mirror)}`);
  const settings = join(folder, 'terraform.rc');
  if (existsSync(settings)) return settings;
  // They are scripts of the other module system, and Node asks the nearest package.json.
  writeFileSync(join(cache, 'package.json'), '{ "type": "commonjs" }\n');
  const made = mkdtempSync(join(cache, 'new-'));
  const { status, stderr } = await runProgram(process.execPath, [join(mirror, 'install.mjs'), made], {
    env: { ...environment(), TERRAFORM: program },
  });
  if (status !== 0) throw new Error(`../shared/terraform-mirror could not be installed:\n${stderr}`);
  const rc = join(made, 'terraform.rc');
  writeFileSync(rc, readFileSync(rc, 'utf8').replaceAll(made, folder));
  try {
    renameSync(made, folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOTEMPTY') throw error;
    rmSync(made, { recursive: true });
  }
  return settings;
}

/** Names, sizes and times of a folder's files. */
function fingerprint(folder: string): string {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const lines = files.map(({ parentPath, name }) => {
    const { size, mtimeMs } = statSync(join(parentPath, name));
    return `${join(parentPath, name)} ${size} ${mtimeMs}`;
  });
  return hash('sha256', lines.toSorted().join('\n'), 'hex').slice(0, 12);
}
