import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const root = new URL('../../', import.meta.url).pathname;

it('a migration goes from 1 % to 100 %, rolls back by itself when the new backend fails, and no client request fails', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['examples/strangler/demo.ts'], { cwd: root, timeout: 90_000 });
  const lines = stdout.trim().split('\n');
  const { failed, shares } = JSON.parse(lines.at(-1) ?? '') as { readonly failed: number; readonly shares: readonly number[] };
  const [one, ten, fifty, breaking, rolledBack, mended, again, whole] = shares as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  expect(failed, stdout).toBe(0);
  // 400 customers, sticky: shares are near the percentage, and not exactly it
  expect(one).toBeLessThanOrEqual(4);
  expect(Math.abs(ten - 10)).toBeLessThanOrEqual(5);
  expect(Math.abs(fifty - 50)).toBeLessThanOrEqual(10);
  expect(breaking, stdout).toBeLessThan(30);
  expect([rolledBack, mended]).toEqual([0, 0]);
  expect(Math.abs(again - 50)).toBeLessThanOrEqual(10);
  expect(whole).toBe(100);
  expect(stdout).toContain('the gate: rolled back to the old backend');
}, 120_000);
