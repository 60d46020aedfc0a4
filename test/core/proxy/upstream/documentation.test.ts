import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { UpstreamError } from '../../../../core/ports/index.ts';
import type { UpstreamErrorType } from '../../../../core/ports/index.ts';
import { problemOf } from '../../../../core/proxy/problems.ts';
import { RetryPolicy } from '../../../../core/proxy/upstream/retry-policy.ts';
import { upstreamDefaults } from '../../../../core/proxy/upstream/settings.ts';
import { UpstreamRefused } from '../../../../core/proxy/upstream/upstream.ts';

const text = readFileSync('docs/resilience.md', 'utf8');

/** Rows of the table under a heading, cell by cell, without its head. */
function rowsUnder(heading: string): readonly (readonly string[])[] {
  const [, section = ''] = text.split(`# ${heading}\n`);
  const [own = ''] = section.split('\n#');
  const rows = own.split('\n').filter((line) => line.startsWith('|'));
  return rows.slice(2).map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

const codesOf = (cell: string): readonly string[] => [...cell.matchAll(/`(\w+)`/g)].map(([, code = '']) => code);

describe('docs/resilience.md', () => {
  it('has the status and the retries of each error as they are', () => {
    const retry = new RetryPolicy(upstreamDefaults.retry, () => 0);
    const repeated = (type: UpstreamErrorType, sent: boolean, method: string): boolean =>
      retry.isWorthAfterError(new UpstreamError(type, sent), method);
    const described: Readonly<Record<string, (type: UpstreamErrorType) => readonly boolean[]>> = {
      'yes, every method': (type) => [repeated(type, false, 'POST'), repeated(type, false, 'GET')],
      'yes, unless something was sent': (type) => [repeated(type, false, 'POST'), !repeated(type, true, 'POST')],
      'idempotent methods': (type) => [repeated(type, true, 'GET'), repeated(type, true, 'PUT'), !repeated(type, true, 'POST')],
      no: (type) => [!repeated(type, false, 'GET') || !repeated(type, true, 'GET')],
    };
    const refusals = { destination_unavailable: 'circuit_open', connection_limit_reached: 'overloaded' } as const;
    let seen = 0;
    for (const [what = '', status = '', errors = '', again = ''] of rowsUnder('What the client gets')) {
      for (const code of codesOf(errors)) {
        if (code === 'client_gone') continue;
        seen++;
        const refusal = refusals[code as keyof typeof refusals];
        const error = refusal === undefined ? new UpstreamError(code as UpstreamErrorType, true) : new UpstreamRefused(refusal, 1);
        expect([what, code, String(problemOf(error)?.status)]).toEqual([what, code, status]);
        if (refusal !== undefined) continue;
        expect([code, described[again]?.(code as UpstreamErrorType)]).toEqual([code, expect.arrayContaining([true])]);
        expect([code, described[again]?.(code as UpstreamErrorType)]).not.toEqual([code, expect.arrayContaining([false])]);
      }
    }
    expect(seen).toBeGreaterThan(15);
  });

  it('has the time-outs of an upstream as they are', () => {
    const documented = rowsUnder('Time-outs').flatMap(([option = '', byDefault = '']) => {
      const [, name] = /^`timeouts\.(\w+)`$/.exec(option) ?? [];
      return name === undefined ? [] : [[name, byDefault] as const];
    });
    expect(documented).toEqual(
      Object.entries(upstreamDefaults.timeouts).map(([name, ms]) => [name, ms === undefined ? 'none' : ms.toLocaleString('en')]),
    );
  });
});
