/**
 * One comparison in a process of its own: a deployed function serves one event source, so its code is compiled for one shape.
 * `node in-process-child.ts <comparison> <source> <rounds>` prints the samples as JSON, in microseconds.
 */
import { strict as assert } from 'node:assert';
import { lambdaHandler } from '../../adapters/aws/lambda-handler.ts';
import { nodeCrypto } from '../../adapters/node/node-crypto.ts';
import { systemClock } from '../../adapters/node/system-clock.ts';
import { Authenticator } from '../../core/auth/authenticator.ts';
import type { Principal } from '../../core/auth/authenticator.ts';
import { Signer } from '../../core/auth/signer.ts';
import { createControlHandler } from '../../core/control/control-handler.ts';
import { sessionOperations } from '../../core/control/session-operations.ts';
import type { ControlPorts } from '../../core/control/control-handler.ts';
import { RateLimiter } from '../../core/limits/rate-limiter.ts';
import { ReadinessCheck } from '../../core/control/readiness.ts';
import { scopes } from '../../core/auth/api-key.ts';
import { HeaderList } from '../../core/http/header-list.ts';
import type { HttpHandler } from '../../core/ports/index.ts';
import { createPortolan } from '../../core/portolan.ts';
import { CachedSecrets } from '../../core/secrets/cached-secrets.ts';
import { Credentials } from '../../core/session/credentials.ts';
import { Exits } from '../../core/session/exits.ts';
import { Sessions } from '../../core/session/sessions.ts';
import { sessionPartition } from '../../core/session/session-record.ts';
import { durable } from '../../core/storage/durable.ts';
import { MemoryStore } from '../../core/storage/memory-store.ts';
import { defaultRetryPolicy, RetryBudget } from '../../core/storage/retry.ts';
import { StoreCounters } from '../../core/storage/store-counters.ts';
import { createJsonLogger } from '../../core/telemetry/json-logger.ts';
import { createScrubber } from '../../core/telemetry/scrub.ts';
import { albEvent, httpV2Event, restEvent } from '../support/aws/events.ts';
import { MemorySecrets } from '../support/memory-secrets.ts';
import * as fixtures from './fixtures.ts';
import { interleaved, timeCalls } from './measure.ts';
import { albHandler, getSession, httpV2Handler, restV1Handler } from './references/hand-written.ts';
import type { Answer, Deployment } from './references/hand-written.ts';
import { honoOver } from './references/hono-app.ts';

type Handler = (event: never, context: typeof fixtures.lambdaContext) => unknown;

const [comparison = '', source = '', roundsText = ''] = process.argv.slice(2);
const rounds = Number(roundsText);
const request = fixtures.getSessionRequest;
/** As the runtime makes it of the bytes it gets. */
const parsed = <T>(event: T): T => JSON.parse(JSON.stringify(event)) as T;
const sources = {
  'aws-http-v2': { event: (wire = request): object => httpV2Event(wire), byHand: httpV2Handler as (on: Deployment) => Handler },
  'aws-rest': { event: (wire = request): object => restEvent(wire), byHand: restV1Handler as (on: Deployment) => Handler },
  'aws-alb': { event: (wire = request): object => albEvent(wire), byHand: albHandler as (on: Deployment) => Handler },
};
const { event: makeEvent, byHand } = sources[source as keyof typeof sources] ?? assert.fail(`no such source: ${source}`);
const event = parsed(makeEvent()) as never;

const store = new MemoryStore();
await store.create({ partition: sessionPartition(fixtures.tenant), id: fixtures.sessionId, value: fixtures.storedValue });

const values = new Map([[fixtures.sessionId, fixtures.sessionValue]]);
const deployment: Deployment = { get: async (id) => values.get(id), signingSecret: fixtures.signingSecret };

/** The whole of Portolan, but for authentication and the log. */
function withoutAuthentication(): HttpHandler {
  const { configuration } = fixtures;
  const clock = systemClock;
  const crypto = nodeCrypto;
  const policy = { clock, random: Math.random, policy: defaultRetryPolicy, budget: new RetryBudget() };
  const secrets = new CachedSecrets(new MemorySecrets(fixtures.secretValues), policy);
  const signer = new Signer(crypto, secrets, configuration.signingSecret);
  const exits = new Exits(configuration, {}, secrets);
  const durableStore = durable(store, { clock, crypto });
  const counters = new StoreCounters(durableStore, clock);
  const principal: Principal = { keyId: 'stub', tenant: fixtures.tenant, scopes: new Set(scopes) };
  const logger = { log: () => undefined };
  const ports: ControlPorts = {
    operations: sessionOperations({
      sessions: new Sessions(
        { store: durableStore, counters, clock, crypto, signer, exits },
        { tombstoneMs: 3_600_000, createsPerHour: 10_000 },
      ),
      credentials: new Credentials(exits, signer, clock, { scheme: 'http', host: 'gateway.example.com', port: 8788 }),
      counters,
      clock,
      crypto,
      logger,
    }),
    authenticator: { authenticate: () => principal } satisfies Pick<Authenticator, 'authenticate'>,
    limiter: new RateLimiter(clock, 1_000_000_000),
    readiness: new ReadinessCheck(durableStore, secrets, [], clock),
    secrets,
    trusts: undefined,
    clock,
    crypto,
    logger,
  };
  return createControlHandler(ports).handle;
}

/** As deployed: API keys from a secret, the log with its scrubber, lines thrown away at the very end. */
function asDeployed(): HttpHandler {
  const scrubber = createScrubber();
  const logger = createJsonLogger({ clock: systemClock, sink: () => undefined, scrubber });
  const secrets = new MemorySecrets(fixtures.secretValues);
  const onSecretValue = (value: string): void => scrubber.add(value);
  return createPortolan({ clock: systemClock, crypto: nodeCrypto, logger, store, secrets, onSecretValue }, fixtures.configuration)
    .handler;
}

const bodyOf = (result: unknown): string => (result as { body: string }).body;

/** Both must say the same before they are compared. */
async function assertSame(a: Handler, b: Handler, on: never): Promise<void> {
  const [left, right] = [await a(on, fixtures.lambdaContext), await b(on, fixtures.lambdaContext)] as [Result, Result];
  assert.equal(left.statusCode, 200);
  assert.equal(right.statusCode, 200);
  assert.deepEqual(JSON.parse(bodyOf(left)), JSON.parse(bodyOf(right)));
  const names = (result: Result): string[] => Object.keys(result.headers ?? result.multiValueHeaders ?? {}).toSorted();
  assert.deepEqual(names(left), names(right));
}
interface Result {
  readonly statusCode: number;
  readonly headers?: object;
  readonly multiValueHeaders?: object;
}

async function compare(contenders: Readonly<Record<string, Handler>>, on: never, loops: number): Promise<void> {
  const timed = Object.fromEntries(
    Object.entries(contenders).map(([name, handler]) => [name, () => timeCalls(loops, () => handler(on, fixtures.lambdaContext))]),
  );
  // Until the code is compiled for good: a function that serves is warm.
  for (const handler of Object.values(contenders)) await timeCalls(loops * 100, () => handler(on, fixtures.lambdaContext));
  console.log(JSON.stringify(await interleaved(timed, rounds)));
}

/** An answer of constant text, so that only event to request and response to result remain. */
const constant: Answer = await getSession(deployment, fixtures.sessionId);
const constantFields = new HeaderList(Object.entries(constant.headers).flat());
const prefix = '/v1/sessions/';
const codecsOnly: HttpHandler = ({ method, target, headers }) =>
  method === 'GET' && target.startsWith(prefix) && headers.get('authorization') !== undefined
    ? { status: 200, headers: constantFields, body: constant.body }
    : { status: 404, headers: constantFields, body: undefined };

const megabyte = new Uint8Array(1_048_576).map((_, at) => (at * 31) & 0xff);

switch (comparison) {
  case 'stubbed': {
    const [hand, portolan] = [byHand(deployment), lambdaHandler(withoutAuthentication()) as Handler];
    await assertSame(hand, portolan, event);
    await compare({ hand, portolan }, event, 100);
    break;
  }
  case 'deployed': {
    const [hand, portolan] = [byHand(deployment), lambdaHandler(asDeployed()) as Handler];
    await assertSame(hand, portolan, event);
    await compare({ hand, portolan }, event, 100);
    break;
  }
  case 'hono': {
    const hono = honoOver((id) => getSession(deployment, id)) as Handler;
    const portolan = lambdaHandler(withoutAuthentication()) as Handler;
    await assertSame(hono, portolan, event);
    await compare({ hono, portolan }, event, 50);
    break;
  }
  case 'hono-codecs': {
    const hono = honoOver(() => constant) as Handler;
    const portolan = lambdaHandler(codecsOnly) as Handler;
    await assertSame(hono, portolan, event);
    await compare({ hono, portolan }, event, 50);
    break;
  }
  case 'body-in': {
    const body = {
      ...parsed(makeEvent({ ...request, method: 'POST' })),
      body: Buffer.from(megabyte).toString('base64'),
      isBase64Encoded: true,
    };
    const portolan = lambdaHandler(({ body: content }) => ({
      status: 200,
      headers: constantFields,
      body: String((content as Uint8Array).length),
    })) as Handler;
    const hand: Handler = (posted: { readonly body: string }) => ({
      statusCode: 200,
      headers: constant.headers,
      body: String(Buffer.from(posted.body, 'base64').length),
    });
    assert.equal(
      bodyOf(await portolan(body as never, fixtures.lambdaContext)),
      bodyOf(hand(body as never, fixtures.lambdaContext)),
    );
    await compare({ hand, portolan }, body as never, 10);
    break;
  }
  case 'body-out': {
    const portolan = lambdaHandler(() => ({ status: 200, headers: constantFields, body: megabyte })) as Handler;
    const hand: Handler = () => ({
      statusCode: 200,
      headers: constant.headers,
      body: Buffer.from(megabyte.buffer).toString('base64'),
      isBase64Encoded: true,
    });
    assert.equal(bodyOf(await portolan(event, fixtures.lambdaContext)), bodyOf(hand(event, fixtures.lambdaContext)));
    await compare({ hand, portolan }, event, 10);
    break;
  }
  case 'allocation': {
    const portolan = lambdaHandler(codecsOnly) as Handler;
    const { gc } = globalThis as { gc?: () => void };
    assert.ok(gc, 'run with --expose-gc');
    const calls = 2_000;
    const kilobytes = Array.from({ length: rounds }, () => {
      gc();
      const before = process.memoryUsage().heapUsed;
      for (let n = 0; n < calls; n++) portolan(event, fixtures.lambdaContext);
      return (process.memoryUsage().heapUsed - before) / calls / 1_024;
    });
    console.log(JSON.stringify({ portolan: kilobytes.slice(Math.ceil(rounds / 4)) }));
    break;
  }
  default:
    assert.fail(`no such comparison: ${comparison}`);
}
