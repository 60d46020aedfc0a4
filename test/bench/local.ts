import { strict as assert } from 'node:assert';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { interleaved, median, ratio } from './measure.ts';
import type { Row } from './table.ts';

const connections = 8;
const requests = 400;
const body = JSON.stringify({ label: 'price watch', ttlSeconds: 600 });

/** Sessions created in a second through HTTP on SQLite, by both servers on the same disk. */
export async function local(rounds: number): Promise<readonly Row[]> {
  // Beside the sources and not in the system's folder for temporary files, which may be memory.
  const folder = mkdtempSync(resolve('.bench-'));
  const [portolan, bare] = await Promise.all([start('portolan', folder), start('bare', folder)]);
  try {
    const samples = await interleaved({ portolan: portolan.perSecond, bare: bare.perSecond }, rounds);
    return [
      {
        what: 'local: sessions created per second through HTTP, SQLite',
        against: 'bare node:http with the same insert, same durability',
        measured: ratio(samples, 'portolan', 'bare'),
        unit: 'x',
        target: { atLeast: 0.6 },
        note: `${median(samples.portolan).toFixed(0)}/s against ${median(samples.bare).toFixed(0)}/s`,
      },
    ];
  } finally {
    await Promise.all([portolan.stop(), bare.stop()]);
    rmSync(folder, { recursive: true });
  }
}

async function start(kind: string, folder: string): Promise<{ perSecond(): Promise<number>; stop(): Promise<void> }> {
  const child = spawn(process.execPath, [fileURLToPath(new URL('local-child.ts', import.meta.url)), kind, folder], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const { port, key } = JSON.parse(line.toString()) as { port: number; key?: string };
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const headers = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
  };
  const create = (): Promise<void> =>
    new Promise((done, reject) => {
      const sent = request({ host: '127.0.0.1', port, method: 'POST', path: '/v1/sessions', agent, headers }, (response) => {
        response.resume().on('end', () => {
          if (response.statusCode === 201) done();
          else reject(new assert.AssertionError({ message: `${kind} answered ${response.statusCode}` }));
        });
      });
      sent.on('error', reject).end(body);
    });
  return {
    async perSecond() {
      const began = performance.now();
      let left = requests;
      const client = async (): Promise<void> => {
        while (left-- > 0) await create();
      };
      await Promise.all(Array.from({ length: connections }, client));
      return (requests / (performance.now() - began)) * 1_000;
    },
    async stop() {
      agent.destroy();
      child.stdin.end();
      await ended;
    },
  };
}
