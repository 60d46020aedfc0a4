/**
 * Moves traffic from an old backend to a new one, step by step, while clients keep asking: 1 %, 10 %, 50 %. At 50 % the new backend begins to fail; the gate
 * rolls back by itself, and no client notices. The fault is mended, and the migration goes on to 100 %.
 *
 *     make build && node examples/strangler/demo.ts
 *
 * Everything runs on this machine: two backends, `portolan dev`, and the clients. The steps are pushed as a user would, with `portolan config push`.
 */
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

const portolan = new URL('../../dist/local/portolan.mjs', import.meta.url).pathname;
const clients = 8;
const requestsPerStep = 800;

interface Backend {
  readonly url: string;
  answered: number;
  failing: boolean;
  close(): void;
}

async function startBackend(name: string): Promise<Backend> {
  const server = createServer((_request, response) => {
    if (backend.failing) {
      response.writeHead(500).end();
      return;
    }
    backend.answered++;
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ served: name }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const backend: Backend = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    answered: 0,
    failing: false,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
  return backend;
}

const folder = mkdtempSync(join(tmpdir(), 'portolan-strangler-'));
const [old, fresh] = await Promise.all([startBackend('old'), startBackend('new')]);

function writeConfiguration(newPercent: number): string {
  const file = join(folder, `portolan-${newPercent}.json`);
  const upstream = (url: string): object => ({ url, allow: [new URL(url).host] });
  const configuration = {
    auth: { storedKeys: true },
    proxy: { live: { pollMs: 200 }, accessLog: { enabled: false } },
    upstreams: { old: upstream(old.url), new: upstream(fresh.url) },
    routes: [
      {
        id: 'orders',
        match: { paths: ['/orders/*'] },
        split: { old: 'old', new: 'new', newPercent, key: { header: 'x-customer' }, gate: { maxErrorPercent: 1, minRequests: 20 } },
      },
    ],
  };
  writeFileSync(file, JSON.stringify(configuration));
  return file;
}

const env = { ...process.env };
const dev = spawn(
  process.execPath,
  [portolan, 'dev', '--port', '0', '--gateway-port', '0', '--data', join(folder, 'data'), '--config', writeConfiguration(0)],
  { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] },
);
const lines = createInterface({ input: dev.stdout });
const url = await new Promise<string>((resolve, reject) => {
  dev.once('exit', (code) => {
    reject(new Error(`portolan dev ended with code ${code}`));
  });
  lines.on('line', (line) => {
    const [, api] = /reverse proxy\s+(http\S+)/.exec(line) ?? [];
    const [key] = /ptl_[a-z0-9]+_[\w-]{43}/.exec(line) ?? [];
    const rolledBack = line.includes('"migration.rolled_back"');
    if (api !== undefined) env['PORTOLAN_URL'] = api;
    if (key !== undefined) env['PORTOLAN_API_KEY'] = key;
    if (rolledBack) process.stdout.write('  the gate: rolled back to the old backend\n');
    if (line.startsWith('Stop with') && env['PORTOLAN_URL'] !== undefined) resolve(env['PORTOLAN_URL']);
  });
});

const agent = new Agent({ keepAlive: true, maxSockets: clients });
let failed = 0;

/** Asks for one customer's order; only a 200 from either backend counts as served. */
function ask(customer: number): Promise<void> {
  return new Promise((resolve) => {
    const done = (ok: boolean): void => {
      if (!ok) failed++;
      resolve();
    };
    request(`${url}/orders/1`, { agent, headers: { 'x-customer': `customer-${customer}` } }, (response) => {
      response.resume().on('end', () => {
        done(response.statusCode === 200 && response.complete);
      });
    })
      .on('error', () => {
        done(false);
      })
      .end();
  });
}

async function traffic(requests: number, during?: (sent: number) => void): Promise<void> {
  let sent = 0;
  const client = async (): Promise<void> => {
    while (sent < requests) {
      const customer = sent++ % 400;
      during?.(sent);
      await ask(customer);
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
}

async function push(newPercent: number): Promise<void> {
  await promisify(execFile)(process.execPath, [portolan, 'config', 'push', writeConfiguration(newPercent)], { env });
  // the process follows within pollMs; traffic goes on meanwhile
  const pushedAt = Date.now();
  for (let asked = 0; asked < 20 || Date.now() - pushedAt < 400; asked++) await ask(0);
}

async function step(label: string, during?: (sent: number) => void): Promise<number> {
  const [oldBefore, newBefore] = [old.answered, fresh.answered];
  await traffic(requestsPerStep, during);
  const toNew = fresh.answered - newBefore;
  const toOld = old.answered - oldBefore;
  const share = (100 * toNew) / (toNew + toOld);
  process.stdout.write(
    `${label.padEnd(34)} new ${String(toNew).padStart(4)}  old ${String(toOld).padStart(4)}  (${share.toFixed(1)} % new)  failed so far: ${failed}\n`,
  );
  return share;
}

const shares: number[] = [];
try {
  for (const percent of [1, 10, 50]) {
    await push(percent);
    shares.push(await step(`${percent} %`));
  }
  shares.push(
    await step('50 %, the new backend breaks', (sent) => {
      if (sent > requestsPerStep / 4) fresh.failing = true;
    }),
  );
  shares.push(await step('50 %, rolled back'));
  fresh.failing = false;
  shares.push(await step('50 %, mended, still rolled back'));
  for (const percent of [50, 100]) {
    await push(percent);
    shares.push(await step(`${percent} %, pushed again`));
  }
} finally {
  agent.destroy();
  dev.removeAllListeners('exit');
  dev.kill();
  old.close();
  fresh.close();
  rmSync(folder, { recursive: true, force: true });
}
process.stdout.write(`${JSON.stringify({ failed, shares: shares.map((share) => Math.round(share)) })}\n`);
process.exitCode = failed === 0 ? 0 : 1;
