import { afterAll, beforeAll, describe, test } from 'vitest';

/** One sentence of a contract, and how to see that it holds. Throws when it does not. Data, so that other tests can run it too. */
export interface ConformanceCase<Fixture> {
  /** The sentence. Unique in its suite: a harness names the cases it skips by it. */
  readonly title: string;
  readonly run: (fixture: Fixture) => Promise<void>;
}

/** Why a case does not apply to a platform, by the case's title. */
export type Skips = Readonly<Record<string, string>>;

/** What the compatibility table is made from. */
export interface ConformanceMeta {
  readonly platform: string;
  readonly port: string;
  readonly skipped?: string;
}

declare module 'vitest' {
  interface TaskMeta {
    conformance?: ConformanceMeta;
  }
}

export interface Suite<Resources, Fixture> {
  /** The port's name in the compatibility table. */
  readonly port: string;
  /** The platform's name in the compatibility table, for example `DynamoDB Local`. */
  readonly platform: string;
  readonly cases: readonly ConformanceCase<Fixture>[];
  readonly skips: Skips;
  /** Called once, before the first case. */
  readonly open: () => Promise<Resources>;
  /** Called for every case. */
  readonly fixture: (resources: Resources) => Fixture | Promise<Fixture>;
  /** Called once, after the last case. */
  readonly close: (resources: Resources) => Promise<void> | void;
}

/**
 * Registers the cases with vitest.
 *
 * @throws {Error} a skip that names no case, or gives no reason
 */
export function registerSuite<Resources, Fixture>(suite: Suite<Resources, Fixture>): void {
  const { port, platform, cases, skips } = suite;
  assertSkips(cases, skips);
  describe(`${port}: ${platform}`, () => {
    let resources: { readonly opened: Resources } | undefined;
    beforeAll(async () => {
      resources = { opened: await suite.open() };
    });
    afterAll(async () => {
      if (resources !== undefined) await suite.close(resources.opened);
    });
    for (const { title, run } of cases) {
      const skipped = skips[title];
      const conformance: ConformanceMeta = skipped === undefined ? { platform, port } : { platform, port, skipped };
      test(title, { meta: { conformance } }, async (context) => {
        context.skip(skipped !== undefined, skipped);
        if (resources === undefined) throw new Error('The harness did not open');
        await run(await suite.fixture(resources.opened));
      });
    }
  });
}

/** @throws {Error} a skip that names no case, gives no reason, or two cases with one title */
export function assertSkips(cases: readonly ConformanceCase<never>[], skips: Skips): void {
  const titles = new Set(cases.map(({ title }) => title));
  if (titles.size !== cases.length) throw new Error('Two cases have one title');
  for (const [title, reason] of Object.entries(skips)) {
    if (!titles.has(title)) throw new Error(`A skip matches no case: ${title}`);
    if (reason.trim() === '') throw new Error(`A skip needs a reason: ${title}`);
  }
}
