import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { LogAttributes } from '../../core/ports/index.ts';
import type { CertificatePem } from '../../adapters/local/server/http-server.ts';
import type { ProxyConfiguration, UpstreamConfiguration } from '../../core/proxy/configuration.ts';
import { hostileHttp1Backend } from '../support/hostile-http1-backend.ts';
import type { SilentServer } from '../support/silent-server.ts';
import type { Http1Asked, Http1Peer } from '../support/hostile-http1-backend.ts';
import { selfSigned } from '../support/self-signed.ts';
import { below, pick, seededRandom } from '../support/seeded-random.ts';
import { unhandledRejections } from '../support/unhandled-rejections.ts';
import { startStack } from '../protocol/stack.ts';
import type { Stack } from '../protocol/stack.ts';
import { Http1Client, randomAsk, routes, ways } from './http1-clients.ts';
import type { Answer, Ask } from './http1-clients.ts';
import { http1Beginnings, http1Faults, targetOf, wishOf } from './http1-faults.ts';
import { contentOf, tokenOf } from './owned-content.ts';

/** More seeds find more; so many run in seconds. */
const seeds = Number(process.env['HTTP1_FUZZ_SEEDS'] ?? 2);
const firstSeed = Number(process.env['HTTP1_FUZZ_FIRST_SEED'] ?? 1);
const clientsPerSeed = 70;
const places = 6;

const rejections = unhandledRejections();

/** Settled by far: not a matter of speed. */
const generous = { timeout: 30_000 };

/** Holds all who come until so many are there. */
class Barrier {
  size = 0;
  readonly #held = new Map<string, () => void>();

  enter(who: string, open: () => void): void {
    this.#held.set(who, open);
    if (this.#held.size < this.size) return;
    for (const release of this.#held.values()) release();
    this.#held.clear();
  }

  begin(size: number): void {
    this.size = size;
    this.#held.clear();
  }
}

interface Scene {
  readonly backend: SilentServer;
  readonly url: string;
  /** Tokens whose requests have come, whole or not, not counting mirrored ones. */
  readonly seen: Set<string>;
  /** What came that no client has sent. */
  readonly wrong: string[];
  readonly barrier: Barrier;
}

async function startBackend(seed: number): Promise<Scene> {
  const random = seededRandom(seed);
  const tries = new Map<string, number>();
  const seen = new Set<string>();
  const wrong: string[] = [];
  const barrier = new Barrier();
  const onRequest = (peer: Http1Peer, asked: Http1Asked): void => {
    const wish = wishOf(asked.target);
    if (wish === undefined) {
      wrong.push(`${asked.method} ${asked.target}`);
      return;
    }
    const { token, faults } = wish;
    const isMirrored = asked.target.startsWith('/mirrored/');
    asked.whenWhole((content) => {
      if (content !== '' && tokenOf(content) !== token)
        wrong.push(`content of ${token}: ${content.slice(0, 60)} (${content.length})`);
    });
    if (!isMirrored) seen.add(token);
    const [only = ''] = faults;
    if (only === 'barrier') {
      barrier.enter(`${token} ${isMirrored}`, () => asked.whenWhole(() => http1Faults['good']?.(peer, asked, random)));
      return;
    }
    const tried = tries.get(`${isMirrored} ${token}`) ?? 0;
    tries.set(`${isMirrored} ${token}`, tried + 1);
    const chance = seededRandom(hash(`${token} ${tried} ${isMirrored}`));
    const name = isMirrored ? pick(chance, Object.keys(http1Faults)) : (faults[Math.min(tried, faults.length - 1)] ?? '');
    http1Faults[name]?.(peer, asked, chance);
  };
  const backend = hostileHttp1Backend({
    onRequest,
    onConnection: (peer) => {
      if (random() < 0.02) pick(random, Object.values(http1Beginnings))(peer);
    },
  });
  const port = await backend.listen();
  onTestFinished(() => backend.close());
  return { backend, url: `http://127.0.0.1:${port}`, seen, wrong, barrier };
}

function hash(text: string): number {
  let value = 7;
  for (const letter of text) value = Math.imul(value, 31) + letter.charCodeAt(0);
  return value;
}

/** Routes of every kind, each with an upstream of its own, so that each has its own places. */
function configuration(url: string): Pick<ProxyConfiguration, 'routes' | 'upstreams'> {
  const base: UpstreamConfiguration = {
    url,
    allowPrivate: true,
    circuitBreaker: false,
    outlierEjection: false,
    timeouts: { connectMs: 150, responseHeadersMs: 150, idleMs: 100 },
    retry: { retries: 0 },
    concurrency: { max: places, maxQueued: 200, queueTimeoutMs: 200 },
  };
  const retry = { retries: 2, baseBackoffMs: 1, maxBackoffMs: 10, budgetRatio: 1, budgetMinPerSecond: 100 };
  const upstreams: Record<string, UpstreamConfiguration> = {
    plain: base,
    retry: { ...base, retry },
    hedge: { ...base, retry, hedge: { delayMs: 10, budgetRatio: 1 } },
    zip: base,
    mirror: base,
    limit: { ...base, retry, concurrency: { max: places, maxQueued: 3, queueTimeoutMs: 20 } },
    fall: { ...base, retry: { ...retry, retries: 1 }, fallback: 'spare' },
    breaker: {
      ...base,
      retry,
      timeouts: { ...base.timeouts, tryMs: 120 },
      circuitBreaker: { consecutiveFailures: 8, openMs: 20, maxOpenMs: 40 },
      outlierEjection: { baseEjectionMs: 20, maxEjectionMs: 40 },
      admission: { windowMs: 1_000 },
    },
    ws: base,
    spare: base,
    mirrored: { ...base, url: `${url}/mirrored`, concurrency: { max: 100 } },
  };
  return {
    upstreams,
    routes: [
      ...routes.map((id) => ({
        id,
        match: { paths: [`/${id}/*`] },
        upstream: id,
        timeoutMs: 500,
        maxRequestBytes: 1_000_000,
        ...(id === 'ws' && { upgrade: true }),
        ...(id === 'zip' && { compression: { minBytes: 1 } }),
        ...(id === 'mirror' && { mirror: { upstream: 'mirrored', maxInFlight: places, timeoutMs: 300, compare: {} } }),
      })),
      { id: 'honest', match: { paths: ['/honest/*'] }, upstream: 'backend' },
    ],
  };
}

async function start(url: string, tls: CertificatePem | undefined): Promise<Stack> {
  return startStack(url, {
    also: configuration(url),
    route: { compression: false },
    proxy: { compression: { codings: [] } },
    server: {
      tls,
      limits: {
        // patience beyond any test's
        closeTimeoutMs: 600_000,
        keepAliveTimeoutMs: 300,
        sendTimeoutMs: 400,
        headersTimeoutMs: 300,
        requestTimeoutMs: 400,
        tunnelIdleTimeoutMs: 300,
        maxBodyBytes: 1_500_000,
      },
    },
  });
}

const pathOf = ({ wish }: Ask): string => (wish === undefined ? '' : targetOf(wish));

const isProblem = ({ fields }: Answer): boolean => fields.get('content-type') === 'application/problem+json';

/** What is wrong with what a client was told, and with what the log says of it. */
function faultsOf(client: Http1Client, lines: readonly LogAttributes[], seen: ReadonlySet<string>): string[] {
  const { asks, reading, begun } = client;
  const wrong: string[] = [];
  const say = (what: string): void => {
    const told = reading.answers.map(({ status, whole }) => `${status}${whole ? '' : ' cut'}`).join(', ');
    const logged = lines.map((line) => `${line['http.response.status_code']} ${line['error.type'] ?? ''}`).join(', ');
    const sent = asks.map(({ kind, wish }) => `${kind} ${wish === undefined ? '' : targetOf(wish)}`).join('; ');
    wrong.push(`${what}\n  ${client.way} ${client.ended} (${sent})\n  told ${told}\n  logged ${logged}`);
  };
  /** Of a request that no handler saw. */
  const refusal = (status: number): LogAttributes | undefined =>
    lines.find((one) => one['url.path'] === undefined && one['http.response.status_code'] === status);
  if (reading.tunnel !== undefined && !client.mayComeOut(reading.tunnel)) say(`out of the tunnel: ${reading.tunnel.slice(0, 100)}`);
  if (reading.garbled !== undefined) say(`garbled: ${reading.garbled}`);
  if (lines.length > begun) say(`${lines.length} lines for ${begun} requests`);
  for (const [at, answer] of reading.answers.entries()) {
    const asked = asks[at];
    // a connection on which nothing was said is no request, though it is told that its time is over
    if (asked === undefined || answer.status === 0 || client.written === 0) continue;
    const { status, whole, fields, content } = answer;
    const own = lines.filter((line) => line['url.path'] !== undefined && line['url.path'] === pathOf(asked));
    const line =
      own[0] ?? (asked.wish === undefined ? lines.find((one) => one['http.response.status_code'] === status) : refusal(status));
    if (line === undefined) say(`no line for ${asked.kind}, told ${status}`);
    else if (line['http.response.status_code'] !== status) say(`told ${status}, logged ${line['http.response.status_code']}`);
    const errorType = line?.['error.type'];
    if (isProblem(answer)) {
      if (errorType === undefined) say(`problem ${status} without a type in the log`);
      if (status === 500) say('a bug');
      if (whole && asked.method !== 'HEAD' && (JSON.parse(content) as { status: number }).status !== status) say('not its problem');
    } else {
      if (asked.wish === undefined) say(`${asked.kind} was answered by the backend`);
      const token = asked.wish?.token;
      const mark = fields.get('x-token');
      // what is no answer of the good kind has no mark, and may not be whole
      if (mark !== token && (mark !== undefined || whole)) say(`the answer of ${mark} to ${token}`);
      const hasContent = asked.method !== 'HEAD' && ![101, 204, 304].includes(status);
      if (whole && hasContent && tokenOf(content) !== token) {
        say(`content of ${token} is not whole: ${content.slice(0, 30)}...${content.slice(-30)} (${content.length})`);
      }
      if (whole && errorType !== undefined) say(`whole, but ${errorType} in the log`);
      // one who still writes may be reset by what he writes, and what is large may be given up after its line was written
      const isPlain =
        client.waits && !asked.old && asked.content === '' && !asked.wish?.faults.some((name) => name.includes('large'));
      if (!whole && isPlain && errorType === undefined) say('broken off, but not in the log');
    }
    if (!whole && client.ended === 'open') say('an answer that does not end');
  }
  for (const asked of asks) {
    if (asked.wish === undefined) continue;
    const own = lines.filter((line) => line['url.path'] === pathOf(asked));
    if (own.length > 1) say(`${own.length} lines for ${asked.kind}`);
    // behind a switch of protocols everything goes to the backend as it is
    const isTunnelled = lines.some((line) => line['http.response.status_code'] === 101);
    if (own.length === 0 && seen.has(asked.wish.token) && !isTunnelled)
      say(`no line for ${asked.kind}, which the backend has seen`);
  }
  return wrong;
}

/** Where the server is, and whom to trust where it speaks TLS. */
interface Door {
  readonly port: number;
  readonly ca: string | undefined;
}

/** Asks until it is answered well: a machine may stall for longer than the server waits. */
async function honest({ port, ca }: Door, token: string, route = 'honest'): Promise<void> {
  let answered = false;
  for (let n = 0; !answered && n < 100; n++) {
    if (n > 0) await sleep(20);
    const wish = { route, token, faults: ['good'] };
    const head = `GET ${targetOf(wish)} HTTP/1.1\r\nHost: api.example\r\nConnection: close\r\n\r\n`;
    const ask: Ask = { kind: 'honest', method: 'GET', wish, head, content: '', expects: false, old: false };
    const client = new Http1Client(port, '127.0.0.1', 'waits', [ask], ca);
    await client.converse(() => 0.5);
    const [answer] = client.reading.answers;
    answered = answer?.status === 200 && answer.whole && tokenOf(answer.content) === token;
  }
  expect(answered).toBe(true);
}

/** As many requests at once as a route may have under way, and as many copies: one less could be, had a place been kept. */
async function fill(door: Door, route: string, { barrier }: Scene, seed: number): Promise<void> {
  const method = route === 'mirror' ? 'GET' : 'POST';
  for (let n = 0; n < 100; n++) {
    barrier.begin(route === 'mirror' ? 2 * places : places);
    const clients = Array.from({ length: places }, (_, at) => {
      const wish = { route, token: `full${seed}${route}${n}x${at}`, faults: ['barrier'] };
      const content = method === 'GET' ? '' : contentOf(wish.token, 5);
      const head = `${method} ${targetOf(wish)} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n`;
      const framed = `${head}${content === '' ? '' : `Content-Length: ${content.length}\r\n`}\r\n`;
      const ask: Ask = { kind: 'full', method, wish, head: framed, content, expects: false, old: false };
      return new Http1Client(door.port, '127.0.0.1', 'waits', [ask], door.ca);
    });
    await Promise.all(clients.map((client) => client.converse(() => 0.5)));
    if (clients.every(({ reading }) => reading.answers[0]?.status === 200)) return;
    // what has been learned of the backend in the meantime must not stand in the way
    for (let calm = 0; calm < 10; calm++) await honest(door, `calm${seed}${route}${n}x${calm}`, route);
  }
  expect.unreachable(`${route} has lost a place`);
}

/** What this process holds open. */
const resources = (): readonly string[] =>
  process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap' || name === 'TCPServerWrap' || name === 'Timeout');

describe('Between odd and hostile clients and backends that speak HTTP/1.1', () => {
  it.each(Array.from({ length: seeds }, (_, n) => firstSeed + n))(
    'every exchange comes to an end, no answer is another one or half of one, each has its line, and nothing is kept (seed %d)',
    { timeout: 90_000 },
    async (seed) => {
      const before = resources().length;
      const random = seededRandom(seed + 10_000);
      const scene = await startBackend(seed);
      // neither of the default seeds: it takes twice the time
      const tls = seed % 3 === 0 ? selfSigned() : undefined;
      const stack = await start(scene.url, tls);
      const stops = seed % 2 === 0;
      const clients: Http1Client[] = [];
      onTestFinished(() => {
        for (const client of clients) client.destroy();
      });
      let ended = 0;
      let closed = false;
      const stop = (): void => void stack.close().then(() => (closed = true));
      for (let n = 0; n < clientsPerSeed; n++) {
        const asks = Array.from({ length: 1 + below(random, 4) }, (_, at) => randomAsk(random, `s${seed}c${n}r${at}`));
        const address = `127.${1 + (seed % 200)}.${1 + (n >> 7)}.${1 + (n & 127)}`;
        const client = new Http1Client(stack.port, address, pick(random, ways), asks, tls?.cert);
        clients.push(client);
        void client.converse(seededRandom(seed * 1_000 + n)).then(() => ended++);
        if (random() < 0.5) await sleep(random() * 12);
        // nobody else is let in then
        if (stops && n > 20 && random() < 0.04) break;
      }
      if (stops) stop();
      await vi.waitUntil(() => ended === clients.length, generous).catch(() => undefined);
      const hanging = clients.filter(({ ended: how }) => how === 'open');
      expect(hanging.map(({ way, asks, text }) => `${way} ${asks.map(pathOf).join('; ')} ${text.slice(-200)}`)).toEqual([]);
      if (!stops) {
        const door = { port: stack.port, ca: tls?.cert };
        await honest(door, `honest${seed}`);
        for (const route of routes) await fill(door, route, scene, seed);
        stop();
      }
      await vi.waitUntil(() => closed, generous);
      await vi.waitUntil(() => scene.backend.open === 0, generous);
      // of a connection that was reset before it was accepted nobody knows the address
      const owners = new Map(clients.flatMap(({ asks, address }) => asks.map((ask) => [pathOf(ask), address])));
      const lines = Map.groupBy(stack.gateway.lines(), (line) => line['client.address'] ?? owners.get(String(line['url.path'])));
      expect(clients.flatMap((client) => faultsOf(client, lines.get(client.address) ?? [], scene.seen))).toEqual([]);
      expect(scene.wrong).toEqual([]);
      const events = new Set(stack.gateway.logged.map(({ event }) => event));
      for (const event of ['bug', 'http_server.cut', 'http_server.handler_failed', 'http_server.background_work_failed']) {
        expect(events).not.toContain(event);
      }
      await scene.backend.close();
      for (let patience = 500; resources().length > before && patience > 0; patience--) await sleep(20);
      expect(resources().length, resources().join()).toBeLessThanOrEqual(before);
      expect(rejections).toEqual([]);
    },
  );
});
