import { existsSync, globSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startHttpServer } from '../../adapters/local/server/http-server.ts';
import { systemClock } from '../../adapters/node/system-clock.ts';
import { HeaderList } from '../../core/http/header-list.ts';
import { compareResponses } from '../../core/proxy/migration/compare-responses.ts';
import { Connection, requestText, responseText } from '../probe/arena.ts';
import { checks } from '../probe/checks/index.ts';
import { FallibleStore } from '../support/fallible-store.ts';
import { allFronts, frontScene } from '../support/front-scene.ts';
import { startPortolan } from '../support/portolan.ts';

/**
 * What befell other gateways, as cases: R resources, S state, retries and queues. Most are shown where their subject is tested, by titles that name them in
 * brackets, and by the checks of the probe; here are the others.
 */

const all = allFronts;

describe('resources', () => {
  it.each(all)('content coded six times, and a thousandfold, passes as it is, not undone by us: %s (R2)', async (name) => {
    let bomb: Uint8Array = Buffer.alloc(50_000_000);
    for (let n = 0; n < 6; n++) bomb = gzipSync(bomb);
    const text = Buffer.from(bomb).toString('latin1');
    const coding = 'gzip, gzip, gzip, gzip, gzip, gzip';
    const { front } = await frontScene(name, {
      script: {
        onRequest: (_seen, socket) => {
          socket.write(responseText(200, ['Content-Type: text/plain', `Content-Encoding: ${coding}`], text), 'latin1');
        },
      },
    });
    const before = process.memoryUsage();
    const { status, headers, body } = await front.ask('/');
    const after = process.memoryUsage();
    expect([status, headers[headers.indexOf('content-encoding') + 1], body === text]).toEqual([200, coding, true]);
    expect(after.external + after.arrayBuffers - before.external - before.arrayBuffers).toBeLessThan(10_000_000);
  });

  it.each(all)('names of the prototype are names like any other, in query, cookies and fields: %s (R4)', async (name) => {
    const own = Object.getOwnPropertyNames(Object.prototype).toSorted();
    const { front, origin } = await frontScene(name, {
      more: () => ({
        routes: [
          { id: 'query', match: { paths: ['/*'], query: [{ name: 'constructor', equals: 'q' }] }, respond: { status: 201 } },
          { id: 'cookie', match: { paths: ['/*'], cookies: [{ name: '__proto__', equals: 'c' }] }, respond: { status: 202 } },
          { id: 'field', match: { paths: ['/*'], headers: [{ name: 'prototype', equals: 'f' }] }, respond: { status: 203 } },
          // Nobody sends these: what every object has by birth must not stand for them.
          { id: 'birth', match: { paths: ['/*'], query: [{ name: 'toString' }] }, respond: { status: 204 } },
          { id: 'birth-cookie', match: { paths: ['/*'], cookies: [{ name: 'valueOf' }] }, respond: { status: 204 } },
          { id: 'all', match: { paths: ['/*'] }, upstream: 'origin' },
        ],
      }),
    });
    expect((await front.ask('/?__proto__=1&constructor=q')).status).toBe(201);
    expect((await front.ask({ target: '/', fields: [['cookie', 'constructor=1; __proto__=c']] })).status).toBe(202);
    expect((await front.ask({ target: '/', fields: [['prototype', 'f']] })).status).toBe(203);
    const fields = [
      ['constructor', 'x'],
      ['__proto__', 'y'],
    ] as const;
    expect(await front.ask({ target: '/?__proto__=polluted&prototype=p', fields })).toMatchObject({ status: 200, body: 'honest' });
    expect(origin.last.target).toBe('/?__proto__=polluted&prototype=p');
    expect(origin.last.field('constructor')).toBe('x');
    expect(Object.getOwnPropertyNames(Object.prototype).toSorted()).toEqual(own);
  });

  it('answers nested 30,000 levels deep are compared without a stack overflow (R5)', () => {
    const answer = (inner: string) => ({
      status: 200,
      headers: new HeaderList(['content-type', 'application/json']),
      content: new TextEncoder().encode(`${'['.repeat(30_000)}${inner}${']'.repeat(30_000)}`),
    });
    expect(compareResponses(answer('1'), answer('1'), {})).toEqual([]);
    expect(compareResponses(answer('1'), answer('2'), {})).toHaveLength(1);
  });

  // What they cost the others is measured by `make bench`.
  it('a thousand clients that are slow to ask keep nobody from being served (R7)', async () => {
    const { gateway } = await frontScene('server');
    // No time-out of the server runs out before the test's own.
    const limits = { headersTimeoutMs: 120_000, requestTimeoutMs: 120_000, closeTimeoutMs: 0 };
    const { handler, logger } = gateway;
    const server = await startHttpServer({ handler, host: '127.0.0.1', port: 0, clock: systemClock, logger, limits });
    onTestFinished(() => server.close());
    const clients: Socket[] = [];
    onTestFinished(() => {
      for (const client of clients) client.destroy();
    });
    await Promise.all(
      Array.from({ length: 1_000 }, async () => {
        const client = connect(server.port, '127.0.0.1');
        client.on('error', () => undefined);
        clients.push(client);
        await new Promise((resolve) => {
          client.once('connect', resolve);
        });
        client.write('GET / HTTP/1.1\r\nHost: a\r\nX-');
      }),
    );
    // Ten at a time: they are of this process too.
    let dripped = 0;
    const drip = setInterval(() => {
      for (let n = 0; n < 10; n++) clients[dripped++ % clients.length]?.write('a');
    }, 10);
    for (let n = 0; n < 100; n++) {
      const honestly = new Connection(server.port);
      honestly.write(requestText('GET /'));
      expect((await honestly.answer()).status).toBe(200);
    }
    await expect.poll(() => dripped).toBeGreaterThan(1_000);
    clearInterval(drip);
    expect(clients.filter(({ destroyed }) => destroyed)).toEqual([]);
  });
});

describe('state', () => {
  it('a quota of 5 lets 5 of 100 at the same time through over 4 instances, then nobody until it begins again (S5, S6)', async () => {
    const store = new FallibleStore();
    const instances = Array.from({ length: 4 }, () => startPortolan({ store, configuration: { limits: { createsPerHour: 5 } } }));
    const [first] = instances;
    if (first === undefined) return;
    const { key } = await first.addKey();
    const create = (n: number) => (instances[n % 4] ?? first).call('POST', '/v1/sessions', { key });
    const answers = await Promise.all(Array.from({ length: 100 }, (_, n) => create(n)));
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(5);
    for (let n = 0; n < 40; n++) expect((await create(n)).status).toBe(429);
    for (const { clock } of instances) await clock.advance(3_600_000);
    expect((await create(0)).status).toBe(201);
  });

  it.each(all)('no secret of a request, an address or an answer is in the log or in a problem: %s (S13)', async (name) => {
    const canary = 'c4n4ry';
    const { front, gateway } = await frontScene(name, {
      script: {
        onRequest: (_seen, socket) => socket.end(`HTTP/1.1 200 OK\r\nSet-Cookie: ${canary}\r\n${canary}\r\n\r\n${canary}`),
      },
      more: () => ({ proxy: { accessLog: { requestFields: ['x-shown'] } } }),
    });
    const fields = [
      ['authorization', `Bearer ${canary}`],
      ['cookie', `session=${canary}`],
      ['x-api-key', canary],
      ['x-shown', 'shown'],
    ] as const;
    const { status, body } = await front.ask({ target: `/orders?token=${canary}&password=${canary}`, fields });
    expect(status).toBe(502);
    const told = JSON.stringify([gateway.logged, body]);
    expect(told).toContain('shown');
    expect(told).not.toContain(canary);
  });
});

describe('each case of resources and state', () => {
  const root = new URL('../../', import.meta.url);
  /** What there is nothing of here, and why. */
  const none: Readonly<Record<string, string>> = {
    R3: 'no XML is read',
    R8: 'no gRPC is spoken',
    S12: 'no queue is read',
  };
  const counts = { R: 8, S: 14 } as const;
  const cases = Object.entries(counts).flatMap(([group, count]) => Array.from({ length: count }, (_, at) => `${group}${at + 1}`));
  const named = new Set(checks.flatMap(({ title }) => idsIn(title)));
  for (const file of globSync(['test/**/*.test.ts', 'test/conformance/**/*.ts'], { cwd: root })) {
    for (const id of idsIn(readFileSync(new URL(file, root), 'utf8'))) named.add(id);
  }

  it.each(cases)('%s has a test whose title names it, or a reason to have none', (id) => {
    expect(named.has(id)).toBe(none[id] === undefined);
  });

  const reference = new URL('../shared/design/reliability.md', root);
  it.runIf(existsSync(reference))('is one of the reference (found beside the project)', () => {
    const listed = [...readFileSync(reference, 'utf8').matchAll(/^- ([RS]\d+) /gm)].map(([, id]) => id);
    expect(listed).toEqual(cases);
  });
});

/** Ids in brackets, as titles name them: `(S5, S6)`. */
function idsIn(text: string): string[] {
  return [...text.matchAll(/\(([RS]\d+(?:, [A-Z]\d+)*)\)/g)].flatMap(([, ids = '']) => ids.split(', '));
}
