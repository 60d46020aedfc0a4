import type { Command } from 'commander';
import { CommandError } from './command-error.ts';

/** Where the control API is and who asks: the options of `connected`. */
export interface Connection {
  readonly url: string;
  readonly key?: string;
  readonly json?: boolean;
}

/** Adds the options that every client of the control API takes. */
export function connected(command: Command): Command {
  return command
    .option('--url <url>', 'control API', process.env['PORTOLAN_URL'] ?? 'http://127.0.0.1:8787')
    .option('--key <key>', 'API key; default: PORTOLAN_API_KEY')
    .option('--json', 'print JSON');
}

/**
 * One call of the control API.
 *
 * @throws {CommandError} 2 for what is missing, 1 for an answer that is not 2xx or none
 */
export async function callControlApi(
  { url, key = process.env['PORTOLAN_API_KEY'] }: Connection,
  method: string,
  path: string,
  body?: object,
  headers: Readonly<Record<string, string>> = {},
): Promise<unknown> {
  if (key === undefined) throw new CommandError(2, 'No API key: set PORTOLAN_API_KEY or pass --key');
  const target = `${url.replace(/\/+$/, '')}${path}`;
  if (!/^https?:/i.test(target) || !URL.canParse(target))
    throw new CommandError(2, `--url ${url}: write http://host:port or https://host/path`);
  let response: Response;
  try {
    response = await fetch(target, {
      method,
      headers: { authorization: `Bearer ${key}`, ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  } catch {
    throw new CommandError(
      1,
      `No answer from ${url}: is Portolan running there? Start it with "portolan dev", or set PORTOLAN_URL.`,
    );
  }
  const text = await response.text();
  if (!response.ok) throw new CommandError(1, `${response.status} ${explain(text)}`);
  return text === '' ? undefined : (JSON.parse(text) as unknown);
}

interface ShownProblem {
  readonly title?: string;
  readonly detail?: string;
  readonly errors?: readonly { readonly pointer?: string; readonly parameter?: string; readonly detail: string }[];
}

/** A problem response in one line. */
function explain(text: string): string {
  if (!text.startsWith('{')) return text.slice(0, 200);
  const { title = '', detail, errors = [] } = JSON.parse(text) as ShownProblem;
  return [title, detail, ...errors.map((error) => `${error.pointer ?? error.parameter ?? ''} ${error.detail}`)]
    .filter(Boolean)
    .join('; ');
}
