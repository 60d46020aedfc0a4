import { Agent, request } from 'node:http';
import { connect } from 'node:http2';
import type { ClientHttp2Session } from 'node:http2';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { nodeTransports } from '../../adapters/node/transport/node-transports.ts';
import { systemClock } from '../../adapters/node/system-clock.ts';
import { HeaderList } from '../../core/http/header-list.ts';
import { bodyBytes } from '../../core/http/body.ts';
import type { Body, HttpResponse, Transport } from '../../core/ports/index.ts';
import { UpstreamError } from '../../core/ports/index.ts';
import { hostileHttp2Backend } from '../support/hostile-http2-backend.ts';
import type { SilentServer } from '../support/silent-server.ts';
import { pick, seededRandom } from '../support/seeded-random.ts';
import { unhandledRejections } from '../support/unhandled-rejections.ts';
import { startStack } from '../protocol/stack.ts';
import { connectionFaults, streamFaults } from './http2-faults.ts';
import { tokenOf } from './owned-content.ts';

/** More seeds find more; so many run in seconds. */
const seeds = Number(process.env['HTTP2_FUZZ_SEEDS'] ?? 2);
const exchangesPerSeed = 150;

const rejections = unhandledRejections();

type Random = () => number;

async function startBackend(seed: number, log: string[]): Promise<{ readonly backend: SilentServer; readonly authority: string }> {
  const random = seededRandom(seed);
  const streams = Object.entries(streamFaults);
  const connections = Object.entries(connectionFaults);
  const backend = hostileHttp2Backend({
    onConnection: (peer) => {
      // most begin well
      const [name, begin] = random() < 0.7 ? (['good', connectionFaults['good']] as const) : pick(random, connections);
      log.push(`${peer.connection}: ${name}`);
      begin?.(peer, random);
    },
    onStream: (peer, stream) => {
      const [name, act] = random() < 0.3 ? (['good', streamFaults['good']] as const) : pick(random, streams);
      log.push(`${peer.connection}.${stream}: ${name}`);
      act?.(peer, stream, random);
    },
  });
  const port = await backend.listen();
  onTestFinished(() => backend.close());
  return { backend, authority: `127.0.0.1:${port}` };
}

/** Content of a request: bytes, pieces that come by and by, pieces that never end, an error. */
function contentOf(random: Random): Body {
  const kind = Math.floor(random() * 8);
  if (kind < 3) return undefined;
  if (kind === 3) return 'short';
  if (kind === 4) return Buffer.alloc(200_000, 'a');
  return (async function* () {
    for (let at = 0; at < 4; at++) {
      yield Buffer.alloc(kind === 5 ? 40_000 : 10, 'b');
      await sleep(5);
    }
    if (kind === 6) await sleep(2_000, undefined, { ref: false });
    if (kind === 7) throw new TypeError('the content broke off');
  })();
}

type Outcome = { readonly text?: string; readonly error?: unknown };

async function read(response: HttpResponse, random: Random): Promise<string | undefined> {
  const way = Math.floor(random() * 4);
  const { body } = response;
  if (way !== 0 || body === undefined || typeof body === 'string' || body instanceof Uint8Array) {
    return Buffer.from(await bodyBytes(body)).toString('latin1');
  }
  // held for a while, and then not wanted
  const reader = body[Symbol.asyncIterator]();
  if (random() < 0.5) await reader.next();
  await sleep(random() * 40);
  await reader.return?.();
  return undefined;
}

async function exchange(transport: Transport, authority: string, random: Random): Promise<Outcome> {
  const abort = new AbortController();
  if (random() < 0.15) setTimeout(() => abort.abort(new TypeError('gone')), random() * 40);
  const body = contentOf(random);
  const expectsContinue = body !== undefined && random() < 0.2;
  try {
    const response = await transport.send(
      {
        method: body === undefined ? pick(random, ['GET', 'GET', 'HEAD']) : 'POST',
        scheme: 'http',
        authority,
        target: '/',
        headers: new HeaderList(expectsContinue ? ['expect', '100-continue'] : []),
        body,
        trailers: random() < 0.2 ? () => new HeaderList(['x-sum', '1']) : undefined,
      },
      { deadline: systemClock.now() + 300, signal: abort.signal, onInformational: () => undefined },
    );
    const text = await read(response, random);
    return text === undefined || response.body === undefined ? {} : { text };
  } catch (error) {
    return { error };
  }
}

/** Settled by far: not a matter of speed. */
const generous = { timeout: 20_000 };

describe('A backend that speaks HTTP/2 as no backend should', () => {
  it.each(Array.from({ length: seeds }, (_, seed) => seed + 1))(
    'lets every exchange of the client come to an end, whole or as a failure, and keeps nothing (seed %d)',
    async (seed) => {
      const log: string[] = [];
      const { backend, authority } = await startBackend(seed, log);
      const random = seededRandom(seed + 1_000);
      const transports = nodeTransports({
        clock: systemClock,
        secrets: {
          current(name) {
            throw new Error(`no secret ${name}`);
          },
        },
      });
      const transport = transports.open({
        protocol: 'http2',
        allowPrivate: true,
        allow: [],
        connectTimeoutMs: 150,
        responseHeadersTimeoutMs: 150,
        idleTimeoutMs: 100,
      });
      const outcomes: (Outcome | undefined)[] = [];
      for (let n = 0; n < exchangesPerSeed; n++) {
        outcomes.push(undefined);
        void exchange(transport, authority, random).then((outcome) => (outcomes[n] = outcome));
        if (random() < 0.3) await sleep(random() * 10);
      }
      await vi.waitUntil(() => outcomes.every((outcome) => outcome !== undefined), generous);
      const tokens = outcomes.flatMap((outcome) => (outcome?.text === undefined ? [] : [tokenOf(outcome.text)]));
      expect(
        outcomes.flatMap((outcome) => (outcome?.text === undefined || tokenOf(outcome.text) !== undefined ? [] : [outcome.text])),
      ).toEqual([]);
      expect(new Set(tokens).size).toBe(tokens.length);
      const errors = outcomes.flatMap((outcome) => (outcome?.error === undefined ? [] : [outcome.error]));
      for (const error of errors) {
        if (!(error instanceof UpstreamError)) expect((error as Error).message).toMatch(/gone|broke off|did not arrive in time/);
      }
      let closed = false;
      void transport.close().then(() => (closed = true));
      await vi.waitUntil(() => closed, generous);
      await vi.waitUntil(() => backend.open === 0, generous);
      expect(rejections).toEqual([]);
    },
  );
});

type Seen = 'given up' | 'refused' | 'broken off' | { readonly text: string };

/** What a client does to its own exchange, beside asking. */
const ways = [
  'reads',
  'reads',
  'reads',
  'reads late',
  'resets',
  'resets without a reason',
  'reads nothing and resets',
  'forgets',
] as const;

function overHttp2(session: ClientHttp2Session, random: Random): Promise<Seen> {
  const way = pick(random, ways);
  const method = pick(random, ['GET', 'GET', 'HEAD', 'POST', 'POST']);
  const stream = session.request(
    { ':path': '/', ':method': method, ':authority': 'api.example' },
    { endStream: method !== 'POST' },
  );
  if (method === 'POST') {
    // within the window: Node's client that loses a stream with content under way may write empty frames without end
    stream.write(Buffer.alloc(pick(random, [1, 1_000, 5_000])));
    if (random() < 0.7) stream.end();
    else if (random() < 0.5) setTimeout(() => stream.closed || stream.end('end'), 20);
  }
  let status = 0;
  let text = '';
  stream.on('error', () => undefined);
  stream.on('end', () => {
    // Node's client hears of a reset without an error no better than its server; one that it resets itself must be left alone (it would write without end)
    if (stream.closed && !way.includes('reset')) stream.destroy();
  });
  stream.on('response', (fields) => (status = fields[':status'] ?? 0));
  const reading = (): void => void stream.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
  if (way === 'reads' || way.startsWith('resets')) reading();
  if (way === 'reads late') setTimeout(reading, random() * 60);
  if (way.includes('reset')) {
    setTimeout(() => {
      // Node holds NO_ERROR back until the request has left, and writes without end when its session goes meanwhile
      stream.close(way !== 'resets' && stream.writableFinished ? 0 : pick(random, [2, 8, 1]));
    }, random() * 60);
    return Promise.resolve('given up');
  }
  // a client that does not end its request and waits for an answer is ended by the server's limits
  if (way === 'forgets') return Promise.resolve('given up');
  return new Promise((resolve) => {
    stream.on('close', () => {
      if (stream.rstCode !== 0 || status === 0 || session.destroyed) resolve('broken off');
      else if (status !== 200) resolve('refused');
      else resolve(method === 'HEAD' ? 'refused' : { text });
    });
  });
}

function overHttp1(port: number, agent: Agent, random: Random): Promise<Seen> {
  const way = pick(random, ways);
  const method = pick(random, ['GET', 'GET', 'HEAD', 'POST', 'POST']);
  return new Promise((resolve) => {
    const sent = request({ host: '127.0.0.1', port, agent, method, path: '/', headers: { host: 'api.example' } });
    sent.on('error', () => undefined);
    sent.on('close', () => resolve('broken off'));
    if (way.includes('reset') || way === 'forgets') {
      setTimeout(() => {
        sent.destroy();
        resolve('given up');
      }, random() * 60);
    }
    sent.on('response', (response) => {
      let text = '';
      response.on('error', () => undefined);
      response.on('end', () => {
        if (!response.complete) resolve('broken off');
        else resolve(response.statusCode !== 200 || method === 'HEAD' ? 'refused' : { text });
      });
      const reading = (): void => void response.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
      if (way === 'reads late') setTimeout(reading, random() * 60);
      else if (way !== 'reads nothing and resets') reading();
    });
    if (method === 'POST') {
      sent.write(Buffer.alloc(pick(random, [1, 1_000, 100_000])));
      if (random() < 0.7) sent.end();
      else setTimeout(() => sent.destroyed || sent.end('end'), 20);
    } else {
      sent.end();
    }
  });
}

describe('Between clients over HTTP/1.1 and HTTP/2 and such a backend', () => {
  it.each(Array.from({ length: seeds }, (_, seed) => seed + 1))(
    'every exchange comes to an end, no answer is another one or half of one, and the server stops without patience (seed %d)',
    async (seed) => {
      const log: string[] = [];
      const { backend, authority } = await startBackend(seed, log);
      const random = seededRandom(seed + 2_000);
      const stack = await startStack(`http://${authority}`, {
        // patience beyond any test's
        server: {
          limits: {
            closeTimeoutMs: 600_000,
            keepAliveTimeoutMs: 400,
            sendTimeoutMs: 400,
            headersTimeoutMs: 400,
            requestTimeoutMs: 400,
          },
        },
        route: { timeoutMs: 400 },
        upstream: { protocol: 'http2', timeouts: { connectMs: 150, responseHeadersMs: 150, idleMs: 100 } },
      });
      const agent = new Agent({ keepAlive: true });
      const sessions: ClientHttp2Session[] = [];
      const session = (): ClientHttp2Session => {
        const usable = sessions.filter(({ closed, destroyed }) => !closed && !destroyed);
        if (usable.length >= 3) return pick(random, usable);
        const next = connect(`http://127.0.0.1:${stack.port}`, {
          settings: { initialWindowSize: pick(random, [65_535, 100, 1_000]) },
        });
        next.on('error', () => undefined);
        sessions.push(next);
        return next;
      };
      onTestFinished(() => {
        agent.destroy();
        for (const one of sessions) one.destroy();
      });
      const outcomes: (Seen | undefined)[] = [];
      for (let n = 0; n < exchangesPerSeed; n++) {
        outcomes.push(undefined);
        const seen = random() < 0.6 ? overHttp2(session(), random) : overHttp1(stack.port, agent, random);
        void seen.then((outcome) => (outcomes[n] = outcome));
        if (random() < 0.02) session().destroy();
        if (random() < 0.02) session().close();
        if (random() < 0.3) await sleep(random() * 10);
      }
      await vi.waitUntil(() => outcomes.every((outcome) => outcome !== undefined), generous);
      const texts = outcomes.flatMap((outcome) => (typeof outcome === 'object' ? [outcome.text] : []));
      expect(texts.filter((text) => tokenOf(text) === undefined)).toEqual([]);
      expect(new Set(texts.map(tokenOf)).size).toBe(texts.length);
      let closed = false;
      void stack.close().then(() => (closed = true));
      await vi.waitUntil(() => closed, generous);
      await vi.waitUntil(() => backend.open === 0, generous);
      const events = stack.gateway.logged.map(({ event }) => event);
      for (const event of ['bug', 'http_server.cut', 'http_server.handler_failed']) expect(events).not.toContain(event);
      expect(rejections).toEqual([]);
    },
  );
});
