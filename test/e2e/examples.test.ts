import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { examples } from '../../.build/gateway-examples.ts';
import { startBackends } from '../support/examples/backends.ts';
import type { Backends } from '../support/examples/backends.ts';
import { readOutcome } from '../support/examples/outcome.ts';
import type { Outcome } from '../support/examples/outcome.ts';
import { startExample } from '../support/examples/run-example.ts';
import type { Effect, RunningExample } from '../support/examples/run-example.ts';

/**
 * Each example under `portolan dev` as a newcomer runs it: its file as it is, its commands in a shell. Only the machines that it names are not
 * there: what would go to them goes to backends of the test.
 */
describe('the examples of the gateway, run', () => {
  let backends: Backends;
  beforeAll(async () => {
    backends = await startBackends();
  });
  afterAll(() => backends?.stop());

  describe.for(examples)('$file', (example) => {
    let running: RunningExample | undefined;
    afterAll(() => running?.stop());

    for (const [at, one] of example.tries.entries()) {
      test(`${at + 1}: ${one.command}`, async () => {
        const outcome = readOutcome(one);
        backends.behave(outcome.given ?? {});
        running ??= await startExample(example, backends);
        const effect = await running.run(one.command);
        await expectOutcome(effect, outcome, () => backends.seen.map(({ backend }) => backend));
        if (outcome.given === undefined) return;
        // What a failing backend has left behind is not for the next command.
        await running.stop();
        running = undefined;
      });
    }
  });
});

async function expectOutcome(effect: Effect, outcome: Outcome, asked: () => readonly string[]): Promise<void> {
  const { answers, printed, logged, seen } = effect;
  const requests = logged().filter(({ event }) => event === 'http.request');
  const { status, route, from, fields, prints, logs } = outcome;
  const about = JSON.stringify({ ...effect, logged: logged() }, null, 2);
  if (status !== undefined) {
    const got =
      answers.length > 0 ? answers.map((answer) => answer.status) : requests.map((line) => line['http.response.status_code']);
    expect(new Set(got), about).toEqual(new Set([status]));
  }
  if (route !== undefined) expect(new Set(requests.map((line) => line['http.route'])), about).toEqual(new Set([route]));
  if (from !== undefined) expect(new Set(answers.map((answer) => answer.fields['x-backend'])), about).toEqual(new Set([from]));
  if (fields !== undefined) {
    expect(answers.length, about).toBeGreaterThan(0);
    for (const answer of answers) expectFields(answer.fields, fields, about);
  }
  const served = seen.filter(({ backend, line }) => (from === undefined || backend === from) && line !== 'GET /healthz');
  const { 'backend sees': sees, 'backend gets': gets, 'asks too': other } = outcome;
  if (sees !== undefined) expect(new Set(served.map(({ line }) => line)), about).toEqual(new Set([sees]));
  if (gets !== undefined) {
    expect(served.length, about).toBeGreaterThan(0);
    for (const one of served) expectFields(one.fields, gets, about);
  }
  if (from === undefined && sees === undefined && gets === undefined && outcome.given === undefined)
    expect(served, about).toEqual([]);
  // Nobody waits for it.
  if (other !== undefined) await expect.poll(asked).toContain(other);
  if (prints !== undefined) expect(printed, about).toContain(prints);
  if (logs !== undefined) await expect.poll(logged).toContainEqual(expect.objectContaining(logs));
}

function expectFields(got: Readonly<Record<string, string>>, wanted: NonNullable<Outcome['fields']>, about: string): void {
  const chosen = Object.fromEntries(Object.keys(wanted).map((name) => [name, got[name] ?? null]));
  expect(chosen, about).toEqual(wanted);
}
