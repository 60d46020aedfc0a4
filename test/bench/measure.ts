import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** The middle value: unlike a mean it does not care about a noisy neighbour. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[sorted.length >> 1] ?? Number.NaN;
  const lower = sorted[(sorted.length - 1) >> 1] ?? Number.NaN;
  return (upper + lower) / 2;
}

/**
 * What each contender measured, in turn, so that a slow moment of the machine meets all of them. The order changes from round to round. The first
 * tenth of the rounds warms up and does not count.
 *
 * @param contenders each answers what it took, in any unit
 */
export async function interleaved<Name extends string, Value = number>(
  contenders: Readonly<Record<Name, () => Value | Promise<Value>>>,
  rounds: number,
): Promise<Readonly<Record<Name, readonly Value[]>>> {
  const names = Object.keys(contenders) as Name[];
  const taken = Object.fromEntries(names.map((name) => [name, [] as Value[]])) as Record<Name, Value[]>;
  const warmUp = Math.ceil(rounds / 10);
  for (let round = 0; round < rounds + warmUp; round++) {
    for (let at = 0; at < names.length; at++) {
      const name = names[(at + round) % names.length];
      if (name === undefined) continue;
      const value = await contenders[name]();
      if (round >= warmUp) taken[name].push(value);
    }
  }
  return taken;
}

export type Samples<Name extends string = string> = Readonly<Record<Name, readonly number[]>>;

/** One of several figures that each contender measured. */
export function figures<Name extends string, Value>(
  samples: Readonly<Record<Name, readonly Value[]>>,
  of: (value: Value) => number,
): Samples<Name> {
  const entries = Object.entries<readonly Value[]>(samples).map(([name, values]) => [name, values.map(of)]);
  return Object.fromEntries(entries) as Samples<Name>;
}

/** How many times as much `of` takes as `reference`: the median of the ratios within each round. */
export function ratio<Name extends string>(samples: Samples<Name>, of: Name, reference: Name): number {
  return median(samples[of].map((value, round) => value / (samples[reference][round] ?? Number.NaN)));
}

/**
 * Microseconds of processor time that an awaited call takes, over `loops` calls, threads of the garbage collector included. The time on the wall
 * would count the neighbours in.
 */
export async function timeCalls(loops: number, call: () => unknown): Promise<number> {
  const start = process.cpuUsage();
  for (let n = 0; n < loops; n++) await call();
  const { user, system } = process.cpuUsage(start);
  return (user + system) / loops;
}

/** Runs one of the programs beside this file in a fresh process and answers the JSON it prints last. */
export async function runChild<Result>(
  file: string,
  args: readonly string[],
  { execArgv = [], env = {} }: { readonly execArgv?: readonly string[]; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<Result> {
  const child = spawn(process.execPath, [...execArgv, file, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${file} ${args.join(' ')} ended with ${code}`);
  return JSON.parse(output.trimEnd().split('\n').at(-1) ?? '') as Result;
}
