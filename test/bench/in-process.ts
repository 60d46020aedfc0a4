import { fileURLToPath } from 'node:url';
import { median, ratio, runChild } from './measure.ts';
import type { Samples } from './measure.ts';
import type { Row } from './table.ts';

const child = fileURLToPath(new URL('in-process-child.ts', import.meta.url));

const sources = { 'aws-http-v2': 'HTTP API v2', 'aws-rest': 'REST v1', 'aws-alb': 'ALB' } as const;

/** From event to result in one process, each comparison in a fresh one. */
export async function inProcess(rounds: number): Promise<readonly Row[]> {
  const rows: Row[] = [];
  const compare = (comparison: string, source: string, share = 1): Promise<Samples> =>
    runChild<Samples>(child, [comparison, source, String(Math.ceil(rounds * share))]);

  for (const [source, name] of Object.entries(sources)) {
    const samples = await compare('stubbed', source);
    rows.push({
      what: `event to response, GET /v1/sessions/{id} in memory, authentication stubbed: ${name}`,
      against: 'hand-written handler doing the same work',
      measured: ratio(samples, 'portolan', 'hand'),
      unit: 'x',
      target: { atMost: 1.5 },
      note: `${microseconds(samples, 'hand')} by hand`,
    });
  }
  for (const [source, name] of Object.entries(sources)) {
    const samples = await compare('deployed', source);
    rows.push({
      what: `the same with API-key authentication and request log: ${name}`,
      against: 'hand-written handler, without either',
      measured: ratio(samples, 'portolan', 'hand'),
      unit: 'x',
      target: { atMost: 3 },
    });
  }
  const withWork = await compare('hono', 'aws-http-v2', 0.5);
  rows.push({
    what: 'how many times as fast as Hono 4.13 on `hono/aws-lambda`, whole route: HTTP API v2',
    against: 'the same route in Hono doing the same work',
    measured: ratio(withWork, 'hono', 'portolan'),
    unit: 'x',
    target: { atLeast: 10 },
    fallsShort:
      'Parsing, signing (HMAC) and writing the session take most of the time in both, and the hand-written handler itself would not get there; see the next row.',
  });
  const shell = await compare('hono-codecs', 'aws-http-v2', 0.5);
  rows.push({
    what: 'the same without the work: event to handler and a constant answer to result',
    against: 'Hono',
    measured: ratio(shell, 'hono', 'portolan'),
    unit: 'x',
    target: { atLeast: 10 },
    note: `${microseconds(shell, 'portolan')} against ${microseconds(shell, 'hono')}`,
  });
  const { portolan: kilobytes = [] } = await runChild<Samples>(child, ['allocation', 'aws-http-v2', '20'], {
    execArgv: ['--expose-gc', '--min-semi-space-size=64', '--max-semi-space-size=64'],
  });
  rows.push({
    what: 'allocated per event, codecs alone: HTTP API v2',
    against: '',
    measured: median(kilobytes),
    unit: 'KB',
    target: { atMost: 4 },
  });
  for (const direction of ['in', 'out'] as const) {
    const samples = await compare(`body-${direction}`, 'aws-http-v2', 0.5);
    rows.push({
      what: `1 MiB of base64 ${direction}: HTTP API v2`,
      against: 'hand-written handler',
      measured: ratio(samples, 'portolan', 'hand'),
      unit: 'x',
      target: { atMost: 1.1 },
    });
  }
  return rows;
}

function microseconds(samples: Samples, name: string): string {
  return `${median(samples[name] ?? []).toFixed(1)} us`;
}
