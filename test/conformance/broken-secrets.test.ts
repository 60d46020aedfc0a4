import { describe, expect, test } from 'vitest';
import { maxSecretBytes, PortError } from '../../core/ports/index.ts';
import type { CallOptions, Secret, Secrets, SecretVersion } from '../../core/ports/index.ts';
import { secretsCases, secretsFixture } from './secrets.ts';
import type { SecretsFailure, SecretsUnderTest } from './secrets.ts';

interface Stored {
  readonly bytes: Uint8Array;
  readonly version: string;
}

const codes = { unreachable: 'unavailable', denied: 'permission_denied', throttled: 'resource_exhausted' } as const;

/** A service and its adapter in a map, taken apart so that each part can be broken. */
class MapSecrets {
  readonly versions = new Map<string, Stored[]>();
  failure: SecretsFailure | undefined;
  puts = 0;

  async put(name: string, value: string | Uint8Array): Promise<string> {
    const version = `version-${++this.puts}`;
    const bytes = typeof value === 'string' ? new TextEncoder().encode(value) : value;
    this.versions.set(this.key(name), [{ bytes, version }, ...(this.versions.get(this.key(name)) ?? [])]);
    return version;
  }

  async get(name: string, which: SecretVersion, options?: CallOptions): Promise<Secret | undefined> {
    this.checkName(name);
    if (options?.signal?.aborted === true) this.cancelled();
    if (this.failure !== undefined) return this.fail(this.failure, which, this.pick(name, 'current'));
    const stored = this.pick(name, which);
    if (stored === undefined) return this.missing(which);
    this.checkSize(stored.bytes);
    return { value: this.decode(stored.bytes), version: this.versionOf(stored), ...this.dates() };
  }

  key(name: string): string {
    return name;
  }

  pick(name: string, which: SecretVersion): Stored | undefined {
    return this.versions.get(this.key(name))?.[which === 'current' ? 0 : 1];
  }

  versionOf({ version }: Stored): string {
    return version;
  }

  dates(): Partial<Secret> {
    return { createdAt: 1_767_225_600_000 };
  }

  checkName(name: string): void {
    if (typeof name !== 'string' || !/^[a-z][a-z0-9-]{0,62}$/.test(name)) throw new TypeError('bad name');
  }

  checkSize(bytes: Uint8Array): void {
    if (bytes.length > maxSecretBytes) throw new PortError('out_of_range', 'secrets.get');
  }

  decode(bytes: Uint8Array): string {
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      throw new PortError('data_loss', 'secrets.get');
    }
  }

  cancelled(): void {
    throw new PortError('cancelled', 'secrets.get');
  }

  fail(kind: SecretsFailure, _which: SecretVersion, _stored: Stored | undefined): Secret | undefined {
    throw new PortError(codes[kind], 'secrets.get');
  }

  missing(which: SecretVersion): undefined {
    if (which === 'current') throw new PortError('not_found', 'secrets.get');
  }
}

type Part = Partial<Record<keyof MapSecrets, unknown>>;

const text = (stored: Stored | undefined): string => new TextDecoder().decode(stored?.bytes);
const outages = {
  unreachable: 'an unreachable service is a retryable error, never an absent secret',
  denied: 'refused access is permission_denied or unauthenticated, never an absent secret',
  throttled: 'throttling is resource_exhausted, never an absent secret',
};
const lossy = new TextDecoder();

const broken: readonly {
  readonly fault: string;
  readonly parts: (whole: MapSecrets) => Part;
  readonly caughtBy: readonly string[];
}[] = [
  {
    fault: 'the version is made up',
    parts: () => ({ versionOf: () => 'latest' }),
    caughtBy: [
      'current answers the value and the version that were put',
      'a put of the same value is a new version all the same',
      'many reads at once answer the same',
    ],
  },
  {
    fault: 'previous is the first version there ever was',
    parts: (whole) => ({
      pick: (name: string, which: SecretVersion) =>
        which === 'current' ? whole.pick(name, which) : whole.versions.get(name)?.slice(1).at(-1),
    }),
    caughtBy: ['after a third put previous is the second'],
  },
  {
    fault: 'previous is the current version',
    parts: (whole) => ({ pick: (name: string) => whole.pick(name, 'current') }),
    caughtBy: [
      'after a second put current is the new version and previous the one before',
      'previous answers undefined where there was one version only',
    ],
  },
  {
    fault: 'a version of the same value is taken for the one before',
    parts: (whole) => ({
      pick: (name: string, which: SecretVersion) =>
        which === 'current'
          ? whole.pick(name, which)
          : whole.versions.get(name)?.find((each) => text(each) !== text(whole.pick(name, 'current'))),
    }),
    caughtBy: ['a put of the same value is a new version all the same'],
  },
  {
    fault: 'a previous version that does not exist is not_found',
    parts: (whole) => ({ missing: () => whole.missing('current') }),
    caughtBy: [
      'previous answers undefined where there was one version only',
      'previous of a secret that does not exist answers undefined',
    ],
  },
  {
    fault: 'a missing secret is undefined',
    parts: () => ({ missing: () => undefined }),
    caughtBy: ['current of a secret that does not exist is not_found, which no retry helps'],
  },
  {
    fault: 'a missing secret is unavailable',
    parts: () => ({
      missing: () => {
        throw new PortError('unavailable', 'secrets.get');
      },
    }),
    caughtBy: [
      'current of a secret that does not exist is not_found, which no retry helps',
      'secrets of different names do not mix, even where one name starts the other',
    ],
  },
  {
    fault: 'the adapter caches',
    parts: (whole) => {
      const cache = new Map<string, Stored | undefined>();
      return {
        pick: (name: string, which: SecretVersion) => {
          const entry = `${name} ${which}`;
          const stored = cache.get(entry) ?? whole.pick(name, which);
          cache.set(entry, stored);
          return stored;
        },
      };
    },
    caughtBy: ['a put is seen at once: the adapter does not cache'],
  },
  {
    fault: 'names are looked for by their beginning',
    parts: (whole) => ({
      pick: (name: string, which: SecretVersion) =>
        [...whole.versions].find(([stored]) => name.startsWith(stored))?.[1][which === 'current' ? 0 : 1],
    }),
    caughtBy: ['secrets of different names do not mix, even where one name starts the other'],
  },
  {
    fault: 'values are trimmed',
    parts: () => ({ decode: (bytes: Uint8Array) => lossy.decode(bytes).trim() }),
    caughtBy: [
      'text of any script, with quotes, markup and line ends within, is kept exactly',
      'a line end at the end of a secret is kept',
    ],
  },
  {
    fault: 'values are Latin-1',
    parts: () => ({ decode: (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1') }),
    caughtBy: ['text of any script, with quotes, markup and line ends within, is kept exactly'],
  },
  {
    fault: 'the size is counted too small',
    parts: () => ({
      checkSize: (bytes: Uint8Array) => {
        if (bytes.length >= maxSecretBytes) throw new PortError('out_of_range', 'secrets.get');
      },
    }),
    caughtBy: ['a secret of the greatest size is kept, in one-byte and in longer characters'],
  },
  {
    fault: 'the size is counted in characters',
    parts: () => ({
      checkSize: (bytes: Uint8Array) => {
        if (lossy.decode(bytes).length > maxSecretBytes) throw new PortError('out_of_range', 'secrets.get');
      },
    }),
    caughtBy: ['a secret over the greatest size, in bytes, is out_of_range'],
  },
  {
    fault: 'bytes that are no text are replaced',
    parts: () => ({ decode: (bytes: Uint8Array) => lossy.decode(bytes) }),
    caughtBy: ['a payload that is no text is data_loss'],
  },
  {
    fault: 'createdAt is in seconds',
    parts: () => ({ dates: () => ({ createdAt: 1_767_225_600 }) }),
    caughtBy: ['createdAt, where the service says it, is an instant in milliseconds'],
  },
  {
    fault: 'the version holds the value',
    parts: () => ({ versionOf: (stored: Stored) => text(stored) }),
    caughtBy: ['the version says nothing about the value'],
  },
  {
    fault: 'names are cut at 60 characters',
    parts: () => ({
      checkName: (name: string) => {
        if (typeof name !== 'string' || !/^[a-z][a-z0-9-]{0,59}$/.test(name)) throw new TypeError('bad name');
      },
    }),
    caughtBy: ['a name of the greatest length is taken'],
  },
  {
    fault: 'names are not checked',
    parts: () => ({ checkName: () => {} }),
    caughtBy: ['a name outside the grammar is a TypeError, before the service is asked'],
  },
  ...(['unreachable', 'denied', 'throttled'] as const).map((kind) => ({
    fault: `previous is undefined while the service is ${kind}`,
    parts: (whole: MapSecrets) => ({
      fail: (failed: SecretsFailure, which: SecretVersion) =>
        failed === kind && which === 'previous' ? undefined : whole.fail(failed, which, undefined),
    }),
    caughtBy: [outages[kind]],
  })),
  {
    fault: 'every failure is internal',
    parts: () => ({
      fail: () => {
        throw new PortError('internal', 'secrets.get');
      },
    }),
    caughtBy: Object.values(outages),
  },
  {
    fault: 'a failure is remembered',
    parts: (whole) => {
      let failed: SecretsFailure | undefined;
      return {
        fail: (kind: SecretsFailure) => {
          failed = kind;
          return whole.fail(kind, 'current', undefined);
        },
        pick: (name: string, which: SecretVersion) => (failed === undefined ? whole.pick(name, which) : undefined),
      };
    },
    caughtBy: ['a failure is not remembered: the next call after it heals answers'],
  },
  {
    fault: "an error carries the service's answer",
    parts: () => ({
      fail: (kind: SecretsFailure, _: SecretVersion, stored: Stored | undefined) => {
        throw Object.assign(new PortError(codes[kind], 'secrets.get'), { cause: new Error(text(stored)) });
      },
    }),
    caughtBy: ['no error holds the value or a cause'],
  },
  {
    fault: 'signals are ignored',
    parts: () => ({ cancelled: () => {} }),
    caughtBy: ['a signal that has aborted makes get fail with cancelled'],
  },
];

function underTest(parts: (whole: MapSecrets) => Part): SecretsUnderTest {
  const service = new MapSecrets();
  const whole = new Proxy(service, {
    get: (target, name) => {
      const part: unknown = Reflect.get(MapSecrets.prototype, name) ?? Reflect.get(target, name);
      return typeof part === 'function' ? part.bind(target) : part;
    },
  });
  Object.assign(service, parts(whole));
  return {
    secrets: { get: (name, which, options) => service.get(name, which, options) } as Secrets,
    put: (name, value) => service.put(name, value),
    fail: (kind) => {
      service.failure = kind;
    },
  };
}

async function failing(parts: (whole: MapSecrets) => Part, titles: readonly string[]): Promise<string[]> {
  const failed: string[] = [];
  for (const { title, run } of secretsCases.filter((each) => titles.includes(each.title))) {
    try {
      await run(await secretsFixture(underTest(parts)));
    } catch {
      failed.push(title);
    }
  }
  return failed;
}

describe('the secrets suite', () => {
  test('finds no fault in whole secrets', async () => {
    expect(
      await failing(
        () => ({}),
        secretsCases.map(({ title }) => title),
      ),
    ).toEqual([]);
  });

  test.each(broken)('catches: $fault', async ({ parts, caughtBy }) => {
    expect((await failing(parts, caughtBy)).toSorted()).toEqual(caughtBy.toSorted());
  });

  test('has no case that catches no planted fault', () => {
    const caught = new Set(broken.flatMap(({ caughtBy }) => caughtBy));
    expect(secretsCases.map(({ title }) => title).filter((title) => !caught.has(title))).toEqual([]);
  });
});
