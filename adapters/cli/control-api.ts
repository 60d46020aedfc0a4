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
    .option('--url <url>', 'control API; also PORTOLAN_URL', process.env['PORTOLAN_URL'] ?? 'http://127.0.0.1:8787')
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
  if (!/^[\x21-\x7e]+$/.test(key)) throw new CommandError(2, 'The API key is none: it looks like ptl_<id>_<secret>');
  const target = `${url.replace(/\/+$/, '')}${path}`;
  if (!/^https?:/i.test(target) || !URL.canParse(target) || new URL(target).username !== '')
    throw new CommandError(2, '--url: write http://host:port or https://host/path');
  let response: Response;
  let text: string;
  try {
    response = await fetch(target, {
      method,
      headers: { authorization: `Bearer ${key}`, ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
    });
    text = await response.text();
  } catch {
    throw new CommandError(
      1,
      `No answer from ${url}: is Portolan running there? Start it with "portolan dev", or set PORTOLAN_URL.`,
    );
  }
  const { status, ok } = response;
  const location = response.headers.get('location');
  if (status >= 300 && status < 400 && location !== null)
    throw new CommandError(1, `${status} from ${url}, which leads to ${location}`);
  if (status === 204) return undefined;
  const answer = parsed(text);
  if (answer === undefined) throw new CommandError(1, `${status} from ${url}, which is no answer of Portolan: is --url right?`);
  if (status === 404 && (answer as ShownProblem).type?.endsWith('/no-route') === true) {
    throw new CommandError(
      1,
      `404 from ${url}: there is a gateway without this part of the control API. Its configuration has no auth, or proxy.controlHosts names other hosts.`,
    );
  }
  if (!ok) throw new CommandError(1, `${status} ${explain(answer)}`);
  return answer;
}

/** Longer than any call of the control API takes, the platform's start included. */
const timeoutMs = 60_000;

/** A JSON object; `undefined` for everything else. */
function parsed(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

interface ShownProblem {
  readonly type?: string;
  readonly title?: string;
  readonly detail?: string;
  readonly errors?: readonly { readonly pointer?: string; readonly parameter?: string; readonly detail: string }[];
}

/** A problem response in one line. */
function explain({ title = '', detail, errors = [] }: ShownProblem): string {
  return [title, detail, ...errors.map((error) => `${error.pointer ?? error.parameter ?? ''} ${error.detail}`)]
    .filter(Boolean)
    .join('; ');
}
