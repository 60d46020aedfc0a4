import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { nodeTransports } from '../../adapters/node/transport/node-transports.ts';
import { systemClock } from '../../adapters/node/system-clock.ts';
import { HeaderList } from '../../core/http/header-list.ts';
import { bodyBytes } from '../../core/http/body.ts';
import type { Body, HttpResponse, Transport } from '../../core/ports/index.ts';
import { UpstreamError } from '../../core/ports/index.ts';
import { HostileHttp2Backend } from '../support/hostile-http2-backend.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { connectionFaults, streamFaults, tokenOf } from './http2-faults.ts';

const seeds = Number(process.env['HTTP2_FUZZ_SEEDS'] ?? 4);
const exchangesPerSeed = 150;

const rejections: unknown[] = [];
const note = (reason: unknown): void => void rejections.push(reason);
beforeAll(() => void process.on('unhandledRejection', note));
afterAll(() => void process.off('unhandledRejection', note));

type Random = () => number;
const pick = <T>(random: Random, values: readonly T[]): T => values[Math.floor(random() * values.length)] as T;

async function startBackend(
  seed: number,
  log: string[],
): Promise<{ readonly backend: HostileHttp2Backend; readonly authority: string }> {
  const random = seededRandom(seed);
  const streams = Object.entries(streamFaults);
  const connections = Object.entries(connectionFaults);
  const backend = new HostileHttp2Backend({
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
      expect(tokens).not.toContain(undefined);
      expect(new Set(tokens).size).toBe(tokens.length);
      const errors = outcomes.flatMap((outcome) => (outcome?.error === undefined ? [] : [outcome.error]));
      for (const error of errors) {
        if (!(error instanceof UpstreamError)) expect((error as Error).message).toMatch(/gone|broke off|did not arrive in time/);
      }
      if (process.env['HTTP2_FUZZ_LOG']) {
        const types: Record<string, number> = {};
        for (const e of errors) types[(e as Error).message] = (types[(e as Error).message] ?? 0) + 1;
        console.log(seed, 'whole', tokens.length, 'errors', types, 'connections', backend.sockets.length);
      }
      let closed = false;
      void transport.close().then(() => (closed = true));
      await vi.waitUntil(() => closed, generous);
      await vi.waitUntil(() => backend.open === 0, generous);
      expect(rejections).toEqual([]);
    },
  );
});
