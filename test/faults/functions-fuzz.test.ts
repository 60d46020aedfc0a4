import { Agent, request as httpRequest } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { LambdaSource } from '../../adapters/aws/lambda-http-codec.ts';
import { albEvent, albMultiEvent, functionUrlEvent, httpV2Event, restEvent } from '../support/aws/events.ts';
import type { WireRequest } from '../support/aws/events.ts';
import { startLambda } from '../support/aws/lambda-runtime.ts';
import type { LambdaFunction } from '../support/aws/lambda-runtime.ts';
import { readResult } from '../support/aws/results.ts';
import { startFunctionsHost } from '../support/azure/functions-host.ts';
import { serveFunction } from '../support/gcp/functions-framework.ts';
import { pick, seededRandom } from '../support/seeded-random.ts';
import { configurationVariable, inspectTarget } from './functions/gateway.ts';
import type { Inspection } from './functions/gateway.ts';
import { functionFaults, startHostileOrigin } from './functions/function-faults.ts';
import type { HostileOrigin, Meeting } from './functions/function-faults.ts';
import { contentOf, decoded, tokenOf } from './owned-content.ts';

/** More seeds find more; so many run in seconds. */
const seeds = Number(process.env['FUNCTIONS_FUZZ_SEEDS'] ?? 1);
const firstSeed = Number(process.env['FUNCTIONS_FUZZ_FIRST_SEED'] ?? 1);
const exchangesPerSeed = 40;
/** One after the other. */
const invocationsPerSeed = 25;
/** What must never be logged. */
const secret = 'SECRET-f4a1';
/** Requests at once: of Azure's and Google's functions. */
const atOnce = 8;

const meeting: Meeting = { size: 1, waiting: [] };
const faults = functionFaults(meeting);
/** Settled by far: not a matter of speed. */
const generous = { timeout: 30_000, interval: 2 };

type Random = () => number;

let backend: HostileOrigin;
beforeAll(async () => {
  backend = await startHostileOrigin(meeting);
});
afterAll(() => backend.close());

/** @param max requests at once, and nobody waits: what is not given back is missed */
const configuration = (max: number, maxQueued: number): string => {
  const upstream = {
    url: backend.url,
    allowPrivate: true,
    circuitBreaker: false,
    outlierEjection: false,
    retry: { retries: 3, budgetMinPerSecond: 1_000 },
    concurrency: { max, maxQueued, queueTimeoutMs: 60_000 },
  };
  const patient = { connectMs: 60_000, responseHeadersMs: 60_000, idleMs: 60_000 };
  return JSON.stringify({
    proxy: { compression: {}, accessLog: { requestFields: ['user-agent'] } },
    routes: [
      { id: 'patient', match: { paths: ['/patient/*'] }, upstream: 'patient', timeoutMs: 60_000 },
      { id: 'hurried', match: { paths: ['/hurried/*'] }, upstream: 'patient', timeoutMs: 150 },
      { id: 'idle', match: { paths: ['/idle/*'] }, upstream: 'idle', timeoutMs: 60_000 },
    ],
    upstreams: {
      patient: { ...upstream, timeouts: patient },
      idle: { ...upstream, timeouts: { ...patient, responseHeadersMs: 100, idleMs: 100 } },
    },
  });
};

/** One exchange as the seed wants it. */
interface Asked {
  readonly id: string;
  readonly fault: string;
  readonly method: string;
  readonly target: string;
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer | undefined;
  /** Of the answer's content, but for its ends. */
  readonly length: number;
}

type Outcome =
  | { readonly kind: 'answer'; readonly status: number; readonly headers: readonly string[]; readonly body: Buffer }
  | { readonly kind: 'broken'; readonly status: number }
  | { readonly kind: 'gone' };

/** @param most the greatest content of an answer */
function ask(random: Random, id: string, most: number, chosen?: string): Asked {
  const fault =
    chosen ??
    (random() < 0.3
      ? 'whole'
      : pick(
          random,
          Object.keys(faults).filter((name) => name !== 'meeting'),
        ));
  const { stalls, becomes } = faults[fault] ?? expect.unreachable(fault);
  const route = stalls === undefined ? 'patient' : stalls === 'route' ? 'hurried' : pick(random, ['hurried', 'idle']);
  // a client that only wants the headers hears nothing of how the content goes on
  const method = pick(random, ['GET', 'GET', 'GET', 'POST', 'POST', 'PUT', 'DELETE', ...(becomes === 'failed' ? [] : ['HEAD'])]);
  const length = pick(random, [0, 1, 100, 5_000, 70_000, 300_000, ...(random() < 0.1 ? [most] : [])]);
  const filler = pick(random, ['text', 'bytes']);
  const fields = oddRequestFields.filter(() => random() < 0.2);
  const textual = random() < 0.5;
  const sent = contentOf(
    id,
    pick(random, [0, 10, 5_000, 70_000, 200_000, ...(random() < 0.1 ? [2_000_000] : [])]),
    textual ? 'x' : '\xff',
  );
  const body = method.startsWith('P') && random() < 0.9 ? Buffer.from(sent, 'latin1') : undefined;
  if (body !== undefined) fields.push(['content-type', textual ? 'text/plain' : 'application/octet-stream']);
  const target = `/${[route, id, fault, length, filler].map(encodeURIComponent).join('/')}?token=${secret}&__proto__=1&constructor=2&a=1&a=2`;
  return { id, fault, method, target, fields, body, length };
}

/** When it meets the end of its connection nobody can send it again. */
const isSentOnce = ({ method, body }: Asked): boolean => method === 'POST' || body !== undefined;

const oddRequestFields: (readonly [name: string, value: string])[] = [
  ['authorization', `Bearer ${secret}`],
  ['cookie', `__proto__=1; constructor=2; session=${secret}; =; a`],
  ['__proto__', 'polluted'],
  ['constructor', 'polluted'],
  ['x-empty', ''],
  ['x-repeated', 'a'],
  ['accept-encoding', 'gzip'],
  ['accept-encoding', 'br, zstd;q=0.5'],
  ['x-long', 'y'.repeat(4_000)],
  ['expect', '100-continue'],
  ['te', 'trailers'],
  ['traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'],
  ['function-execution-id', 'of the client'],
  ['x-forwarded-for', 'unknown, 203.0.113.9:99999'],
  ['range', 'bytes=0-1'],
];

const told = ({ method, target, body }: Asked): string => `${method} ${target} with ${body?.length ?? 0} bytes`;

/** What is wrong with what a client saw; nothing, if nothing is. */
function verdict({ id, fault, method }: Asked, outcome: Outcome, mayFail: boolean): string | undefined {
  const { becomes } = faults[fault] ?? expect.unreachable(fault);
  if (outcome.kind === 'gone') return undefined;
  if (outcome.kind === 'broken') {
    return becomes === 'failed' || becomes === 'either' || mayFail ? undefined : `broken off after ${outcome.status}`;
  }
  const { status, headers, body } = outcome;
  // 408: what a slow machine takes to send content is the client's time
  const failed = (status >= 500 && status !== 599) || (status === 408 && (mayFail || becomes === 'failed'));
  if (failed) {
    if (becomes !== 'failed' && becomes !== 'either' && !mayFail) return `a ${status}: ${body.toString()}`;
    const isProblem =
      method === 'HEAD' ||
      /^\{"type":"https:\/\/portolan\.dev\/problems\/[^]*\}$/.test(decoded(valueOf(headers, 'content-encoding'), body).toString());
    return isProblem ? undefined : `a ${status} that is no problem: ${body.toString()}`;
  }
  if (becomes === 'failed') return `a ${status} that looks whole: ${body.length} bytes`;
  if (becomes === 'empty') return `${status}` === fault && body.length === 0 ? undefined : `${status} with ${body.length} bytes`;
  if (status !== 200) return `a ${status}`;
  if (method === 'HEAD') return body.length === 0 ? undefined : 'content for HEAD';
  if (fault === 'odd fields') {
    const missing = Object.entries(oddAnswerFields).filter(([name, value]) => valueOf(headers, name) !== value);
    if (missing.length > 0) return `fields: ${JSON.stringify(missing.map(([name]) => [name, valueOf(headers, name)]))}`;
  }
  const text = decoded(valueOf(headers, 'content-encoding'), body).toString('latin1');
  return tokenOf(text) === id ? undefined : `not the answer: ${text.length} characters, ${text.slice(0, 60)}...${text.slice(-20)}`;
}

/** Of `odd fields`, in every platform's spelling. */
const oddAnswerFields: Readonly<Record<string, string>> = {
  ['__proto__']: 'polluted, again',
  constructor: 'polluted',
  hasownproperty: 'x',
  'x-empty': '',
  'x-latin': 'caf\xe9 \xff',
  'x-repeated': 'a, b, c',
  "x!#$%&'*+.^_`|~-": 'token',
};

function valueOf(headers: readonly string[], name: string): string | undefined {
  const values = headers.filter((_, at) => at % 2 === 1 && headers[at - 1] === name);
  return values.length === 0 ? undefined : values.join(', ');
}

/** What a function must look like when everything is over. */
function expectOrder(asked: readonly Asked[], outcomes: readonly Outcome[], inspection: Inspection, buffered: boolean): void {
  const { lines, logged, uncaught, printed } = inspection;
  expect(uncaught).toEqual([]);
  const statuses = new Map<string, number[]>();
  for (const line of lines) {
    const id = String(line['url.path']).split('/')[2] ?? '';
    statuses.set(id, [...(statuses.get(id) ?? []), Number(line['http.response.status_code'])]);
  }
  const wrong = asked.flatMap(({ id, fault }, at) => {
    const logs = statuses.get(id) ?? [];
    const outcome = outcomes[at] ?? expect.unreachable();
    // of one that is gone nobody knows whether the function ever heard
    const right =
      outcome.kind === 'gone'
        ? logs.length <= 1
        : logs.length === 1 &&
          // broken off before its head went out, or known to be broken off before anything did
          (logs[0] === outcome.status || outcome.status === 0 || (buffered && outcome.status >= 500 && logs[0] === 200));
    return right ? [] : [`${id} (${fault}): ${JSON.stringify(logs)} and ${JSON.stringify({ ...outcome, headers: 0, body: 0 })}`];
  });
  expect(wrong).toEqual([]);
  const events = logged.map(({ event }) => event);
  for (const event of ['bug', 'functions.request_failed', 'functions.background_failed', 'lambda.background_failed'])
    expect(events).not.toContain(event);
  expect(JSON.stringify(logged)).not.toContain(secret);
  expect(printed).not.toContain(secret);
}

describe('functions on Lambda in front of such a backend', () => {
  const taskRoot = fileURLToPath(new URL('./functions/aws', import.meta.url));
  const sources = {
    'aws-rest': restEvent,
    'aws-http-v2': httpV2Event,
    'aws-url': functionUrlEvent,
    'aws-alb': albEvent,
    'aws-alb-multi': albMultiEvent,
  } as const;
  const authorities = {
    'aws-url': 'abcdefghijklmnopqrstuvwxyz012345.lambda-url.eu-central-1.on.aws',
    'aws-http-v2': 'abcdefghij.execute-api.eu-central-1.amazonaws.com',
  } as const;

  function eventOf(
    source: LambdaSource,
    { method, target, fields, body }: Pick<Asked, 'body' | 'fields' | 'method' | 'target'>,
  ): unknown {
    const authority = source === 'aws-url' || source === 'aws-http-v2' ? authorities[source] : 'api.example.com';
    const length = body === undefined ? [] : ['content-length', `${body.length}`];
    const headers = ['host', authority, ...fields.flat(), ...length, 'x-forwarded-proto', 'https'];
    const request: WireRequest = { method, scheme: 'https', authority, target, headers, body, clientAddress: '192.0.2.1' };
    return JSON.parse(JSON.stringify(sources[source](request))) as unknown;
  }

  async function inspect(lambda: LambdaFunction, streamed: boolean): Promise<Inspection> {
    const event = eventOf('aws-url', { method: 'GET', target: inspectTarget, fields: [], body: undefined });
    if (!streamed) return JSON.parse(String(((await lambda.invoke(event)) as { body: string }).body)) as Inspection;
    const { body } = await lambda.invokeStream(event);
    const chunks: Uint8Array[] = [];
    for await (const chunk of body) chunks.push(chunk);
    return JSON.parse(Buffer.concat(chunks).toString()) as Inspection;
  }

  async function buffered(
    lambda: LambdaFunction,
    source: LambdaSource,
    asked: Asked,
    timeoutMs: number | undefined,
  ): Promise<Outcome> {
    const result = await lambda.invoke(eventOf(source, asked), timeoutMs);
    return { kind: 'answer', ...readResult(source, result) };
  }

  async function streamed(
    lambda: LambdaFunction,
    source: LambdaSource,
    asked: Asked,
    timeoutMs: number | undefined,
    random: Random,
  ): Promise<Outcome> {
    const { head, body } = await lambda.invokeStream(eventOf(source, asked), timeoutMs);
    const { status, headers } = readResult(source, { ...(head as object), body: '', isBase64Encoded: false });
    const way = random();
    const chunks: Uint8Array[] = [];
    try {
      if (way < 0.3) await sleep(random() * 30);
      for await (const chunk of body) {
        chunks.push(chunk);
        if (way < 0.15) await sleep(1);
      }
    } catch {
      return { kind: 'broken', status };
    }
    return { kind: 'answer', status, headers, body: Buffer.concat(chunks) };
  }

  describe.each(['buffered', 'streamed'] as const)('%s', (mode) => {
    let lambda: LambdaFunction;
    beforeAll(async () => {
      lambda = await startLambda({
        taskRoot,
        handler: mode === 'streamed' ? 'index.streamHandler' : 'index.handler',
        env: { [configurationVariable]: configuration(1, 0) },
      });
    });
    afterAll(() => lambda?.stop());

    it.each(Array.from({ length: seeds }, (_, n) => firstSeed + n))(
      'every invocation ends with its own answer or an error, and leaves nothing behind when it is frozen (seed %d)',
      async (seed) => {
        const random = seededRandom(seed + (mode === 'streamed' ? 50_000 : 0));
        const all: Asked[] = [];
        const outcomes: Outcome[] = [];
        const before = await inspect(lambda, mode === 'streamed');
        for (let n = 0; n < invocationsPerSeed; n++) {
          const source = pick(
            random,
            mode === 'streamed' ? (['aws-url', 'aws-rest'] as const) : (Object.keys(sources) as LambdaSource[]),
          );
          const most = (source.startsWith('aws-alb') ? 1_048_576 : 6_291_556) + Math.floor((random() - 0.5) * 4_000);
          const wanted = ask(random, `${seed}.${n}`, pick(random, [most, Math.floor((most * 3) / 4)]));
          // what says nothing is ended by the invocation's own time too
          const late = random() < 0.1;
          const timeoutMs = late ? pick(random, [0, 250, 300, 400]) : undefined;
          const asked = late ? { ...wanted, target: wanted.target.replace(/^\/(?:hurried|idle)/, '/patient') } : wanted;
          const outcome =
            mode === 'streamed'
              ? await streamed(lambda, source, asked, timeoutMs, random)
              : await buffered(lambda, source, asked, timeoutMs);
          all.push(asked);
          outcomes.push(outcome);
          expect([told(asked), verdict(asked, outcome, late || asked.length > 300_000)]).toEqual([expect.anything(), undefined]);
          await vi.waitUntil(() => lambda.isIdle(), generous);
          // frozen: what is not over now will never be
          process.kill(before.pid, 'SIGSTOP');
          try {
            await vi
              .waitUntil(() => backend.busy() === 0, generous)
              .catch(() => expect.unreachable(`left under way: ${told(asked)}`));
            if (random() < 0.1) {
              backend.endIdle();
              await sleep(5);
            }
          } finally {
            process.kill(before.pid, 'SIGCONT');
          }
        }
        const after = await inspect(lambda, mode === 'streamed');
        expectOrder(all, outcomes, { ...after, lines: after.lines.slice(before.lines.length) }, mode === 'buffered');
        // what many exchanges share sleeps on
        expect(after.timers).toBeLessThan(10);
        expect(backend.garbled).toEqual([]);
      },
    );
  });
});

/** A client of a function that serves over HTTP. */
function overHttp(port: number, agent: Agent, asked: Asked, random: Random): Promise<Outcome> {
  const way = pick(random, [
    'reads',
    'reads',
    'reads',
    'reads',
    'reads late',
    'leaves',
    'leaves half way',
    'breaks its request off',
  ] as const);
  const { method, target, fields, body } = asked;
  return new Promise((resolve) => {
    const chunked = body !== undefined && random() < 0.3;
    const length = body === undefined || chunked ? [] : ['content-length', `${body.length}`];
    const headers = ['host', 'api.example.com', ...fields.flat(), ...length, ...(chunked ? ['transfer-encoding', 'chunked'] : [])];
    const sent = httpRequest({ host: '127.0.0.1', port, agent, method, path: target, headers });
    let status = 0;
    let left = false;
    const leave = (): void => {
      left = true;
      sent.destroy();
    };
    sent.on('error', () => undefined);
    sent.on('close', () => resolve(left ? { kind: 'gone' } : { kind: 'broken', status }));
    sent.on('response', (response: IncomingMessage) => {
      status = response.statusCode ?? 0;
      const chunks: Buffer[] = [];
      response.on('error', () => undefined);
      response.on('end', () => {
        if (response.complete && !left)
          resolve({
            kind: 'answer',
            status,
            headers: response.rawHeaders.map((text, at) => (at % 2 === 0 ? text.toLowerCase() : text)),
            body: Buffer.concat(chunks),
          });
      });
      const read = (): void => void response.on('data', (chunk: Buffer) => chunks.push(chunk));
      if (way === 'leaves half way') response.once('data', leave);
      else if (way === 'reads late') setTimeout(read, random() * 50);
      else read();
    });
    if (way === 'leaves') setTimeout(leave, random() * 40);
    if (body !== undefined && way === 'breaks its request off') {
      sent.write(body.subarray(0, -2));
      setTimeout(leave, random() * 20);
    } else if (body !== undefined && random() < 0.3) {
      sent.write(body.subarray(0, 10));
      setTimeout(() => sent.destroyed || sent.end(body.subarray(10)), random() * 20);
    } else {
      sent.end(body);
    }
  });
}

interface Served {
  readonly port: number;
  /** Invocations that failed without an answer. */
  readonly unanswered?: () => number;
  stop(): Promise<void>;
}

const served: Readonly<Record<string, () => Promise<Served>>> = {
  'Azure Functions': async () => {
    const folder = fileURLToPath(new URL('./functions/azure', import.meta.url));
    const host = await startFunctionsHost({ folder, env: { [configurationVariable]: configuration(atOnce, 1_000) } });
    return { port: Number(new URL(host.url).port), unanswered: () => host.unanswered, stop: () => host.stop() };
  },
  'Google Cloud Functions': async () => {
    const source = fileURLToPath(new URL('./functions/gcp', import.meta.url));
    return serveFunction(source, { env: { [configurationVariable]: configuration(atOnce, 1_000) } });
  },
};

describe.each(Object.keys(served))('functions on %s in front of such a backend', (platform) => {
  let front: Served;
  const agent = new Agent({ keepAlive: true });
  beforeAll(async () => {
    front = await (served[platform] ?? expect.unreachable())();
  });
  afterAll(async () => {
    agent.destroy();
    await front?.stop();
  });

  const plainly = async (asked: Asked): Promise<Outcome> => overHttp(front.port, agent, asked, () => 0);
  const inspect = async (): Promise<Inspection> => {
    const outcome = await plainly({
      id: '',
      fault: '',
      method: 'GET',
      target: inspectTarget,
      fields: [],
      body: undefined,
      length: 0,
    });
    return JSON.parse(
      outcome.kind === 'answer' ? outcome.body.toString() : expect.unreachable(JSON.stringify(outcome)),
    ) as Inspection;
  };

  it.each(Array.from({ length: seeds }, (_, n) => firstSeed + n))(
    'every invocation, many at once, ends with its own answer or an error, and leaves nothing behind (seed %d)',
    async (seed) => {
      const random = seededRandom(seed + platform.length * 1_000_000);
      const before = await inspect();
      const all: Asked[] = [];
      const outcomes: (Outcome | undefined)[] = [];
      const mayFail: boolean[] = [];
      let racing = 0;
      for (let n = 0; n < exchangesPerSeed; n++) {
        const asked = ask(random, `${seed}.${n}`, 3_000_000);
        all.push(asked);
        outcomes.push(undefined);
        mayFail.push(racing-- > 0 && isSentOnce(asked));
        // its own chance: when an answer comes must not change what others are asked
        void overHttp(front.port, agent, asked, seededRandom(random() * 2 ** 32)).then((outcome) => (outcomes[n] = outcome));
        if (random() < 0.4) await sleep(random() * 10);
        await vi.waitUntil(() => outcomes.filter((outcome) => outcome === undefined).length < atOnce, generous);
        if (random() < 0.02) {
          backend.endIdle();
          racing = atOnce;
          all.forEach((one, at) => (mayFail[at] ||= outcomes[at] === undefined && isSentOnce(one)));
        }
      }
      await vi
        .waitUntil(() => outcomes.every((outcome) => outcome !== undefined), generous)
        .catch(() => expect(all.filter((_, at) => outcomes[at] === undefined).map(told)).toEqual([]));
      const settled = outcomes.map((outcome) => outcome ?? expect.unreachable());
      expect(
        all.flatMap((asked, at) => {
          const wrong = verdict(asked, settled[at] ?? expect.unreachable(), mayFail[at] ?? false);
          return wrong === undefined ? [] : [`${wrong}: ${told(asked)}`];
        }),
      ).toEqual([]);
      await vi.waitUntil(() => backend.busy() === 0, generous);
      // as many as are let through at once meet at the backend: no place is missing
      meeting.size = atOnce;
      const meet = Array.from({ length: atOnce }, (_, n) => ask(random, `${seed}.meeting${n}`, 0, 'meeting')).map((asked) => ({
        ...asked,
        method: 'GET',
        body: undefined,
      }));
      const met = await Promise.all(meet.map(plainly));
      expect(meet.map((asked, at) => verdict(asked, met[at] ?? expect.unreachable(), false))).toEqual(meet.map(() => undefined));
      const after = await inspect();
      expectOrder([...all, ...meet], [...settled, ...met], { ...after, lines: after.lines.slice(before.lines.length) }, false);
      expect(backend.garbled).toEqual([]);
      expect(front.unanswered?.() ?? 0).toBe(0);
    },
  );
});
