import { HeaderList } from '../../core/http/header-list.ts';
import type { HttpRequest } from '../../core/ports/http.ts';
import { UpstreamError } from '../../core/ports/transport.ts';
import type { RouteConfiguration } from '../../core/proxy/configuration.ts';
import { checkTarget } from '../../core/proxy/routing/check-target.ts';
import { compileRouter } from '../../core/proxy/routing/router.ts';
import type { SimulatedAnswer } from '../support/simulated-transport.ts';
import { SimulatedUpstreams } from '../support/simulated-upstreams.ts';
import { interleaved, median, ratio, timeCalls } from './measure.ts';
import type { Row } from './table.ts';

/** What the gateway decides without any network: routes, and whether to try again. */
export async function gatewayDecisions(quick: boolean): Promise<readonly Row[]> {
  return [...(await routing(quick)), await longPath(), await amplification(quick)];
}

function requestFor(target: string, authority = 'h0.example'): HttpRequest {
  return { method: 'GET', scheme: 'https', authority, target, headers: new HeaderList(['host', authority]), body: undefined };
}

function routes(count: number): readonly RouteConfiguration[] {
  return Array.from({ length: count }, (_, at) => ({
    id: `r${at}`,
    match: { hosts: [`h${at % 10}.example`], paths: [`/v1/service-${at}/{id}/items/*`], methods: ['GET', 'POST'] },
    respond: { status: 204 },
  }));
}

async function routing(quick: boolean): Promise<readonly Row[]> {
  const requests = Array.from({ length: 10 }, (_, at) => requestFor(`/v1/service-${at}/4711/items/x?y=z`, `h${at}.example`));
  const timed = (count: number): (() => Promise<number>) => {
    const router = compileRouter(routes(count));
    return () =>
      timeCalls(quick ? 200 : 2_000, () => {
        for (const request of requests) router.match(request, '192.0.2.1');
      });
  };
  const samples = await interleaved({ many: timed(10_000), few: timed(10) }, quick ? 10 : 60);
  return [
    {
      what: 'gateway: routing a request, 10,000 routes',
      against: '10 routes',
      measured: ratio(samples, 'many', 'few'),
      unit: 'x',
      target: { atMost: 1.5 },
      note: `${(median(samples.many) / requests.length).toFixed(2)} us`,
    },
  ];
}

/** The slowest of several kinds of long path, each decided cold. */
async function longPath(): Promise<Row> {
  const deep = Array.from({ length: 12 }, (_, depth) => `/${Array.from({ length: depth }, (_, at) => `{p${at}}/a/`).join('')}*`);
  const router = compileRouter([
    ...deep.map((path, at) => ({ id: `deep-${at}`, match: { paths: [path], methods: ['NEVER'] }, respond: { status: 204 } })),
    { id: 'end', match: { paths: ['/{a}/{b}/x', '/*'] }, respond: { status: 204 } },
  ]);
  const paths = [
    `/${'a'.repeat(99_999)}`,
    '/a'.repeat(50_000),
    '/%61'.repeat(25_000),
    `/${'%61'.repeat(33_333)}`,
    `/${'-'.repeat(99_999)}`,
  ];
  const times: number[] = [];
  for (const path of paths) {
    const us = await timeCalls(1, () => {
      checkTarget(path);
      router.match(requestFor(path), '192.0.2.1');
    });
    times.push(us / 1_000);
  }
  return {
    what: 'gateway: a path of 100,000 characters, checked and routed: the slowest kind',
    against: '',
    measured: Math.max(...times),
    unit: 'ms',
    target: { atMost: 50 },
  };
}

/** In virtual time: the worst of several ways to be out, with the defaults of breaker and budget and without a breaker. */
async function amplification(quick: boolean): Promise<Row> {
  const outages: readonly SimulatedAnswer[] = [
    { error: new UpstreamError('connection_refused', false) },
    { afterMs: 5, error: new UpstreamError('connection_terminated', true) },
    { afterMs: 5, status: 503 },
    { afterMs: 200, status: 502 },
  ];
  const names = ['a', 'b', 'c'];
  const targets = names.map((name) => ({ url: `http://${name}` }));
  let worst = 0;
  for (const outage of outages) {
    for (const retries of [1, 5]) {
      for (const more of [{}, { circuitBreaker: false }] as const) {
        const it = new SimulatedUpstreams({ main: { targets, retry: { retries }, ...more } });
        for (const name of names) it.transport.backend(name, outage);
        const results = await it.traffic(50, quick ? 10 : 30);
        worst = Math.max(worst, it.transport.sent.length / results.length);
      }
    }
  }
  return {
    what: 'gateway: tries sent per request under a total outage at 50 requests/s, 1 or 5 retries, with a breaker and without: the worst',
    against: '',
    measured: worst,
    unit: 'x',
    target: { atMost: 1.2 },
    note: 'simulated, in virtual time',
  };
}
