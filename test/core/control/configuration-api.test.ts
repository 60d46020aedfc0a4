import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../../adapters/node/node-crypto.ts';
import type { Scope } from '../../../core/auth/api-key.ts';
import { HeaderList } from '../../../core/http/header-list.ts';
import { PortError } from '../../../core/ports/index.ts';
import type { PortErrorCode } from '../../../core/ports/index.ts';
import type { ProxyConfiguration } from '../../../core/proxy/configuration.ts';
import { StoredConfigurations } from '../../../core/proxy/live/stored-configurations.ts';
import { durable } from '../../../core/storage/durable.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { FallibleStore } from '../../support/fallible-store.ts';
import { startPortolan } from '../../support/portolan.ts';
import { unusedProxyPlatform } from '../../support/proxy-platform.ts';
import { SimulatedTransport } from '../../support/simulated-transport.ts';
import type { Answer, Call, Harness, HarnessOptions } from '../../support/portolan.ts';

const pollMs = 5_000;

function document(body: string, more: Partial<ProxyConfiguration> = {}): ProxyConfiguration {
  return { routes: [{ id: 'answer', match: { paths: ['/answer'] }, respond: { status: 200, body } }], ...more };
}

/** Time stands still unless told otherwise: with a clock that runs by itself nobody waits for a look at the store. */
function start(options: HarnessOptions = {}): Harness {
  return startPortolan({
    clock: new FakeClock(),
    ...options,
    configuration: { ...document('deployed'), ...options.configuration },
  });
}

/** What the gateway answers, once it has looked at the store. */
async function answered(
  harness: Harness,
  method = 'GET',
  target = '/answer',
): Promise<{ status: number; body: string; headers: Answer['headers'] }> {
  const { clock, portolan, pending } = harness;
  const response = await portolan.handler(
    { method, scheme: 'http', authority: 'www.example', target, headers: new HeaderList(), body: undefined },
    {
      source: 'test',
      requestId: 'asked',
      clientAddress: undefined,
      deadline: clock.now() + 10_000,
      waitUntil: (work) => void pending.push(work),
    },
  );
  await Promise.all(pending.splice(0));
  return { status: response.status, body: response.body as string, headers: response.headers };
}

/** Lets time pass until it is done: what fails is tried again after a while. */
async function inTime<T>({ clock }: Harness, work: Promise<T>): Promise<T> {
  const state = { done: false };
  const done = work.finally(() => {
    state.done = true;
  });
  while (!state.done) await clock.advance(100);
  return done;
}

/** The same, after the longest an instance may take to follow. */
async function answeredLater(harness: Harness): Promise<string> {
  await harness.clock.advance(pollMs);
  return (await inTime(harness, answered(harness))).body;
}

interface Operation {
  readonly method: string;
  readonly target: string;
  readonly needs: Scope;
  readonly call: Call;
}

const operations: readonly Operation[] = [
  { method: 'GET', target: '/v1/configuration', needs: 'configuration:read', call: {} },
  { method: 'PUT', target: '/v1/configuration', needs: 'configuration:write', call: { body: document('x') } },
  { method: 'GET', target: '/v1/configuration/versions', needs: 'configuration:read', call: {} },
  { method: 'POST', target: '/v1/configuration/activate', needs: 'configuration:write', call: { body: {} } },
  { method: 'GET', target: '/v1/configuration/migration?route=answer', needs: 'configuration:read', call: {} },
];

describe('the configuration over the control API', () => {
  it.each(operations)('$method $target needs a key, and the scope for it', async ({ method, target, needs, call }) => {
    const harness = start();
    expect((await harness.call(method, target, { ...call, key: null })).status).toBe(401);
    for (const scope of ['sessions:write', 'credentials:read', 'configuration:read', 'configuration:write'] as const) {
      const { key } = await harness.addKey({ scopes: [scope] });
      const { status, headers } = await harness.call(method, target, { ...call, key });
      if (scope === needs) expect(status).not.toBe(403);
      else {
        expect(status).toBe(403);
        expect(headers.get('www-authenticate')).toContain(`scope="${needs}"`);
      }
    }
    expect(await answeredLater(harness)).toBe(needs === 'configuration:write' && method === 'PUT' ? 'x' : 'deployed');
  });

  describe('whose secrets for TLS cannot be used', () => {
    const secured: Partial<ProxyConfiguration> = {
      upstreams: { private: { url: 'https://private', tls: { ca: 'authority', clientCertificate: 'own' } } },
    };
    const unusable = [
      { member: 'ca', secret: 'authority', detail: 'holds no certificate in PEM' },
      { member: 'clientCertificate', secret: 'own', detail: 'does not exist' },
    ] as const;
    const startWith = (configuration: Partial<ProxyConfiguration> = {}) => {
      const clock = new FakeClock();
      const transport = new SimulatedTransport(clock);
      const harness = start({ clock, configuration, proxy: { ...unusedProxyPlatform, openTransports: () => transport } });
      const told = (): unknown =>
        harness.logged.filter(({ event }) => event.startsWith('upstream.tls')).map(({ attributes }) => attributes);
      return { harness, transport, told };
    };
    const said = unusable.map(({ member, secret, detail }) => ({
      pointer: `/upstreams/private/tls/${member}`,
      detail: `names the secret ${secret}, which ${detail}`,
    }));

    it('is refused by a push, with the name of each', async () => {
      const { harness, transport } = startWith();
      transport.unusable = (tls) => (tls.ca === 'authority' ? unusable : []);
      expect(await harness.call('PUT', '/v1/configuration', { body: document('one', secured) })).toMatchObject({
        status: 422,
        json: { type: 'https://portolan.dev/problems/invalid-configuration', errors: said },
      });
      expect(await answeredLater(harness)).toBe('deployed');
    });

    it('at present is pushed, and that it was not checked is logged', async () => {
      const { harness, transport, told } = startWith();
      transport.unusable = () => {
        throw new PortError('unavailable', 'secrets.get');
      };
      expect((await harness.call('PUT', '/v1/configuration', { body: document('one', secured) })).status).toBe(200);
      expect(told()).toEqual([{ upstream: 'private', reason: 'unavailable' }]);
    });

    it('as long as their service does not answer is pushed in time, and that it was not checked is logged', async () => {
      const { harness, transport, told } = startWith();
      transport.unusable = () => new Promise(() => undefined);
      const pushed = await inTime(harness, harness.call('PUT', '/v1/configuration', { body: document('one', secured) }));
      expect(pushed.status).toBe(200);
      expect(told()).toEqual([{ upstream: 'private', reason: 'deadline_exceeded' }]);
    });

    it('is told in the log once, with the first request: of what was deployed, and of what is served next', async () => {
      const { harness, transport, told } = startWith(secured);
      transport.unusable = () => unusable;
      expect(told()).toEqual([]);
      for (let n = 0; n < 3; n++) await answered(harness);
      expect([told(), harness.logged.filter(({ severity }) => severity === 'error').length]).toEqual([said, 2]);
      const { store, clock } = harness;
      await new StoredConfigurations(durable(store, { clock, crypto: nodeCrypto }), nodeCrypto, clock).push(
        document('next', secured),
        undefined,
        undefined,
      );
      for (let n = 0; n < 2; n++) expect(await answeredLater(harness)).toBe('next');
      expect(told()).toEqual([...said, ...said]);
    });
  });

  it('is nothing before the first push, and the deployed one is served', async () => {
    const harness = start();
    expect(await harness.call('GET', '/v1/configuration')).toMatchObject({
      status: 404,
      json: { type: 'https://portolan.dev/problems/no-configuration-pushed' },
    });
    expect((await harness.call('GET', '/v1/configuration/versions')).json).toEqual({ versions: [] });
    expect((await harness.call('POST', '/v1/configuration/activate', { body: {} })).status).toBe(404);
    expect(await answeredLater(harness)).toBe('deployed');
  });

  it('takes a push, serves it on every instance within pollMs, and rolls back', async () => {
    const store = new FallibleStore();
    const clock = new FakeClock();
    const [one, two] = [start({ store, clock }), start({ store, clock })];
    for (const instance of [one, two]) expect((await answered(instance)).body).toBe('deployed');

    const pushed = await one.call('PUT', '/v1/configuration', { body: { $schema: 'x', ...document('first') } });
    expect(pushed).toMatchObject({ status: 200, json: { version: 1, active: true, document: document('first') } });
    expect(pushed.json.document).not.toHaveProperty('$schema');
    expect(pushed.headers.get('etag')).toBe('"1"');
    for (const instance of [one, two]) expect(await answeredLater(instance)).toBe('first');

    await one.call('PUT', '/v1/configuration', { body: document('second') });
    const { json } = await two.call('GET', '/v1/configuration/versions');
    expect(json.versions.map(({ version, active }: { version: number; active: boolean }) => [version, active])).toEqual([
      [2, true],
      [1, false],
    ]);
    for (const instance of [one, two]) expect(await answeredLater(instance)).toBe('second');

    const back = await one.call('POST', '/v1/configuration/activate', { body: {} });
    expect(back).toMatchObject({ status: 200, json: { version: 1, document: document('first') } });
    for (const instance of [one, two]) expect(await answeredLater(instance)).toBe('first');
    expect((await one.call('POST', '/v1/configuration/activate', { body: { version: 2 } })).headers.get('etag')).toBe('"2"');
    expect((await one.call('POST', '/v1/configuration/activate', { body: { version: 3 } })).status).toBe(404);
    expect(await answeredLater(two)).toBe('second');
  });

  it('deletes the oldest version beside a push over the hundredth, says so of one that is asked for, and pushes all the same when it cannot', async () => {
    const harness = start();
    const { store, clock, pending, logged } = harness;
    const pusher = new StoredConfigurations(durable(store, { clock, crypto: nodeCrypto }), nodeCrypto, clock);
    for (let n = 1; n <= 100; n++) await pusher.push(document(`${n}`), undefined, undefined);
    const push = async (): Promise<number> => {
      const { status } = await harness.call('PUT', '/v1/configuration', { body: document('next') });
      await inTime(harness, Promise.all(pending.splice(0)));
      return status;
    };
    const kept = async (): Promise<readonly boolean[]> =>
      Promise.all([1, 2, 3].map(async (version) => (await pusher.version(version)) !== undefined));
    expect([await push(), await kept()]).toEqual([200, [false, true, true]]);
    expect(await harness.call('POST', '/v1/configuration/activate', { body: { version: 1 } })).toMatchObject({
      status: 404,
      json: {
        type: 'https://portolan.dev/problems/configuration-version-not-found',
        detail: expect.stringContaining('newest 100') as string,
      },
    });
    store.fault = (operation) => (operation === 'delete' || operation === 'list' ? { code: 'unavailable' } : undefined);
    expect([await push(), await kept()]).toEqual([200, [false, true, true]]);
    expect(logged.at(-1)).toMatchObject({
      severity: 'warn',
      event: 'configuration.not_pruned',
      attributes: { 'error.type': 'unavailable' },
    });
    store.fault = () => undefined;
    expect([await push(), await kept()]).toEqual([200, [false, false, false]]);
  });

  it('goes back to what was deployed, by a roll-back of the first push and by version 0', async () => {
    const harness = start();
    await harness.call('PUT', '/v1/configuration', { body: document('first') });
    expect(await answeredLater(harness)).toBe('first');
    const back = await harness.call('POST', '/v1/configuration/activate', { body: {}, headers: { 'if-match': '"1"' } });
    expect(back.status).toBe(204);
    expect(await answeredLater(harness)).toBe('deployed');
    expect((await harness.call('GET', '/v1/configuration')).status).toBe(404);
    expect((await harness.call('GET', '/v1/configuration/versions')).json.versions).toMatchObject([{ version: 1, active: false }]);

    const again = await harness.call('PUT', '/v1/configuration', {
      body: document('second'),
      headers: { 'if-none-match': '*' },
    });
    expect(again).toMatchObject({ status: 200, json: { version: 2 } });
    expect((await harness.call('POST', '/v1/configuration/activate', { body: { version: 0 } })).status).toBe(204);
    expect(await answeredLater(harness)).toBe('deployed');
    // and a new deployment is served, which a pushed version would hide
    const { store, clock } = harness;
    const redeployed = start({ store, clock, configuration: { ...document('redeployed') } });
    expect(await answeredLater(redeployed)).toBe('redeployed');
    expect(harness.logged.filter(({ event }) => event === 'configuration.rolled_back')).toMatchObject([
      { attributes: { version: 'deployed' } },
      { attributes: { version: 'deployed' } },
    ]);
  });

  it('tells in the log who pushed and who rolled back what', async () => {
    const harness = start();
    const { key, record } = await harness.addKey({ tenant: 'operators', scopes: ['configuration:write'] });
    await harness.call('PUT', '/v1/configuration', { key, body: document('one') });
    await harness.call('PUT', '/v1/configuration', { key, body: document('two') });
    await harness.call('POST', '/v1/configuration/activate', { key, body: {} });
    expect(harness.logged.filter(({ attributes }) => attributes['audit'] === true)).toMatchObject([
      { event: 'configuration.pushed', attributes: { version: '1', tenant: 'operators', keyId: record.id } },
      { event: 'configuration.pushed', attributes: { version: '2', tenant: 'operators', keyId: record.id } },
      { event: 'configuration.rolled_back', attributes: { version: '1', tenant: 'operators', keyId: record.id } },
    ]);
    harness.expectNoSecrets();
  });

  it.each([
    // before anything was pushed
    [0, { 'if-match': '"1"' }, false],
    [0, { 'if-match': '*' }, false],
    [0, { 'if-none-match': '*' }, true],
    [0, { 'if-none-match': '"1"' }, true],
    // version 1 is active
    [1, {}, true],
    [1, { 'if-match': '"1"' }, true],
    [1, { 'if-match': '*' }, true],
    [1, { 'if-match': '"7", "1"' }, true],
    [1, { 'if-match': '"2"' }, false],
    [1, { 'if-match': 'W/"1"' }, false],
    [1, { 'if-match': '1' }, false],
    [1, { 'if-match': '' }, false],
    [1, { 'if-none-match': '*' }, false],
    [1, { 'if-none-match': '"1"' }, false],
    [1, { 'if-none-match': '"2"' }, true],
    [1, { 'if-match': '"1"', 'if-none-match': '*' }, false],
  ] as const)('with %i active, a push under %j is done: %s', async (active, headers, done) => {
    const harness = start();
    if (active === 1) await harness.call('PUT', '/v1/configuration', { body: document('first') });
    const answer = await harness.call('PUT', '/v1/configuration', { body: document('mine'), headers });
    expect(answer.status).toBe(done ? 200 : 412);
    if (!done) expect(answer.headers.get('etag')).toBe(active === 0 ? undefined : '"1"');
    expect(await answeredLater(harness)).toBe(done ? 'mine' : active === 0 ? 'deployed' : 'first');
  });

  it('of pushes at the same time under one ETag takes one, and tells the others which', async () => {
    const harness = start();
    await harness.call('PUT', '/v1/configuration', { body: document('first') });
    const answers = await Promise.all(
      ['a', 'b', 'c'].map((body) =>
        harness.call('PUT', '/v1/configuration', { body: document(body), headers: { 'if-match': '"1"' } }),
      ),
    );
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 412, 412]);
    const winner = answers.find(({ status }) => status === 200);
    for (const { status, headers } of answers) expect([status, headers.get('etag')]).toEqual([status, winner?.headers.get('etag')]);
    expect(await answeredLater(harness)).toBe(winner?.json.document.routes[0].respond.body);
    expect((await harness.call('POST', '/v1/configuration/activate', { body: {} })).json.version).toBe(1);
  });

  it('a push sent again because its answer was lost is the same push', async () => {
    const harness = start();
    await harness.call('PUT', '/v1/configuration', { body: document('first') });
    const push = () => harness.call('PUT', '/v1/configuration', { body: document('second'), headers: { 'if-match': '"1"' } });
    const [done, again] = [await push(), await push()];
    expect([done.status, again.status]).toEqual([200, 200]);
    expect(again.json).toEqual(done.json);
    expect((await harness.call('GET', '/v1/configuration/versions')).json.versions).toHaveLength(2);
  });

  it.each([
    ['a target that is no upstream', { routes: [{ id: 'a', upstream: 'none' }] }, '/routes/0/upstream', 'there are none'],
    [
      'a route that can never win',
      { routes: [{ id: 'all', respond: { status: 204 } }, ...(document('x').routes ?? [])] },
      '/routes/1',
      'can never win',
    ],
    [
      'a metadata address',
      { routes: [{ id: 'a', upstream: 'm' }], upstreams: { m: { url: 'http://169.254.169.254' } } },
      '/upstreams/m/url',
      'address',
    ],
    ['a handler nobody has', { routes: [{ id: 'a', handler: 'mine' }] }, '/routes/0/handler', 'this process has none'],
    ['an unknown member', { routes: [{ id: 'a', responds: { status: 204 } }] }, '/routes/0/responds', 'respond'],
    ['a status that is none', { routes: [{ id: 'a', respond: { status: 42 } }] }, '/routes/0/respond/status', ''],
    ['a line break in a field', { routes: [{ id: 'a', respond: { status: 204, headers: { 'x-a': 'b\r\nc' } } }] }, '/routes/0', ''],
  ] as const)('refuses %s whole, with pointer and hint, and what was served goes on', async (_what, wrong, pointer, hint) => {
    const harness = start();
    await harness.call('PUT', '/v1/configuration', { body: document('good') });
    const refused = await harness.call('PUT', '/v1/configuration', { body: wrong });
    expect(refused).toMatchObject({
      status: 422,
      json: { type: 'https://portolan.dev/problems/invalid-configuration', detail: 'Nothing was changed.' },
    });
    const [first] = refused.json.errors as readonly { pointer: string; detail: string }[];
    expect(first?.pointer.startsWith(pointer), first?.pointer).toBe(true);
    expect(first?.detail).toContain(hint);
    expect((await harness.call('GET', '/v1/configuration/versions')).json.versions).toHaveLength(1);
    expect(await answeredLater(harness)).toBe('good');
  });

  it('refuses a push that would change what only a deployment can, and takes the deployed words for it', async () => {
    const proxy = { controlHosts: ['api.example.com'], live: { pollMs: 5_000 } };
    const harness = start({ configuration: { proxy } });
    for (const wrong of [{ controlHosts: ['other.example'] }, { live: { pollMs: 100 } }]) {
      const { status, json } = await harness.call('PUT', '/v1/configuration', { body: document('x', { proxy: wrong }) });
      const pointer = `/proxy/${Object.keys(wrong)[0]}`;
      const detail = 'is another than the deployed one: leave it out, or deploy it';
      expect([status, json.errors]).toEqual([422, [{ pointer, detail }]]);
    }
    expect((await harness.call('PUT', '/v1/configuration', { body: document('x', { proxy }) })).status).toBe(200);
    // and goes on serving it when it is deployed with other ones
    const { store, clock } = harness;
    expect(await answeredLater(start({ store, clock, configuration: { proxy: { live: { pollMs: 1_000 } } } }))).toBe('x');
  });

  it.each([
    ['no routes', '{}', 400],
    ['a member of the deployed part', JSON.stringify({ ...document('x'), auth: { storedKeys: true } }), 400],
    ['pools', JSON.stringify({ ...document('x'), pools: {} }), 400],
    ['no JSON', '{"routes":[', 400],
    ['a member twice', '{"routes":[],"routes":[]}', 400],
    ['__proto__', `{"routes":[],"__proto__":{"proxy":{}}}`, 400],
    ['a list', '[]', 400],
    ['over 700,000 bytes', JSON.stringify(document('x'.repeat(700_000))), 413],
  ])('refuses a document with %s and stores nothing', async (_what, body, status) => {
    const harness = start();
    const answer = await harness.call('PUT', '/v1/configuration', { body });
    expect(answer.status).toBe(status);
    expect(harness.store.sent.filter(({ partition }) => partition.startsWith('configuration'))).toEqual([]);
    expect(await answeredLater(harness)).toBe('deployed');
  });

  it('tells a route without a mirror from one whose mirror has found nothing yet', async () => {
    const harness = start();
    const ask = (route: string) => harness.call('GET', `/v1/configuration/migration?route=${route}`);
    expect(await ask('answer')).toMatchObject({ status: 404, json: { type: 'https://portolan.dev/problems/no-mirror' } });
    const mirrored: ProxyConfiguration = {
      routes: [{ id: 'mirrored', upstream: 'a', mirror: { upstream: 'b' } }],
      upstreams: { a: { url: 'https://a.example' }, b: { url: 'https://b.example' } },
    };
    await harness.call('PUT', '/v1/configuration', { body: mirrored });
    expect(await ask('mirrored')).toMatchObject({ status: 200, json: { sent: 0, compared: 0, places: [] } });
    expect((await ask('mirorred')).status).toBe(404);
  });

  it('takes content that is no JSON by its type for what it is not', async () => {
    const harness = start();
    const answer = await harness.call('PUT', '/v1/configuration', {
      body: JSON.stringify(document('x')),
      headers: { 'content-type': 'application/yaml' },
    });
    expect(answer.status).toBe(415);
  });

  it('takes a document of nearly 700,000 bytes, and serves every byte of it', async () => {
    const harness = start();
    const body = 'ü€𝄞'.repeat(60_000);
    expect((await harness.call('PUT', '/v1/configuration', { body: document(body) })).status).toBe(200);
    expect(await answeredLater(harness)).toBe(body);
  });

  it.each(['unavailable', 'permission_denied', 'data_loss'] satisfies PortErrorCode[])(
    'with %s from the store is a 503, never "nothing pushed", and what was served goes on',
    async (code) => {
      for (const { method, target, call } of operations) {
        for (const failing of ['get', 'create', 'replace'] as const) {
          const harness = start();
          await harness.call('PUT', '/v1/configuration', { body: document('first') });
          await harness.call('PUT', '/v1/configuration', { body: document('good') });
          expect(await answeredLater(harness)).toBe('good');
          harness.store.fault = (operation) => (operation === failing ? { code } : undefined);
          const before = harness.store.calls.length;
          const answer = await inTime(harness, harness.call(method, target, call));
          if (harness.store.calls.slice(before).includes(failing)) {
            expect([answer.status, answer.json.code], `${method} ${target} with ${failing} failing`).toEqual([503, code]);
          } else {
            expect([200, 404]).toContain(answer.status);
          }
          if (answer.status === 503) expect(await answeredLater(harness)).toBe('good');
        }
      }
    },
  );

  it('is not offered where there are no keys to push with, and its paths are the proxy’s then', async () => {
    const harness = start({ configuration: { auth: undefined } as never });
    for (const { method, target } of operations) {
      expect((await answered(harness, method, target)).body).toContain('problems/no-route');
    }
  });
});

describe('the report of a mirror', () => {
  it('has everything that the instance which is asked has found up to now', async () => {
    const clock = new FakeClock();
    const transport = new SimulatedTransport(clock).backend('old', {}).backend('new', {});
    const harness = start({
      clock,
      proxy: { ...unusedProxyPlatform, openTransports: () => transport },
      configuration: {
        routes: [{ id: 'answer', match: { paths: ['/answer'] }, upstream: 'old', mirror: { upstream: 'new' } }],
        upstreams: { old: { url: 'http://old' }, new: { url: 'http://new' } },
      },
    });
    const report = async (): Promise<unknown> =>
      (await harness.call('GET', '/v1/configuration/migration?route=answer')).json as unknown;
    expect(await report()).toMatchObject({ route: 'answer', sent: 0 });
    for (let at = 0; at < 5; at++) expect((await answered(harness)).status).toBe(200);
    expect(await report()).toMatchObject({ route: 'answer', sent: 5, failed: 0, skipped: 0 });
  });
});

describe('the report of a split', () => {
  it.each([
    ['for good', {}, null],
    ['for a while', { retryAfterMs: 60_000 }, expect.any(String) as string],
  ])(
    'says that its gate has sent everything back %s, and why, until another configuration is served',
    async (_what, gate, until) => {
      const clock = new FakeClock();
      const transport = new SimulatedTransport(clock).backend('old', {}).backend('new', { status: 500 });
      const split = (newPercent: number): ProxyConfiguration => ({
        routes: [
          {
            id: 'answer',
            match: { paths: ['/answer'] },
            split: { old: 'old', new: 'new', newPercent, gate: { minRequests: 5, ...gate } },
          },
        ],
        upstreams: { old: { url: 'http://old' }, new: { url: 'http://new', circuitBreaker: false, outlierEjection: false } },
      });
      const harness = start({
        clock,
        proxy: { ...unusedProxyPlatform, openTransports: () => transport },
        configuration: split(100),
      });
      const report = async (): Promise<unknown> =>
        (await harness.call('GET', '/v1/configuration/migration?route=answer')).json as unknown;
      expect(await report()).toMatchObject({ sent: 0, rolledBack: null });
      for (let at = 0; at < 10; at++) await inTime(harness, answered(harness));
      expect(await report()).toMatchObject({ rolledBack: { reason: 'errors', until } });
      await harness.call('PUT', '/v1/configuration', { body: split(90) });
      expect(await report()).toMatchObject({ rolledBack: null });
    },
  );
});

describe('a gate through pushes', () => {
  const page = { id: 'page', match: { paths: ['/page'] }, respond: { status: 204 } };
  const migrating = (newPercent: number, more: Partial<ProxyConfiguration> = {}): ProxyConfiguration => ({
    routes: [
      {
        id: 'answer',
        match: { paths: ['/answer'] },
        split: { old: 'old', new: 'new', newPercent, gate: { minRequests: 10, rescue: false, windowMs: 60_000 } },
      },
      ...(more.routes ?? []),
    ],
    upstreams: {
      old: { url: 'http://old' },
      new: { url: 'http://new', circuitBreaker: false, outlierEjection: false, fallback: 'spare' },
      spare: { url: 'http://spare' },
      ...more.upstreams,
    },
  });
  const world = () => {
    const clock = new FakeClock();
    const store = new FallibleStore();
    const transport = new SimulatedTransport(clock).backend('old', {}).backend('new', { status: 500 }).backend('spare', {});
    const instance = () =>
      start({ clock, store, proxy: { ...unusedProxyPlatform, openTransports: () => transport }, configuration: migrating(100) });
    const harness = instance();
    const push = async (body: ProxyConfiguration): Promise<void> => {
      expect((await harness.call('PUT', '/v1/configuration', { body })).status).toBe(200);
      await clock.advance(pollMs);
    };
    /** How many of so many requests went to the new side. */
    const toNew = async (requests: number, asked = harness): Promise<number> => {
      const before = transport.count('new');
      for (let n = 0; n < requests; n++) await inTime(asked, answered(asked));
      await clock.advance(2_000);
      return transport.count('new') - before;
    };
    return { harness, instance, transport, push, toNew };
  };

  it('that was crossed stays so as long as split and backends are what they were, on old instances and on new ones', async () => {
    const { harness, instance, push, toNew } = world();
    expect(await toNew(20)).toBe(10);
    for (const more of [{ routes: [page] }, { upstreams: { other: { url: 'http://other' } } }, { routes: [page] }]) {
      await push(migrating(100, more));
      expect([await toNew(5), await toNew(5, instance())]).toEqual([0, 0]);
    }
    expect((await harness.call('GET', '/v1/configuration/migration?route=answer')).json).toMatchObject({
      rolledBack: { reason: 'errors' },
    });
    await harness.call('POST', '/v1/configuration/activate', { body: { version: 1 } });
    await harness.clock.advance(pollMs);
    expect([await toNew(5), await toNew(5, instance())]).toEqual([0, 0]);
  });

  it('goes on counting', async () => {
    const { push, toNew } = world();
    expect(await toNew(6)).toBe(6);
    await push(migrating(100, { routes: [page] }));
    expect(await toNew(20)).toBe(4);
  });

  it.each<[string, ProxyConfiguration]>([
    ['the split is another', migrating(99)],
    ['a backend is another', migrating(100, { upstreams: { old: { url: 'http://old', timeouts: { connectMs: 1 } } } })],
    [
      'what a backend falls back to is another',
      migrating(100, { upstreams: { spare: { url: 'http://spare', timeouts: { connectMs: 1 } } } }),
    ],
  ])('begins afresh when %s, and stays afresh when it is as before again', async (_what, next) => {
    const { push, toNew } = world();
    await push(migrating(100));
    expect(await toNew(20)).toBe(10);
    await push(next);
    expect(await toNew(5)).toBe(5);
    await push(migrating(100));
    expect(await toNew(20)).toBe(10);
  });

  it('begins afresh over a configuration that cannot be read any more, which a push replaces all the same', async () => {
    const { harness, push, toNew } = world();
    const { store, logged } = harness;
    await push(migrating(100));
    expect(await toNew(20)).toBe(10);
    const [part] = (await store.list('configuration.parts')).records;
    await store.delete(part!, part!.version);
    await push(migrating(100, { routes: [page] }));
    expect(logged.filter(({ event }) => event === 'configuration.gates_not_carried')).toMatchObject([
      { severity: 'warn', attributes: { version: 1 } },
    ]);
    expect(await toNew(20)).toBe(10);
  });

  it('keeps a push back while the store cannot say what was active', async () => {
    const { harness, push, toNew } = world();
    await push(migrating(100));
    harness.store.fault = (_operation, key) => (key?.partition === 'configuration.parts' ? { code: 'unavailable' } : undefined);
    const pushed = await inTime(harness, harness.call('PUT', '/v1/configuration', { body: migrating(100, { routes: [page] }) }));
    expect(pushed.status).toBe(503);
    harness.store.fault = () => undefined;
    expect((await harness.call('GET', '/v1/configuration/versions')).json.versions).toHaveLength(1);
    expect(await toNew(5)).toBe(5);
  });

  it('begins afresh when the same configuration is pushed again', async () => {
    const { push, toNew } = world();
    for (let n = 0; n < 3; n++) {
      await push(migrating(100, { routes: [page] }));
      expect(await toNew(20)).toBe(10);
    }
  });
});

describe('a gateway that serves pushed configurations', () => {
  it('names the version in every log line, and in the field that the configuration names', async () => {
    const harness = start({ configuration: { proxy: { versionField: 'X-Configuration' } } });
    expect((await answered(harness)).headers.get('x-configuration')).toBe('deployed');
    await harness.call('PUT', '/v1/configuration', { body: document('one', { proxy: { versionField: 'x-served-by' } }) });
    await harness.clock.advance(pollMs);
    const { headers } = await answered(harness);
    expect([headers.get('x-configuration'), headers.get('x-served-by')]).toEqual([undefined, '1']);
    const lines = harness.logged.filter(({ attributes }) => attributes['http.route'] === 'answer');
    expect(lines.map(({ attributes }) => attributes['configuration.version'])).toEqual(['deployed', '1']);
  });

  it('goes on with the last good one while the store is away, and says so in the log', async () => {
    const harness = start();
    await harness.call('PUT', '/v1/configuration', { body: document('one') });
    expect(await answeredLater(harness)).toBe('one');
    harness.store.fault = () => ({ code: 'unavailable' });
    for (let at = 0; at < 3; at++) expect(await answeredLater(harness)).toBe('one');
    expect(harness.logged.filter(({ event }) => event === 'configuration.not_checked')).toHaveLength(3);
    harness.store.fault = () => undefined;
    await harness.call('PUT', '/v1/configuration', { body: document('two') });
    expect(await answeredLater(harness)).toBe('two');
  });

  it('refuses whole what another release or another process stored, and takes the next', async () => {
    const harness = start();
    const other = startPortolan({ store: harness.store, clock: harness.clock, configuration: { ...document('x') } });
    await other.call('PUT', '/v1/configuration', { body: document('good') });
    expect(await answeredLater(harness)).toBe('good');
    const { store, clock } = harness;
    const strange = new StoredConfigurations(durable(store, { clock, crypto: nodeCrypto }), nodeCrypto, clock);
    await strange.push({ routes: [{ id: 'a', upstream: 'of-another-release' }] }, undefined, undefined);
    expect(await answeredLater(harness)).toBe('good');
    expect(harness.logged.filter(({ event }) => event === 'configuration.refused')).toMatchObject([
      { severity: 'error', attributes: { version: '2', serving: '1' } },
    ]);
    await other.call('PUT', '/v1/configuration', { body: document('next') });
    expect(await answeredLater(harness)).toBe('next');
  });

  it('serves each request with one configuration from its beginning to its end', async () => {
    const harness = start();
    const bodies = ['deployed', 'one', 'two', 'three'];
    const seen: string[] = [];
    for (const body of bodies.slice(1)) {
      await harness.call('PUT', '/v1/configuration', {
        body: document(body, { proxy: { versionField: 'x-version' } }),
      });
      await harness.clock.advance(pollMs);
      for (const { body: got, headers } of await Promise.all(Array.from({ length: 20 }, () => answered(harness)))) {
        const version = headers.get('x-version') ?? 'deployed';
        expect(bodies[version === 'deployed' ? 0 : Number(version)]).toBe(got);
        seen.push(got);
      }
    }
    expect(new Set(seen)).toEqual(new Set(['one', 'two', 'three']));
  });
});
