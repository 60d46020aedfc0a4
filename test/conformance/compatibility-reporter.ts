import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Reporter, TestModule } from 'vitest/node';
import { mergeRuns } from './compatibility-table.ts';
import type { Compatibility, ConformanceRun } from './compatibility-table.ts';

/** Where the runs are kept: a file no repository holds. */
export const compatibilityFile = '.cache/compatibility.json';

/** A vitest reporter that keeps how every conformance suite of a run came out, beside the suites of earlier runs. */
export default class CompatibilityReporter implements Reporter {
  onTestRunEnd(testModules: readonly TestModule[]): void {
    const tests = testModules.flatMap((testModule) => [...testModule.children.allTests()]);
    const runs = collect(tests.map((each) => ({ title: each.name, state: each.result().state, ...each.meta().conformance })));
    if (Object.keys(runs).length === 0) return;
    mkdirSync(dirname(compatibilityFile), { recursive: true });
    writeFileSync(compatibilityFile, `${JSON.stringify(mergeRuns(readCompatibility(), runs), null, 2)}\n`);
  }
}

/** What was kept so far; nothing when there was no run yet. */
export function readCompatibility(): Compatibility {
  try {
    return JSON.parse(readFileSync(compatibilityFile, 'utf8')) as Compatibility;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return {};
    throw error;
  }
}

/** A test as it ended. Those without a platform are no conformance tests. */
export interface EndedTest {
  readonly title: string;
  readonly state: string;
  readonly platform?: string;
  readonly port?: string;
  readonly skipped?: string;
}

/** Counts by platform and port. A suite that was run in part only (`-t`, an interrupted run) is left out. */
export function collect(tests: readonly EndedTest[]): Compatibility {
  const compatibility: Record<string, Record<string, ConformanceRun>> = {};
  const conformance = tests.filter(
    (each): each is EndedTest & { readonly platform: string; readonly port: string } => each.platform !== undefined,
  );
  for (const [, suite] of Map.groupBy(conformance, ({ platform, port }) => JSON.stringify([platform, port]))) {
    const [first] = suite;
    const whole = suite.every(({ state, skipped }) => state === 'passed' || state === 'failed' || skipped !== undefined);
    if (first === undefined || !whole) continue;
    const skipped = suite.flatMap(({ title, skipped: reason }) => (reason === undefined ? [] : [[title, reason] as const]));
    (compatibility[first.platform] ??= {})[first.port] = {
      passed: suite.filter(({ state }) => state === 'passed').length,
      failed: suite.filter(({ state }) => state === 'failed').length,
      skipped: Object.fromEntries(skipped),
    };
  }
  return compatibility;
}
