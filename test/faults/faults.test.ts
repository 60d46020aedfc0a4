import { createSecureContext, createServer as createTlsServer } from 'node:tls';
import type { Server } from 'node:tls';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../adapters/node/system-clock.ts';
import type { Discovery } from '../../core/ports/index.ts';
import { UpstreamError } from '../../core/ports/index.ts';
import type { UpstreamConfiguration } from '../../core/proxy/configuration.ts';
import { responseText } from '../probe/arena.ts';
import { Origin } from '../probe/origin.ts';
import { createIssuer } from '../support/certificates.ts';
import type { Issuer } from '../support/certificates.ts';
import { fronts, platformOf, streamingFronts } from '../support/fronts.ts';
import type { Front, Got, OpenFront } from '../support/fronts.ts';
import { realGateway } from '../support/real-gateway.ts';
import type { RealGateway } from '../support/real-gateway.ts';
import { selfSigned } from '../support/self-signed.ts';
import { authoritySecret, badNames, faults } from './faults.ts';
import type { Fault } from './faults.ts';

interface Scene {
  readonly front: Front;
  readonly gateway: RealGateway;
  close(): Promise<void>;
}

/** More than a slow machine needs, and less than a test may take. */
const patient = { connectMs: 20_000, responseHeadersMs: 29_000, idleMs: 29_000 };

const settings: Partial<UpstreamConfiguration> = {
  timeouts: patient,
  circuitBreaker: false,
  outlierEjection: false,
  allowPrivate: true,
};

/** `/bad` goes where the fault is, everything else to an honest origin. */
async function stage(
  open: OpenFront,
  originPort: number,
  bad: UpstreamConfiguration,
  { routeMs, ...timeouts }: Fault['timeouts'] & object = {},
  discovery?: Discovery,
): Promise<Scene> {
  const gateway = realGateway(
    {
      routes: [
        { id: 'bad', match: { paths: ['/bad'] }, upstream: 'bad', timeoutMs: routeMs },
        { id: 'all', match: { paths: ['/*'] }, upstream: 'origin' },
      ],
      upstreams: {
        origin: { ...settings, url: `http://127.0.0.1:${originPort}` },
        bad: { ...settings, timeouts: { ...patient, ...timeouts }, ...bad },
      },
    },
    { secrets: { [authoritySecret]: issuer.ca }, discovery },
  );
  const front = await open(gateway.handler, gateway.logger);
  return {
    front,
    gateway,
    async close() {
      await front.close();
      await gateway.close();
    },
  };
}

let issuer: Issuer;
let tlsServer: Server;
let mail: Origin;
let mailPort: number;
const rejections: unknown[] = [];
const note = (reason: unknown): void => void rejections.push(reason);

beforeAll(async () => {
  process.on('unhandledRejection', note);
  issuer = createIssuer();
  const contexts: Readonly<Record<string, ReturnType<typeof createSecureContext>>> = {
    [badNames.expired]: createSecureContext(issuer.issue(`DNS:${badNames.expired}`, -1)),
    [badNames.wrong]: createSecureContext(issuer.issue('DNS:other.example')),
    [badNames.unknown]: createSecureContext(selfSigned()),
  };
  tlsServer = createTlsServer(
    {
      SNICallback: (name, choose) => {
        const context = contexts[name];
        if (context === undefined) choose(new Error(`No certificate for ${name}`));
        else choose(null, context);
      },
    },
    (socket) => socket.end(responseText(200, [], 'never')),
  );
  tlsServer.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => {
    tlsServer.listen(0, '127.0.0.1', resolve);
  });
  mail = new Origin({ onConnection: (socket) => socket.write('220 mail.example ESMTP\r\n') });
  mailPort = await mail.listen();
});

afterAll(async () => {
  process.off('unhandledRejection', note);
  issuer.remove();
  await mail.close();
  await new Promise<void>((resolve) => {
    tlsServer.close(() => {
      resolve();
    });
  });
});

describe.each(Object.entries({ ...fronts, ...streamingFronts }))('behind %s', (name, open) => {
  it.each(faults.map((fault) => [fault.name, fault] as const))(
    'a backend that %s is answered for, and harms nobody after',
    { meta: { conformance: { platform: platformOf(name), port: 'gateway under faults' } } },
    async (_, fault) => {
      const origin = new Origin({
        onRequest: (seen, socket) => {
          if (seen.target === '/bad' && fault.act !== undefined) fault.act(socket);
          else socket.write(responseText(200, [], 'honest'));
        },
      });
      const port = await origin.listen();
      const { port: tls } = tlsServer.address() as AddressInfo;
      const bad = fault.upstream?.({ mail: mailPort, tls, origin: port }) ?? { url: `http://127.0.0.1:${port}` };
      const scene = await stage(open, port, bad, fault.timeouts);
      try {
        const got = await scene.front.ask('/bad');
        expectOutcome(fault, got, name);
        for (const target of ['/1', '/2', '/3']) {
          expect(await scene.front.ask(target)).toMatchObject({ status: 200, error: undefined, body: 'honest', whole: true });
        }
        const lines = scene.gateway.lines();
        expect(lines).toHaveLength(4);
        expect(lines[0]?.['error.type'] === undefined).toBe(fault.becomes !== 'cut' && fault.becomes.status === 200);
        expect(scene.gateway.logged.filter(({ event }) => event === 'bug')).toEqual([]);
        expect(rejections).toEqual([]);
      } finally {
        await scene.close();
        await origin.close();
      }
    },
  );

  it('a name that comes and goes, with another address each time, costs no request that could be answered', async () => {
    const origin = new Origin({ onRequest: (_seen, socket) => socket.write(responseText(200, [], 'honest')) });
    const port = await origin.listen();
    // By turns: a good address, none, one where nobody is, none again.
    const answers = [port, undefined, 1, undefined, port];
    let asked = 0;
    const discovery: Discovery = {
      resolve() {
        const at = answers[asked++ % answers.length];
        if (at === undefined) return Promise.reject(new UpstreamError('dns_error', false));
        return Promise.resolve({ endpoints: [{ address: '127.0.0.1', port: at, weight: 1, priority: 0 }], ttlMs: 1 });
      },
    };
    const bad: UpstreamConfiguration = {
      discovery: { kind: 'dns', name: 'orders.example', scheme: 'http', port, minTtlMs: 1, maxTtlMs: 1 },
    };
    const scene = await stage(open, port, bad, {}, discovery);
    try {
      const seen = new Set<string>();
      for (let n = 0; n < 12 || asked < 2 * answers.length; n++) {
        const { status, error, whole } = await scene.front.ask('/bad');
        seen.add(`${status} ${error ?? ''}`);
        expect(whole).toBe(true);
        await systemClock.sleep(3);
      }
      // What was last known serves on: a name that does not resolve for a while is no failure.
      expect([...seen].filter((outcome) => outcome !== '200 ' && outcome !== '502 connection_refused')).toEqual([]);
      expect(seen).toContain('200 ');
      expect(rejections).toEqual([]);
    } finally {
      await scene.close();
      await origin.close();
    }
  });

  it('a name that does not resolve at first is used as soon as it does', async () => {
    const origin = new Origin({ onRequest: (_seen, socket) => socket.write(responseText(200, [], 'honest')) });
    const port = await origin.listen();
    let isThere = false;
    const discovery: Discovery = {
      resolve() {
        if (!isThere) return Promise.reject(new UpstreamError('dns_error', false));
        return Promise.resolve({ endpoints: [{ address: '127.0.0.1', port, weight: 1, priority: 0 }], ttlMs: 1 });
      },
    };
    const bad: UpstreamConfiguration = {
      discovery: { kind: 'dns', name: 'orders.example', scheme: 'http', port, minTtlMs: 1, maxTtlMs: 1 },
    };
    const scene = await stage(open, port, bad, {}, discovery);
    try {
      expect(await scene.front.ask('/bad')).toMatchObject({ status: 502, error: 'dns_error' });
      isThere = true;
      const patience = systemClock.now() + 20_000;
      let got = await scene.front.ask('/bad');
      while (got.status !== 200 && systemClock.now() < patience) {
        await systemClock.sleep(20);
        got = await scene.front.ask('/bad');
      }
      expect(got).toMatchObject({ status: 200, body: 'honest' });
      expect(rejections).toEqual([]);
    } finally {
      await scene.close();
      await origin.close();
    }
  });
});

function expectOutcome({ becomes }: Fault, got: Got, front: string): void {
  if (becomes !== 'cut') {
    expect(got).toMatchObject({ status: becomes.status, error: becomes.error, whole: true });
    if (becomes.status === 200) expect(got.body).toBe('mine');
  } else if (Object.hasOwn(fronts, front) && front.startsWith('aws')) {
    // Nothing has been sent when it breaks off: there is still time to say so.
    expect([502, 504]).toContain(got.status);
  } else if (got.whole) {
    expect([502, 504]).toContain(got.status);
  }
}
