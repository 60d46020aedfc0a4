import { existsSync, readFileSync } from 'node:fs';
import { LineCounter, parseDocument } from 'yaml';
import { checkConfiguration } from '../../core/config/check-configuration.ts';
import type { ConfigurationProblem, Surroundings } from '../../core/config/check-configuration.ts';
import type { Configuration } from '../../core/config/configuration.ts';
import { builtInTemplates } from '../../core/session/vendors/catalogue.ts';
import { CommandError } from './command-error.ts';

/** A configuration file that was read and is right. */
export interface ReadConfiguration {
  readonly configuration: Configuration;
  /** One line each: `portolan.yaml:7: /pools/x/vendor ...`. */
  readonly warnings: readonly string[];
  /** The line of a problem that was found later. */
  readonly show: (problem: ConfigurationProblem) => string;
}

/** The file a command works with: the one it was told, else `portolan.yaml` or `portolan.json` if it is there. */
export function configurationFile(told: string | undefined): string | undefined {
  return told ?? ['portolan.yaml', 'portolan.json'].find((name) => existsSync(name));
}

/**
 * Reads a YAML or JSON configuration file (JSON is YAML) and checks it whole.
 *
 * @throws {CommandError} exit code 2; one line a problem with file, line, pointer and hint
 */
export function readConfiguration(file: string, surroundings: Surroundings): ReadConfiguration {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new CommandError(2, `${file}: cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`);
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true });
  if (document.errors.length > 0) {
    throw new CommandError(
      2,
      document.errors.map((error) => `${file}:${error.linePos?.[0].line ?? 1}: ${error.message.split('\n')[0] ?? ''}`).join('\n'),
    );
  }
  const lineOf = (pointer: string): number => {
    const path = pointer
      .split('/')
      .slice(1)
      .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
    // A member that is missing has no line: its nearest ancestor's is shown.
    for (let depth = path.length; depth > 0; depth--) {
      const line = lineOfMember(document.getIn(path.slice(0, depth - 1), true), path[depth - 1] ?? '', lines);
      if (line !== undefined) return line;
    }
    return 1;
  };
  const show = ({ pointer, detail, hint }: ConfigurationProblem): string =>
    `${file}:${lineOf(pointer)}: ${pointer || '(document)'} ${detail}${hint === undefined ? '' : `; ${hint}`}`;
  const checked = checkConfiguration(resolved(document, file), builtInTemplates, surroundings);
  if (!checked.ok) throw new CommandError(2, checked.problems.map(show).join('\n'));
  return { configuration: checked.configuration, warnings: checked.warnings.map(show), show };
}

/** With aliases put in. One that names nothing, or so many that a small file would become a huge one, are found only then. */
function resolved(document: ReturnType<typeof parseDocument>, file: string): unknown {
  try {
    return document.toJS();
  } catch (error) {
    if (error instanceof ReferenceError) throw new CommandError(2, `${file}: ${error.message}`);
    throw error;
  }
}

interface Positioned {
  readonly range?: readonly [number, number, number] | null;
}

function lineOfMember(parent: unknown, name: string, lines: LineCounter): number | undefined {
  const items = (parent as { readonly items?: readonly unknown[] } | undefined)?.items;
  if (items === undefined) return undefined;
  for (const [at, item] of items.entries()) {
    const pair = item as { readonly key?: { readonly value?: unknown } & Positioned } & Positioned;
    const found = pair.key === undefined ? String(at) === name : String(pair.key.value) === name;
    const range = pair.key === undefined ? pair.range : pair.key.range;
    if (found && range) return lines.linePos(range[0]).line;
  }
  return undefined;
}
