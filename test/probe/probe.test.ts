import { describe, expect, it } from 'vitest';
import { runCheck } from './arena.ts';
import type { StartFront } from './arena.ts';
import { checks } from './checks/index.ts';
import { startClumsyFront, startNaiveFront, startRelay } from './bad-fronts.ts';
import { startPortolanFront } from './portolan-front.ts';

describe(`the server as an intermediary, by ${checks.length} checks on raw sockets`, () => {
  it.each(checks.map((check) => [`${check.id}: ${check.title}`, check] as const))(
    '%s',
    { meta: { conformance: { platform: 'plain server', port: 'intermediary probe' } } },
    async (_, check) => {
      await runCheck(check, startPortolanFront);
    },
  );
});

describe('the probe', () => {
  it('has names of its own for at least 60 checks', () => {
    expect(new Set(checks.map(({ id }) => id)).size).toBe(checks.length);
    expect(checks.length).toBeGreaterThanOrEqual(60);
  });

  it('has no check that cannot fail: of three bad proxies at least one is found wanting by each', async () => {
    const fronts = { naive: startNaiveFront, relay: startRelay, clumsy: startClumsyFront };
    const failed: Record<string, string[]> = {};
    for (const [name, startFront] of Object.entries(fronts)) failed[name] = await failedBy(startFront);
    const toothless = checks.filter(({ id }) => !Object.values(failed).some((ids) => ids.includes(id)));
    expect(toothless.map(({ id }) => id)).toEqual([]);
    for (const [name, ids] of Object.entries(failed)) expect(ids.length, name).toBeGreaterThan(50);
  });
});

async function failedBy(startFront: StartFront): Promise<string[]> {
  const failed: string[] = [];
  const queue = [...checks];
  const worker = async (): Promise<void> => {
    for (let check = queue.shift(); check !== undefined; check = queue.shift()) {
      const { id } = check;
      await runCheck(check, startFront, 2_000).catch(() => failed.push(id));
    }
  };
  await Promise.all(Array.from({ length: 16 }, worker));
  return failed;
}
