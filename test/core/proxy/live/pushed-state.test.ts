import { expect, it } from 'vitest';
import type { ProxyConfiguration, RouteConfiguration, UpstreamConfiguration } from '../../../../core/proxy/configuration.ts';
import { VirtualGateways } from '../../../support/virtual-gateways.ts';

const page: RouteConfiguration = { id: 'page', match: { paths: ['/page'] }, respond: { status: 204 } };
const route: RouteConfiguration = { id: 'all', upstream: 'main' };
const main: UpstreamConfiguration = { url: 'http://a', retry: { retries: 0 }, circuitBreaker: { openMs: 60_000 } };

/** A gateway that serves a deployed configuration, and those pushed over it. */
function world(deployed: ProxyConfiguration) {
  const gateways = new VirtualGateways();
  const { clock, transport, pusher } = gateways;
  const ask = gateways.start(deployed);
  /** Pushes, and lets the instance know. */
  const push = async (document: ProxyConfiguration): Promise<void> => {
    await pusher.push(document, undefined, undefined);
    await clock.advance(5_000);
  };
  return { clock, transport, pusher, ask, push };
}

it('a push of another route leaves an open circuit open, and so does the way back to what was deployed', async () => {
  const upstreams = { main };
  const { ask, push, pusher, transport, clock } = world({ routes: [route], upstreams });
  transport.backend('a', { status: 500 });
  for (let n = 0; n < 5; n++) expect(await ask()).toBe(500);
  expect(await ask()).toBe(503);
  await push({ routes: [page, route], upstreams });
  expect([await ask('/page'), await ask()]).toEqual([204, 503]);
  await pusher.activate(0, undefined);
  await clock.advance(5_000);
  expect([await ask('/page'), transport.count('a')]).toEqual([503, 5]);
});

it('a push of other time-outs, and of one target more, leaves an open circuit open', async () => {
  const { ask, push, transport } = world({ routes: [route], upstreams: { main } });
  transport.backend('a', { status: 500 }).backend('b', {});
  for (let n = 0; n < 5; n++) expect(await ask()).toBe(500);
  const { url: _url, ...rest } = main;
  const targets = [{ url: 'http://a' }, { url: 'http://b' }];
  await push({ routes: [page, route], upstreams: { main: { ...rest, targets, timeouts: { connectMs: 1_999 } } } });
  expect([await ask('/page'), await ask(), transport.sent.length]).toEqual([204, 503, 5]);
});

it('a configuration that turns out to be impossible leaves nothing open', async () => {
  const gateways = new VirtualGateways();
  const { clock, transport, pusher, logger } = gateways;
  const upstreams = { main, other: { url: 'http://b', healthCheck: {} } };
  const handlers = {
    get late(): never {
      throw new TypeError('is not there after all');
    },
  };
  const ask = gateways.start({ routes: [route], upstreams: { main } }, { handlers });
  transport.backend('a', {}).backend('b', {});
  const late: RouteConfiguration = { id: 'late', match: { paths: ['/late'] }, handler: 'late' };
  await pusher.push({ routes: [late, { ...route, upstream: 'other' }], upstreams }, undefined, undefined);
  await clock.advance(5_000);
  expect([await ask('/'), await ask('/late')]).toEqual([200, 200]);
  const asked = transport.count('b');
  await clock.advance(60_000);
  expect([await ask('/'), transport.count('b') - asked, transport.profiles.length - transport.closed]).toEqual([200, 0, 1]);
  expect(logger.events).toContain('configuration.refused');
});
