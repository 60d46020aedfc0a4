import fc from 'fast-check';
import { expect } from 'vitest';
import { Signer } from '../../core/auth/signer.ts';
import { PortError } from '../../core/ports/index.ts';
import type { Clock, Counters, KeyValueStore, Secrets } from '../../core/ports/index.ts';
import { CachedSecrets } from '../../core/secrets/cached-secrets.ts';
import { Exits } from '../../core/session/exits.ts';
import type { Session } from '../../core/session/session.ts';
import { Sessions } from '../../core/session/sessions.ts';
import type { Outcome as SessionOutcome } from '../../core/session/sessions.ts';
import { expiring } from '../../core/storage/expiring.ts';
import { defaultRetryPolicy, RetryBudget } from '../../core/storage/retry.ts';
import { retrying } from '../../core/storage/retrying.ts';
import { aheadOfServices, FakeClock } from '../support/fake-clock.ts';
import { faultyStore } from '../support/faulty-store.ts';
import type { Faults } from '../support/faulty-store.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { linearization } from './linearizability.ts';
import type { Call, Model } from './linearizability.ts';
import { registerSuite } from './suite.ts';
import type { ConformanceCase, Skips } from './suite.ts';

/** What callers do to one session. `label` tells creations apart. */
type Operation =
  | { readonly kind: 'create'; readonly label: string }
  | { readonly kind: 'get' }
  | { readonly kind: 'extend'; readonly ifRevision?: number | undefined }
  | { readonly kind: 'rotate'; readonly generation?: number | undefined; readonly ifRevision?: number | undefined }
  | { readonly kind: 'delete'; readonly ifRevision?: number | undefined };

/** What they are told: the session as it was left, or why not. */
type Outcome = { readonly generation: number; readonly revision: number; readonly label: string } | string;

interface State {
  readonly state: 'absent' | 'live' | 'expired' | 'deleted';
  readonly generation: number;
  readonly revision: number;
  readonly label: string;
}

const absent: State = { state: 'absent', generation: 0, revision: 0, label: '' };

/** A session, in a few lines: what the real one must be indistinguishable from. */
function sessionModel(initial: State): Model<State, Operation, Outcome> {
  const seen = ({ generation, revision, label }: State): Outcome => ({ generation, revision, label });
  const wrote = (state: State): { state: State; outcome: Outcome } => ({ state, outcome: seen(state) });
  return {
    initial,
    apply(before, operation) {
      const { state, generation, revision } = before;
      if (operation.kind === 'create') {
        if (state === 'live') return { state: before, outcome: 'id-taken' };
        if (state === 'deleted') return { state: before, outcome: 'id-retired' };
        return wrote({ state: 'live', generation: generation + 1, revision: revision + 1, label: operation.label });
      }
      if (state !== 'live') {
        const refusal = state === 'absent' ? 'not-found' : 'gone';
        return { state: before, outcome: operation.kind === 'delete' ? 'ended' : refusal };
      }
      if (operation.kind === 'get') return { state: before, outcome: seen(before) };
      if (operation.ifRevision !== undefined && operation.ifRevision !== revision) {
        return { state: before, outcome: 'precondition-failed' };
      }
      if (operation.kind === 'delete') return { state: { ...before, state: 'deleted' }, outcome: 'ended' };
      if (operation.kind === 'extend') return wrote({ ...before, revision: revision + 1 });
      if (operation.generation !== undefined && operation.generation > generation)
        return { state: before, outcome: 'generation-ahead' };
      if (operation.generation !== undefined && operation.generation < generation) return { state: before, outcome: seen(before) };
      return wrote({ ...before, generation: generation + 1, revision: revision + 1 });
    },
  };
}

/** What a client will do; what it names is what it saw last. */
interface Step {
  readonly kind: Operation['kind'];
  readonly names: 'nothing' | 'generation' | 'revision';
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom('create', 'get', 'get', 'extend', 'rotate', 'rotate', 'delete'),
  names: fc.constantFrom('nothing', 'generation', 'generation', 'revision'),
});

export interface SessionLinearizabilityFixture {
  readonly store: KeyValueStore;
  readonly runs: number;
  readonly clients: number;
  readonly operations: number;
  readonly layers: typeof durableLayers;
}

const noFaults: Faults = {};
const manyFaults: Faults = { lostAcknowledgement: 0.15, throttle: 0.05, timeout: 0.05, duplicate: 0.05 };

export const sessionLinearizabilityCases: readonly ConformanceCase<SessionLinearizabilityFixture>[] = [
  {
    title: 'create, get, extend, rotate and delete of one session are linearizable',
    run: async (fixture) => {
      const { unknown } = await check(fixture, noFaults, 0);
      expect(unknown).toBe(0);
    },
  },
  {
    title: 'they are with lost acknowledgements, throttling, time-outs, duplicates and writes that arrive late',
    run: async (fixture) => {
      const { calls, unknown, faults } = await check(fixture, manyFaults, 0.05);
      // Something must have gone wrong, and most of it must have been put right.
      expect(faults).toBeGreaterThan(fixture.runs / 2);
      expect(unknown).toBeLessThan(calls / 4);
    },
  },
];

/** What the suite must know about one adapter. */
export interface SessionLinearizabilityHarness {
  /** The platform's name in the compatibility table. */
  readonly name: string;
  /** Called once. The store is the adapter as it is. */
  readonly makeStore: () => Promise<{ readonly store: KeyValueStore; readonly close?: () => Promise<void> | void }>;
  /** Histories for each case; default 100. */
  readonly runs?: number;
  /** Clients at the same time, 2 to 4; default 4. */
  readonly clients?: number;
  /** Greatest number of calls of a client, at most 7; default 5. */
  readonly operations?: number;
  readonly skips?: Skips;
}

/** Checks that sessions on one adapter's store are linearizable. Call it at the top of a test file. */
export function testSessionLinearizability(harness: SessionLinearizabilityHarness): void {
  registerSuite({
    port: 'session linearizability',
    platform: harness.name,
    cases: sessionLinearizabilityCases,
    skips: harness.skips ?? {},
    open: harness.makeStore,
    fixture: ({ store }) => sessionLinearizabilityFixture(store, harness),
    close: async ({ close }) => close?.(),
  });
}

export function sessionLinearizabilityFixture(
  store: KeyValueStore,
  options: Partial<SessionLinearizabilityHarness> & { readonly layers?: typeof durableLayers } = {},
): SessionLinearizabilityFixture {
  const { runs = 100, clients = 4, operations = 5, layers = durableLayers } = options;
  if (clients * operations > 28) throw new RangeError('clients x operations must be at most 28');
  return { store, runs, clients, operations, layers };
}

interface Tally {
  calls: number;
  unknown: number;
  faults: number;
}

async function check(fixture: SessionLinearizabilityFixture, faults: Faults, lateRate: number): Promise<Tally> {
  const { runs, clients, operations } = fixture;
  const tally: Tally = { calls: 0, unknown: 0, faults: 0 };
  const plan = fc.record({
    clients: fc.array(fc.array(step, { minLength: 1, maxLength: operations }), { minLength: 2, maxLength: clients }),
    reused: fc.boolean(),
    seed: fc.integer(),
  });
  await fc.assert(
    fc.asyncProperty(plan, async ({ clients: plans, reused, seed }) => {
      const { history, initial, happened } = await play(fixture, plans, { faults, lateRate, reused, seed });
      tally.calls += history.length;
      tally.unknown += history.filter(({ returned }) => returned === undefined).length;
      tally.faults += happened;
      if (linearization(sessionModel(initial), history) === undefined)
        throw new Error(`Not linearizable:\n${told(history, initial)}`);
    }),
    { numRuns: runs },
  );
  return tally;
}

/** Lets the clients loose on one fresh session and writes down what each was told, and when. */
async function play(
  { store: raw, layers }: SessionLinearizabilityFixture,
  plans: readonly (readonly Step[])[],
  { faults, lateRate, reused, seed }: { faults: Faults; lateRate: number; reused: boolean; seed: number },
): Promise<{ history: readonly Call<Operation, Outcome>[]; initial: State; happened: number }> {
  const clock = new FakeClock({ now: aheadOfServices, autoAdvance: true });
  const random = seededRandom(seed);
  const principal = { keyId: 'k', tenant: `t-${crypto.randomUUID()}`, scopes: new Set<never>() };
  const sessionId = 'session';

  let initial = absent;
  if (reused) {
    const sessions = newSessions(layers(raw, clock, random), clock, random);
    await sessions.create(principal, { sessionId, ttlSeconds: 10, label: 'former' }, undefined);
    clock.set(clock.now() + 10_000);
    initial = { state: 'expired', generation: 1, revision: 1, label: 'former' };
  }

  const late = lateStore(raw, lateRate, random);
  const faulty = faultyStore(late.store, faults, random);
  const sessions = newSessions(layers(faulty, clock, random), clock, random);
  const history: Call<Operation, Outcome>[] = [];
  let tick = 0;

  const call = async (client: number, operation: Operation): Promise<Outcome | undefined> => {
    const invokedAt = tick++;
    try {
      const outcome = await perform(sessions, principal, sessionId, operation);
      history.push({ client, operation, invokedAt, returned: { at: tick++, outcome } });
      return outcome;
    } catch (error) {
      if (!(error instanceof PortError)) throw error;
      history.push({ client, operation, invokedAt });
      return undefined;
    }
  };

  await Promise.all(
    plans.map(async (steps, client) => {
      let last: Outcome | undefined;
      for (const [n, { kind, names }] of steps.entries()) {
        const seen = typeof last === 'object' ? last : undefined;
        const ifRevision = names === 'revision' ? seen?.revision : undefined;
        const generation = names === 'generation' ? seen?.generation : undefined;
        const operation: Operation =
          kind === 'create'
            ? { kind, label: `${client}.${n}` }
            : kind === 'get'
              ? { kind }
              : kind === 'rotate'
                ? { kind, generation, ifRevision }
                : { kind, ifRevision };
        last = (await call(client, operation)) ?? last;
      }
    }),
  );
  await late.settled();
  await call(plans.length, { kind: 'get' });
  const happened = Object.values(faulty.happened).reduce((sum, count) => sum + count, 0) + late.happened();
  return { history, initial, happened };
}

async function perform(
  sessions: Sessions,
  principal: Parameters<Sessions['get']>[0],
  sessionId: string,
  operation: Operation,
): Promise<Outcome> {
  const ifMatch = 'ifRevision' in operation && operation.ifRevision !== undefined ? new Set([operation.ifRevision]) : undefined;
  switch (operation.kind) {
    case 'create':
      return outcomeOf(await sessions.create(principal, { sessionId, label: operation.label }, undefined));
    case 'get':
      return outcomeOf(await sessions.get(principal, sessionId));
    case 'extend':
      return outcomeOf(await sessions.extend(principal, sessionId, 3_600, ifMatch));
    case 'rotate':
      return outcomeOf(await sessions.rotate(principal, sessionId, operation.generation, ifMatch));
    case 'delete': {
      const outcome = await sessions.delete(principal, sessionId, ifMatch);
      return outcome.ok ? 'ended' : outcome.reason;
    }
  }
}

function outcomeOf(outcome: SessionOutcome<Session>): Outcome {
  if (!outcome.ok) return outcome.reason;
  const { generation, revision, label = '' } = outcome.value;
  return { generation, revision, label };
}

/** Core's layers with few retries: some outcomes must stay unknown. */
export function durableLayers(store: KeyValueStore, clock: Clock, random: () => number): KeyValueStore {
  const policy = { ...defaultRetryPolicy, maxAttempts: 4 };
  return expiring(retrying(store, cryptoOf(random), { clock, random, policy, budget: new RetryBudget(1, 100) }), clock);
}

function newSessions(store: KeyValueStore, clock: Clock, random: () => number): Sessions {
  const configuration = { auth: {}, signingSecret: 'unused', pools: { default: { vendor: 'direct' } } };
  const retrier = { clock, random, policy: defaultRetryPolicy, budget: new RetryBudget() };
  const secrets = new CachedSecrets(noSecrets, retrier);
  const made = cryptoOf(random);
  return new Sessions(
    {
      store,
      counters: uncounted,
      clock,
      crypto: made,
      signer: new Signer(made, secrets, 'unused'),
      exits: new Exits(configuration, {}, secrets),
    },
    { tombstoneMs: 3_600_000, createsPerHour: 1_000 },
  );
}

const uncounted: Counters = { exact: true, increment: async () => 1, read: async () => 0 };
const noSecrets: Secrets = { get: unused };

function cryptoOf(random: () => number) {
  return {
    randomBytes: (size: number) => Uint8Array.from({ length: size }, () => Math.floor(random() * 256)),
    sha256: unused,
    hmacSha256: unused,
  };
}

function unused(): never {
  throw new Error('Not needed here');
}

/** A store some of whose writes are reported lost and arrive afterwards. */
function lateStore(
  store: KeyValueStore,
  rate: number,
  random: () => number,
): { readonly store: KeyValueStore; readonly settled: () => Promise<unknown>; readonly happened: () => number } {
  const onTheirWay: Promise<unknown>[] = [];
  const late = <T>(method: string, write: () => Promise<T>): Promise<T> => {
    if (random() >= rate) return write();
    const ticks = Math.floor(random() * 60);
    const arrives = async (): Promise<void> => {
      for (let n = 0; n < ticks; n++) await Promise.resolve();
      await write();
    };
    onTheirWay.push(arrives());
    return Promise.reject(new PortError('deadline_exceeded', `key-value-store.${method}`, { reason: 'ArrivesLate' }));
  };
  return {
    store: {
      get: (key, options) => store.get(key, options),
      create: (record, options) => late('create', () => store.create(record, options)),
      replace: (record, version, options) => late('replace', () => store.replace(record, version, options)),
      delete: (key, version, options) => late('delete', () => store.delete(key, version, options)),
      list: (partition, options) => store.list(partition, options),
      check: (options) => store.check(options),
    },
    settled: () => Promise.allSettled(onTheirWay),
    happened: () => onTheirWay.length,
  };
}

function told(history: readonly Call<Operation, Outcome>[], initial: State): string {
  const lines = history
    .toSorted((a, b) => a.invokedAt - b.invokedAt)
    .map(
      ({ client, operation, invokedAt, returned }) =>
        `  client ${client} [${invokedAt}, ${returned?.at ?? '?'}] ${JSON.stringify(operation)} -> ${JSON.stringify(returned?.outcome) ?? 'unknown'}`,
    );
  return [`  from ${JSON.stringify(initial)}`, ...lines].join('\n');
}
