import { fork, spawn, spawnSync } from 'node:child_process';
import type { ChildProcess, Serializable } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { common } from '../../.build/bundles.ts';
import { gatewayDecisions } from './gateway-decisions.ts';
import { transferContent } from './gateway-content.ts';
import type { Load, LoadResult } from './gateway-load.ts';
import { figures, interleaved, median, ratio } from './measure.ts';
import type { Row } from './table.ts';

const connections = 50;
const transfers = 64;
const slowClients = 1_000;
const sha256 = createHash('sha256').update(transferContent()).digest('hex');
const references = ['undici', '@fastify/http-proxy', 'fastify', 'http-proxy-3'];

const bareName = `bare node:http + undici ${versionOf('undici')} dispatch`;

const whatIsLeft =
  'Most of what is left is the access line, written and encoded: without it the CPU per request is about 1.05x. ' +
  "The rest of both is system calls and Node's HTTP server.";
/**
 * The plain server as a reverse proxy, against others in front of the same backend: each gateway, the backend and the load in a process of its own.
 * Portolan runs as `portolan dev` does, with its access log written to /dev/null.
 */
export async function gateway(quick: boolean): Promise<readonly Row[]> {
  const folder = mkdtempSync(resolve('.bench-'));
  // without types and their compiler in memory, as it is deployed
  const bundled = join(folder, 'bundled');
  await build({
    ...common,
    splitting: true,
    external: references,
    entryPoints: ['server', 'origin', 'load', 'slow-clients'].map((name) =>
      fileURLToPath(new URL(`gateway-${name}.ts`, import.meta.url)),
    ),
    outdir: bundled,
    outExtension: { '.js': '.mjs' },
  });
  const bench = new Bench(folder, bundled);
  try {
    await bench.start();
    return [
      ...(await throughput(bench, quick)),
      ...(await latency(bench, quick)),
      ...(await besideSlowClients(bench, quick)),
      ...(await memory(bench, quick)),
      ...(await gatewayDecisions(quick)),
    ];
  } finally {
    await bench.stop();
    rmSync(folder, { recursive: true });
  }
}

/** What the same code takes differs from process to process by a tenth and more: each gateway is started anew so often. */
const processes = 3;

interface Measured {
  readonly perSecond: number;
  readonly cpuUs: number;
}

type Samples<Name extends string> = Readonly<Record<Name, readonly Measured[]>>;

/** Requests per second and CPU of each gateway, by response, over fresh processes. */
async function loads(
  bench: Bench,
  quick: boolean,
): Promise<{ small: Samples<Small>; large: Samples<Large>; nginx: string | undefined }> {
  const runs = [];
  for (let n = 0; n < processes; n++) runs.push(await loadOnce(bench, quick));
  return {
    small: joined(runs.map(({ small }) => small)),
    large: joined(runs.map(({ large }) => large)),
    nginx: runs[0]?.nginx,
  };
}

function joined<Name extends string>(samples: readonly Samples<Name>[]): Samples<Name> {
  const names = Object.keys(samples[0] ?? {}) as Name[];
  const entries = names.map((name): [Name, readonly Measured[]] => [name, samples.flatMap((one) => one[name])]);
  return Object.fromEntries(entries) as Samples<Name>;
}

type Large = 'portolan' | 'bare';
type Small = Large | 'policies' | 'fastify' | 'httpProxy3' | 'nginx';

async function loadOnce(
  bench: Bench,
  quick: boolean,
): Promise<{ small: Samples<Small>; large: Samples<Large>; nginx: string | undefined }> {
  const portolan = await bench.serve('portolan');
  const policies = await bench.serve('policies');
  const bare = await bench.serve('bare');
  const fastify = await bench.serve('@fastify/http-proxy');
  const httpProxy3 = await bench.serve('http-proxy-3');
  const nginx = await bench.serveNginx();
  const forMs = quick ? 500 : 1_500;
  const run = (server: Server, what: Load['what']) => () => bench.measure(server, { what, connections, forMs });
  // compiled and optimized: what is measured is a server that has been running
  const warm = async (what: Load['what'], ...servers: readonly (Server | undefined)[]): Promise<void> => {
    for (const server of servers) {
      if (server !== undefined) await bench.load({ port: server.port, what, connections, forMs: quick ? 1_000 : 5_000 });
    }
  };
  await warm('1k', portolan, policies, bare, fastify, httpProxy3, nginx?.server);
  const small = await interleaved(
    {
      portolan: run(portolan, '1k'),
      policies: run(policies, '1k'),
      bare: run(bare, '1k'),
      fastify: run(fastify, '1k'),
      httpProxy3: run(httpProxy3, '1k'),
      nginx: nginx === undefined ? () => ({ perSecond: Number.NaN, cpuUs: Number.NaN }) : run(nginx.server, '1k'),
    },
    4,
  );
  await warm('64k', portolan, bare);
  const large = await interleaved({ portolan: run(portolan, '64k'), bare: run(bare, '64k') }, 4);
  for (const server of [portolan, policies, bare, fastify, httpProxy3, nginx?.server]) await server?.stop();
  return { small, large, nginx: nginx?.version };
}

async function throughput(bench: Bench, quick: boolean): Promise<readonly Row[]> {
  const { small, large, nginx } = await loads(bench, quick);
  const perSecond = figures(small, (one) => one.perSecond);
  const cpu = figures(small, (one) => one.cpuUs);
  const perSecondLarge = figures(large, (one) => one.perSecond);
  const cpuLarge = figures(large, (one) => one.cpuUs);
  const rate = (values: readonly number[]): string => `${median(values).toFixed(0)}/s`;
  const micros = (values: readonly number[]): string => `${median(values).toFixed(0)} us`;
  const against = (name: 'bare' | 'fastify' | 'httpProxy3' | 'nginx', whose: string, atLeast: number): Row => ({
    what: `gateway: requests per second, 1 KiB responses, ${connections} connections, access log on`,
    against: whose,
    measured: ratio(perSecond, 'portolan', name),
    unit: 'x',
    target: { atLeast },
    note: `${rate(perSecond.portolan)} against ${rate(perSecond[name])}`,
    fallsShort: whatIsLeft,
  });
  return [
    against('bare', bareName, 0.9),
    {
      ...against('bare', bareName, 1.15),
      what: 'gateway: the same, CPU per request',
      measured: ratio(cpu, 'portolan', 'bare'),
      target: { atMost: 1.15 },
      note: `${micros(cpu.portolan)} against ${micros(cpu.bare)}`,
    },
    against('fastify', `@fastify/http-proxy ${versionOf('@fastify/http-proxy')} on fastify ${versionOf('fastify')}`, 1.4),
    against('httpProxy3', `http-proxy-3 ${versionOf('http-proxy-3')}`, 2),
    ...(nginx === undefined
      ? []
      : [
          {
            ...against('nginx', `${nginx}, one worker, access log on`, 0.5),
            fallsShort: `The bare pass-through is at ${ratio(perSecond, 'bare', 'nginx').toFixed(2)}x: nothing on Node's HTTP server gets there. One of our own over sockets would be nearer.`,
          },
        ]),
    {
      ...against('bare', bareName, 0.85),
      what: 'gateway: the same with six policies (limits, fields, retries, breaker, time-outs, log)',
      measured: ratio(perSecond, 'policies', 'bare'),
      note: `${rate(perSecond.policies)} against ${rate(perSecond.bare)}`,
    },
    {
      what: `gateway: requests per second, 64 KiB responses, ${connections} connections, access log on`,
      against: bareName,
      measured: ratio(perSecondLarge, 'portolan', 'bare'),
      unit: 'x',
      target: { atLeast: 0.9 },
      note: `${rate(perSecondLarge.portolan)} against ${rate(perSecondLarge.bare)}`,
      fallsShort: whatIsLeft,
    },
    {
      what: 'gateway: the same, CPU per request',
      against: bareName,
      measured: ratio(cpuLarge, 'portolan', 'bare'),
      unit: 'x',
      target: { atMost: 1.15 },
      note: `${micros(cpuLarge.portolan)} against ${micros(cpuLarge.bare)}`,
      fallsShort: whatIsLeft,
    },
  ];
}

/** What a gateway adds to the slowest hundredth: more than the median of asking the backend directly, which is what is left without any gateway. */
async function latency(bench: Bench, quick: boolean): Promise<readonly Row[]> {
  const portolan = await bench.serve('portolan');
  const bare = await bench.serve('bare');
  const each = quick ? 500 : 2_500;
  const run = (port: number) => () => bench.load({ port, what: '1k', connections: 1, each });
  for (const { port } of [portolan, bare]) await bench.load({ port, what: '1k', connections, forMs: quick ? 1_000 : 5_000 });
  const samples = await interleaved(
    { portolan: run(portolan.port), bare: run(bare.port), direct: run(bench.originPort) },
    quick ? 5 : 25,
  );
  await Promise.all([portolan.stop(), bare.stop()]);
  const added = figures(samples, ({ p99 }) => p99 - median(samples.direct.map(({ p50 }) => p50)));
  return [
    {
      what: 'gateway: added p99 of latency at one connection, 1 KiB responses',
      against: bareName,
      measured: ratio(added, 'portolan', 'bare'),
      unit: 'x',
      target: { atMost: 1.15 },
      note: `${median(added.portolan).toFixed(2)} ms against ${median(added.bare).toFixed(2)} ms`,
      fallsShort: whatIsLeft,
    },
  ];
}

async function besideSlowClients(bench: Bench, quick: boolean): Promise<readonly Row[]> {
  const alone = await bench.serve('portolan');
  const beside = await bench.serve('portolan');
  const run = (port: number) => () => bench.load({ port, what: '1k', connections: 1, each: quick ? 500 : 2_500 });
  for (const { port } of [alone, beside]) await bench.load({ port, what: '1k', connections, forMs: quick ? 1_000 : 5_000 });
  const samples = await interleaved(
    {
      alone: run(alone.port),
      beside: async () => {
        const end = await bench.slowClients(beside.port, slowClients);
        try {
          return await run(beside.port)();
        } finally {
          await end();
        }
      },
    },
    quick ? 5 : 15,
  );
  await Promise.all([alone.stop(), beside.stop()]);
  const p99 = figures(samples, (one) => one.p99);
  return [
    {
      what: `gateway: p99 of latency at one connection while ${slowClients.toLocaleString('en')} others send a byte a second`,
      against: 'the same without them',
      measured: ratio(p99, 'beside', 'alone'),
      unit: 'x',
      target: { atMost: 2 },
      note: `${median(p99.beside).toFixed(2)} ms against ${median(p99.alone).toFixed(2)} ms`,
    },
  ];
}

/** Fresh processes: what counts is the most memory one ever had. */
async function memory(bench: Bench, quick: boolean): Promise<readonly Row[]> {
  const peak = (name: 'bare' | 'portolan') => async () => {
    const server = await bench.serve(name);
    await bench.load({ port: server.port, what: '10m', connections: transfers, each: 1, sha256 });
    const { peakKb } = await server.usage();
    await server.stop();
    return peakKb;
  };
  const samples = await interleaved({ portolan: peak('portolan'), bare: peak('bare') }, quick ? 1 : 5);
  const mib = (values: readonly number[]): string => `${(median(values) / 1_024).toFixed(0)} MiB`;
  return [
    {
      what: `gateway: peak RSS over ${transfers} transfers of 10 MiB at once, every byte compared`,
      against: bareName,
      measured: ratio(samples, 'portolan', 'bare'),
      unit: 'x',
      target: { atMost: 1.2 },
      note: `${mib(samples.portolan)} against ${mib(samples.bare)}`,
    },
  ];
}

interface Usage {
  /** Processor time up to now, in microseconds. */
  readonly cpuUs: number;
  /** The most memory up to now, in KiB. */
  readonly peakKb: number;
}

interface Server {
  readonly port: number;
  usage(): Promise<Usage>;
  stop(): Promise<void>;
}

/** The processes around what is measured. */
class Bench {
  readonly #folder: string;
  readonly #bundled: string;
  readonly #log = openSync('/dev/null', 'w');
  readonly #children = new Set<ChildProcess>();
  #load: ChildProcess | undefined;
  originPort = 0;
  #served = 0;

  constructor(folder: string, bundled: string) {
    this.#folder = folder;
    this.#bundled = bundled;
  }

  async start(): Promise<void> {
    const [, { port }] = await this.#fork<{ port: number }>('origin', []);
    this.originPort = port;
    [this.#load] = await this.#fork('load', []);
  }

  async serve(which: string): Promise<Server> {
    const folder = join(this.#folder, `${which.replaceAll('/', '-')}-${this.#served++}`);
    mkdirSync(folder);
    const [child, { port }] = await this.#fork<{ port: number }>('server', [which, `http://127.0.0.1:${this.originPort}`, folder]);
    return {
      port,
      usage: () => answered<Usage>(child, 'usage'),
      stop: () => this.#end(child),
    };
  }

  /** `undefined`, and a word about it, where there is none. */
  async serveNginx(): Promise<{ readonly server: Server; readonly version: string } | undefined> {
    const version = nginxVersion();
    if (version === undefined) {
      console.error('There is no nginx on the PATH: its row is left out.');
      return undefined;
    }
    const port = await freePort();
    const folder = join(this.#folder, 'nginx');
    mkdirSync(folder, { recursive: true });
    const file = join(folder, 'nginx.conf');
    writeFileSync(file, nginxConfiguration(folder, port, this.originPort));
    const child = spawn('nginx', ['-p', folder, '-c', file, '-e', 'stderr'], { stdio: ['ignore', 'ignore', 'inherit'] });
    this.#children.add(child);
    await untilListening(port, child);
    const unknown: Usage = { cpuUs: Number.NaN, peakKb: Number.NaN };
    return { server: { port, usage: async () => unknown, stop: () => this.#end(child) }, version };
  }

  /** Ends them when it is called. */
  async slowClients(port: number, count: number): Promise<() => Promise<void>> {
    const [child, { open }] = await this.#fork<{ open: number }>('slow-clients', [String(port), String(count)]);
    if (open !== count) throw new Error(`only ${open} of ${count} slow clients were let in`);
    return () => this.#end(child);
  }

  async load(load: Load): Promise<LoadResult> {
    if (this.#load === undefined) throw new Error('not started');
    const { result, error } = await answered<{ result?: LoadResult; error?: string }>(this.#load, load as unknown as Serializable);
    if (result === undefined) throw new Error(`${load.what} of port ${load.port}: ${error ?? ''}`);
    return result;
  }

  /** Requests per second, and processor time of the server for each, in microseconds. */
  async measure(server: Server, load: Omit<Load, 'port'>): Promise<Measured> {
    const before = await server.usage();
    const { requests, ms } = await this.load({ ...load, port: server.port });
    const after = await server.usage();
    return { perSecond: (requests / ms) * 1_000, cpuUs: (after.cpuUs - before.cpuUs) / requests };
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#children].map((child) => this.#end(child)));
  }

  async #fork<First>(name: string, args: readonly string[]): Promise<[ChildProcess, First]> {
    const child = fork(join(this.#bundled, `gateway-${name}.mjs`), [...args], {
      stdio: ['ignore', this.#log, 'inherit', 'ipc'],
      execArgv: [],
    });
    this.#children.add(child);
    return [child, await message<First>(child)];
  }

  async #end(child: ChildProcess): Promise<void> {
    if (!this.#children.delete(child) || child.exitCode !== null) return;
    const ended = once(child, 'exit');
    if (child.connected) child.disconnect();
    else child.kill('SIGTERM');
    await ended;
  }
}

async function answered<Answer>(child: ChildProcess, question: Serializable): Promise<Answer> {
  const answer = message<Answer>(child);
  child.send(question);
  return answer;
}

function message<Message>(child: ChildProcess): Promise<Message> {
  return new Promise((done, reject) => {
    const onExit = (code: number | null): void => reject(new Error(`A process of the benchmark ended with ${code}`));
    child.once('exit', onExit);
    child.once('message', (given) => {
      child.off('exit', onExit);
      done(given as Message);
    });
  });
}

function nginxVersion(): string | undefined {
  const { error, stderr } = spawnSync('nginx', ['-v'], { encoding: 'utf8' });
  // it tells on standard error
  return error === undefined ? /nginx\/[\d.]+/.exec(stderr)?.[0].replace('/', ' ') : undefined;
}

function nginxConfiguration(folder: string, port: number, upstreamPort: number): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${folder}/${kind};`);
  return `
    daemon off;
    master_process off;
    pid ${folder}/nginx.pid;
    events { worker_connections 1024; }
    http {
      ${temporary.join('\n      ')}
      access_log /dev/null combined;
      upstream backend { server 127.0.0.1:${upstreamPort}; keepalive 64; }
      server {
        listen 127.0.0.1:${port};
        keepalive_requests 1000000;
        location / {
          proxy_pass http://backend;
          proxy_http_version 1.1;
          proxy_set_header Connection "";
          proxy_set_header Host $http_host;
          proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
          proxy_set_header X-Forwarded-Proto $scheme;
          proxy_set_header X-Forwarded-Host $http_host;
        }
      }
    }`;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function untilListening(port: number, child: ChildProcess): Promise<void> {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`nginx ended with ${child.exitCode}`);
    const socket = connect({ host: '127.0.0.1', port });
    const listening = await Promise.race([once(socket, 'connect').then(() => true), once(socket, 'error').then(() => false)]).catch(
      () => false,
    );
    socket.destroy();
    if (listening) return;
    await new Promise((later) => setTimeout(later, 20));
  }
}

function versionOf(name: string): string {
  const { version } = JSON.parse(readFileSync(join('node_modules', name, 'package.json'), 'utf8')) as { version: string };
  return version;
}
