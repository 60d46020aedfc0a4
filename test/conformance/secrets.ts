import { expect } from 'vitest';
import { maxSecretBytes, PortError } from '../../core/ports/index.ts';
import type { PortErrorCode, Secrets } from '../../core/ports/index.ts';
import { registerSuite } from './suite.ts';
import type { ConformanceCase, Skips } from './suite.ts';

/** Ways a harness can make the service fail. */
export type SecretsFailure = 'denied' | 'throttled' | 'unreachable';

const failureCodes: Readonly<Record<SecretsFailure, readonly PortErrorCode[]>> = {
  unreachable: ['unavailable', 'deadline_exceeded'],
  denied: ['permission_denied', 'unauthenticated'],
  throttled: ['resource_exhausted'],
};

/** The adapter under test and the back door to its service. */
export interface SecretsUnderTest {
  readonly secrets: Secrets;
  /** Writes a new current version; the one before becomes the previous. Answers what the service calls the new version. */
  put(name: string, value: string | Uint8Array): Promise<string>;
  /** Makes every call fail so from now on; `undefined` heals. */
  fail(kind: SecretsFailure | undefined): Promise<void> | void;
  close?(): Promise<void> | void;
}

/** What a case of the secrets port gets. */
export interface SecretsFixture extends SecretsUnderTest {
  /** A secret nobody has used. */
  newName(): string;
}

async function failure(call: () => Promise<unknown>): Promise<unknown> {
  try {
    return { answered: await call() };
  } catch (error) {
    return error;
  }
}

async function failsWith(call: () => Promise<unknown>, codes: readonly PortErrorCode[], what = ''): Promise<PortError> {
  const error = await failure(call);
  expect(error, what).toBeInstanceOf(PortError);
  expect(codes, what).toContain((error as PortError).code);
  expect((error as PortError).operation, what).toBe('secrets.get');
  return error as PortError;
}

function failureCase(kind: SecretsFailure, title: string): ConformanceCase<SecretsFixture> {
  return {
    title,
    run: async ({ secrets, put, fail, newName }) => {
      const name = newName();
      await put(name, 'first');
      await put(name, 'second');
      await fail(kind);
      await failsWith(() => secrets.get(name, 'current'), failureCodes[kind], 'current');
      await failsWith(() => secrets.get(name, 'previous'), failureCodes[kind], 'previous');
      await failsWith(() => secrets.get(newName(), 'previous'), failureCodes[kind], 'previous of a secret that does not exist');
    },
  };
}

/** The secrets port's contract, sentence by sentence. */
export const secretsCases: readonly ConformanceCase<SecretsFixture>[] = [
  {
    title: 'current answers the value and the version that were put',
    run: async ({ secrets, put, newName }) => {
      const name = newName();
      const version = await put(name, 'the value');
      expect(await secrets.get(name, 'current')).toMatchObject({ value: 'the value', version });
    },
  },
  {
    title: 'after a second put current is the new version and previous the one before',
    run: async ({ secrets, put, newName }) => {
      const name = newName();
      const first = await put(name, 'first');
      const second = await put(name, 'second');
      expect(await secrets.get(name, 'current')).toMatchObject({ value: 'second', version: second });
      expect(await secrets.get(name, 'previous')).toMatchObject({ value: 'first', version: first });
      expect(second).not.toBe(first);
    },
  },
  {
    title: 'after a third put previous is the second',
    run: async ({ secrets, put, newName }) => {
      const name = newName();
      for (const value of ['first', 'second', 'third']) await put(name, value);
      expect(await secrets.get(name, 'current')).toHaveProperty('value', 'third');
      expect(await secrets.get(name, 'previous')).toHaveProperty('value', 'second');
    },
  },
  {
    title: 'a put of the same value is a new version all the same',
    run: async ({ secrets, put, newName }) => {
      const name = newName();
      const first = await put(name, 'same');
      const second = await put(name, 'same');
      expect(await secrets.get(name, 'current')).toMatchObject({ value: 'same', version: second });
      expect(await secrets.get(name, 'previous')).toMatchObject({ value: 'same', version: first });
    },
  },
  {
    title: 'previous answers undefined where there was one version only',
    run: async ({ secrets, put, newName }) => {
      const name = newName();
      await put(name, 'only');
      expect(await secrets.get(name, 'previous')).toBeUndefined();
    },
  },
  {
    title: 'previous of a secret that does not exist answers undefined',
    run: async ({ secrets, newName }) => {
      expect(await secrets.get(newName(), 'previous')).toBeUndefined();
    },
  },
  {
    title: 'current of a secret that does not exist is not_found, which no retry helps',
    run: async ({ secrets, newName }) => {
      const error = await failsWith(() => secrets.get(newName(), 'current'), ['not_found']);
      expect(error.retryable).toBe(false);
    },
  },
  {
    title: 'a put is seen at once: the adapter does not cache',
    run: async ({ secrets, put, newName }) => {
      const name = newName();
      await failsWith(() => secrets.get(name, 'current'), ['not_found']);
      for (const value of ['first', 'second', 'third']) {
        await put(name, value);
        expect(await secrets.get(name, 'current')).toHaveProperty('value', value);
      }
    },
  },
  {
    title: 'secrets of different names do not mix, even where one name starts the other',
    run: async ({ secrets, put, newName }) => {
      const name = newName();
      await put(name, 'short');
      await failsWith(() => secrets.get(`${name}-1`, 'current'), ['not_found']);
      await put(`${name}-1`, 'long');
      expect(await secrets.get(name, 'current')).toHaveProperty('value', 'short');
      expect(await secrets.get(`${name}-1`, 'current')).toHaveProperty('value', 'long');
    },
  },
  {
    title: 'text of any script, with quotes, markup and line ends within, is kept exactly',
    run: async ({ secrets, put, newName }) => {
      const values = [
        'é 中文 😀 e\u0301',
        '{"a": "b\\n", "__proto__": 1}',
        '\'"<&>%00\\',
        ' spaces ',
        'a\nb\r\nc\td',
        'a=b;c',
        '0',
        'null',
      ];
      for (const value of values) {
        const name = newName();
        await put(name, value);
        expect((await secrets.get(name, 'current')).value === value, JSON.stringify(value)).toBe(true);
      }
    },
  },
  {
    title: 'a line end at the end of a secret is kept',
    run: async ({ secrets, put, newName }) => {
      const name = newName();
      await put(name, '-----END-----\n');
      expect((await secrets.get(name, 'current')).value).toBe('-----END-----\n');
    },
  },
  {
    title: 'a secret of the greatest size is kept, in one-byte and in longer characters',
    run: async ({ secrets, put, newName }) => {
      for (const value of ['a'.repeat(maxSecretBytes), '中'.repeat(maxSecretBytes / 3)]) {
        const name = newName();
        await put(name, value);
        expect((await secrets.get(name, 'current')).value === value).toBe(true);
      }
    },
  },
  {
    title: 'a secret over the greatest size, in bytes, is out_of_range',
    run: async ({ secrets, put, newName }) => {
      for (const value of ['a'.repeat(maxSecretBytes + 1), `${'中'.repeat(maxSecretBytes / 3)}a`]) {
        const name = newName();
        await put(name, value);
        await failsWith(() => secrets.get(name, 'current'), ['out_of_range']);
      }
    },
  },
  {
    title: 'a payload that is no text is data_loss',
    run: async ({ secrets, put, newName }) => {
      for (const bytes of [
        [0xff, 0xfe, 0x00],
        [0x61, 0x80],
        [0xed, 0xa0, 0x80],
      ]) {
        const name = newName();
        await put(name, Uint8Array.from(bytes));
        await failsWith(() => secrets.get(name, 'current'), ['data_loss']);
      }
    },
  },
  {
    title: 'createdAt, where the service says it, is an instant in milliseconds',
    run: async ({ secrets, put, newName }) => {
      const name = newName();
      await put(name, 'value');
      const { createdAt } = await secrets.get(name, 'current');
      if (createdAt === undefined) return;
      expect(Number.isInteger(createdAt)).toBe(true);
      expect(createdAt).toBeGreaterThan(Date.UTC(2020, 0));
      expect(createdAt).toBeLessThan(Date.UTC(2100, 0));
    },
  },
  {
    title: 'the version says nothing about the value',
    run: async ({ secrets, put, newName }) => {
      const name = newName();
      await put(name, 'correct horse battery staple');
      const { version } = await secrets.get(name, 'current');
      expect(version).not.toBe('');
      expect(version).not.toContain('correct horse');
    },
  },
  {
    title: 'a name of the greatest length is taken',
    run: async ({ secrets, put, newName }) => {
      const name = newName().padEnd(63, '0');
      await put(name, 'value');
      expect(await secrets.get(name, 'current')).toHaveProperty('value', 'value');
    },
  },
  {
    title: 'a name outside the grammar is a TypeError, before the service is asked',
    run: async ({ secrets, fail }) => {
      await fail('unreachable');
      const names = [
        '',
        'A',
        'aB',
        '1a',
        '-a',
        'a_b',
        'a.b',
        'a/b',
        '../a',
        'a b',
        'a\n',
        'é',
        'aé',
        'x'.repeat(64),
        undefined,
        1,
        ['a'],
      ];
      for (const name of names as string[]) {
        expect(await failure(() => secrets.get(name, 'current')), String(name)).toBeInstanceOf(TypeError);
        expect(await failure(() => secrets.get(name, 'previous')), String(name)).toBeInstanceOf(TypeError);
      }
    },
  },
  failureCase('unreachable', 'an unreachable service is a retryable error, never an absent secret'),
  failureCase('denied', 'refused access is permission_denied or unauthenticated, never an absent secret'),
  failureCase('throttled', 'throttling is resource_exhausted, never an absent secret'),
  {
    title: 'a failure is not remembered: the next call after it heals answers',
    run: async ({ secrets, put, fail, newName }) => {
      const name = newName();
      await put(name, 'value');
      await fail('unreachable');
      await failsWith(() => secrets.get(name, 'current'), failureCodes.unreachable);
      await fail(undefined);
      expect(await secrets.get(name, 'current')).toHaveProperty('value', 'value');
    },
  },
  {
    title: 'no error holds the value or a cause',
    run: async ({ secrets, put, fail, newName }) => {
      const [whole, long] = [newName(), newName()];
      await put(whole, 'correct horse battery staple');
      await put(long, 'correct horse '.repeat(2_000));
      const errors = [await failsWith(() => secrets.get(long, 'current'), ['out_of_range'])];
      for (const kind of ['unreachable', 'denied', 'throttled'] as const) {
        await fail(kind);
        errors.push(await failsWith(() => secrets.get(whole, 'current'), failureCodes[kind], kind));
      }
      for (const error of errors) {
        const everything = [String(error), error.stack, ...Reflect.ownKeys(error).map((key) => String(Reflect.get(error, key)))];
        expect(everything.join('\n')).not.toContain('correct horse');
        expect(error.cause).toBeUndefined();
      }
    },
  },
  {
    title: 'a signal that has aborted makes get fail with cancelled',
    run: async ({ secrets, put, newName }) => {
      const name = newName();
      await put(name, 'value');
      const options = { signal: AbortSignal.abort() };
      await failsWith(() => secrets.get(name, 'current', options), ['cancelled']);
      await failsWith(() => secrets.get(name, 'previous', options), ['cancelled']);
    },
  },
  {
    title: 'many reads at once answer the same',
    run: async ({ secrets, put, newName }) => {
      const name = newName();
      const version = await put(name, 'value');
      const all = await Promise.all(Array.from({ length: 20 }, () => secrets.get(name, 'current')));
      for (const secret of all) expect(secret).toMatchObject({ value: 'value', version });
    },
  },
];

/** What the suite must know about one adapter. */
export interface SecretsHarness {
  /** The platform's name in the compatibility table. */
  readonly name: string;
  /** Called once. */
  readonly makeSecrets: () => Promise<SecretsUnderTest>;
  /** Cases that do not apply, by title, with the reason. */
  readonly skips?: Skips;
}

/** Runs the secrets port's contract on one adapter. Call it at the top of a test file. */
export function testSecrets({ name, makeSecrets, skips = {} }: SecretsHarness): void {
  registerSuite({
    port: 'secrets',
    platform: name,
    cases: secretsCases,
    skips,
    open: makeSecrets,
    fixture: secretsFixture,
    close: async (underTest) => underTest.close?.(),
  });
}

/** A fixture on a healed service. */
export async function secretsFixture(underTest: SecretsUnderTest): Promise<SecretsFixture> {
  await underTest.fail(undefined);
  return {
    secrets: underTest.secrets,
    put: (name, value) => underTest.put(name, value),
    fail: (kind) => underTest.fail(kind),
    newName: () => `conformance-${crypto.randomUUID()}`,
  };
}
