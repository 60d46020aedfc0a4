import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'vitest';
import type { Example } from '../../../.build/gateway-examples.ts';
import { startPortolan } from '../local/portolan-process.ts';
import type { Backends, Seen } from './backends.ts';

/** An answer that a command got. */
interface Answer {
  readonly status: number;
  /** By name in lower case; repeated ones joined. */
  readonly fields: Readonly<Record<string, string>>;
}

/** What came of a command. */
export interface Effect {
  /** Of curl, final ones. */
  readonly answers: readonly Answer[];
  readonly printed: string;
  /** Lines of the log up to now. */
  logged(): readonly Readonly<Record<string, unknown>>[];
  readonly seen: readonly Seen[];
}

export interface RunningExample {
  /** Runs a command in a shell as it is written, with this example's port in place of 8787. */
  run(command: string): Promise<Effect>;
  stop(): Promise<void>;
}

/** curl as it is, and its answers' headers for us; `portolan` is the built command. */
const shell = `
curl() { command curl --silent --show-error --max-time 20 "$@" --dump-header "$HEADS/$RANDOM$RANDOM"; }
portolan() { node dist/local/portolan.mjs "$@"; }
`;

const exampleAuthority = 'localhost:8787';

/** Starts `portolan dev` with an example's file. */
export async function startExample(example: Example, backends: Backends): Promise<RunningExample> {
  const folder = mkdtempSync(join(tmpdir(), 'portolan-example-'));
  mkdirSync(join(folder, 'data', 'secrets'), { recursive: true, mode: 0o700 });
  const secrets = { 'backend-ca': backends.ca, 'backend-client': backends.clientCertificate };
  for (const [name, value] of Object.entries(secrets)) {
    writeFileSync(join(folder, 'data', 'secrets', name), value, { mode: 0o600 });
  }
  writeFileSync(join(folder, 'ca.pem'), backends.ca);
  const server = await startPortolan(['--config', example.file, '--data', join(folder, 'data')], {
    NODE_OPTIONS: `--import=${resolve('test/support/examples/backends-here.mjs')}`,
    NODE_EXTRA_CA_CERTS: join(folder, 'ca.pem'),
    PORTOLAN_TEST_DNS: backends.dns.address,
    PORTOLAN_TEST_BACKENDS_PORT: String(backends.port),
  });
  const { port } = new URL(server.api);
  const asWritten = (text: string): string =>
    text.replaceAll(new RegExp(`(?:localhost|127\\.0\\.0\\.1):${port}`, 'g'), exampleAuthority);

  return {
    async run(command) {
      const heads = mkdtempSync(join(folder, 'heads-'));
      const before = server.output().length;
      const script = `${shell}${command.replaceAll(exampleAuthority, `localhost:${port}`)}`;
      const env = {
        ...process.env,
        HEADS: heads,
        PORTOLAN_URL: server.api,
        ...(server.firstKey !== undefined && { PORTOLAN_API_KEY: server.firstKey }),
      };
      const printed = await promisify(execFile)('bash', ['-c', script], { env }).then(
        ({ stdout }) => stdout,
        (error: unknown) => {
          // curl: an upload that was answered before it had ended
          const { code, stdout = '', stderr = '' } = error as { code?: unknown; stdout?: string; stderr?: string };
          if (code !== 55 && code !== 56) throw new Error(`${command} ended with ${String(code)}: ${stderr}${stdout}`);
          return stdout;
        },
      );
      const answers = readdirSync(heads).flatMap((name) => readHeads(asWritten(readFileSync(join(heads, name), 'latin1'))));
      const logged: Effect['logged'] = () => linesOf(asWritten(server.output().slice(before)));
      const requests = (): number => logged().filter(({ event }) => event === 'http.request').length;
      // A line is written when its answer has ended, which a client may know first.
      await expect.poll(requests).toBeGreaterThanOrEqual(answers.length);
      const seen = backends.seen.map(({ backend, line, fields }) => ({
        backend,
        line,
        fields: JSON.parse(asWritten(JSON.stringify(fields))) as Seen['fields'],
      }));
      return { answers, printed: asWritten(printed), logged, seen };
    },
    async stop() {
      await server.kill('SIGTERM');
      rmSync(folder, { recursive: true });
    },
  };
}

function readHeads(text: string): readonly Answer[] {
  return text
    .split('\r\n\r\n')
    .filter((head) => /^HTTP\/\S+ [2-9]/.test(head))
    .map((head) => {
      const [first = '', ...rest] = head.split('\r\n');
      const fields: Record<string, string> = {};
      for (const line of rest) {
        const [, name = '', value = ''] = /^([^:]+):\s*(.*)$/.exec(line) ?? [];
        const key = name.toLowerCase();
        fields[key] = fields[key] === undefined ? value : `${fields[key]}, ${value}`;
      }
      return { status: Number(first.split(' ')[1]), fields };
    });
}

function linesOf(output: string): readonly Readonly<Record<string, unknown>>[] {
  return output
    .split('\n')
    .filter((line) => line.startsWith('{') && line.endsWith('}'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}
