import { readdirSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';
import type { Configuration } from '../core/config/configuration.ts';

/** A file of `examples/gateway`: comments say what it is and what to try, then comes the configuration. */
export interface Example {
  /** Of the file, without its extension. */
  readonly name: string;
  /** From the project's folder. */
  readonly file: string;
  readonly configuration: Configuration;
  /** What the first lines say. */
  readonly says: string;
  /** Characters. */
  readonly size: number;
  /** `# try: <command>`, and the lines of YAML below it: what comes of it. */
  readonly tries: readonly { readonly command: string; readonly outcome: unknown }[];
}

const folder = 'examples/gateway';
const tryMark = '# try: ';

/**
 * All of them, in the order of their names.
 *
 * @throws {TypeError} a comment that is neither of the kind above
 */
export const examples: readonly Example[] = readdirSync(folder)
  .filter((file) => file.endsWith('.yaml'))
  .toSorted()
  .map((file) => readExample(file.replace(/\.yaml$/, ''), `${folder}/${file}`));

function readExample(name: string, file: string): Example {
  const text = readFileSync(file, 'utf8');
  const comments = /^(?:#.*\n)*/.exec(text)?.[0].split('\n').slice(0, -1) ?? [];
  const says = comments.slice(0, Math.max(0, comments.findIndex(isTry)));
  const tries: { command: string; lines: string[] }[] = [];
  for (const line of comments.slice(says.length)) {
    if (isTry(line)) tries.push({ command: line.slice(tryMark.length), lines: [] });
    else if (/^# {3}/.test(line)) tries.at(-1)?.lines.push(line.slice(4));
    else throw new TypeError(`${file}: "${line}" is neither something to try nor what comes of it`);
  }
  return {
    name,
    file,
    configuration: parse(text) as Configuration,
    says: says.map((line) => line.slice(2)).join(' '),
    size: text.length,
    tries: tries.map(({ command, lines }) => ({ command, outcome: parse(lines.join('\n')) as unknown })),
  };
}

function isTry(line: string): boolean {
  return line.startsWith(tryMark);
}
