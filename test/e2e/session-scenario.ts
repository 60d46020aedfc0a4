import { expect } from 'vitest';
import { newApiKey, scopes } from '../../core/auth/api-key.ts';
import type { Configuration } from '../../core/config/configuration.ts';
import { nodeCrypto } from '../../adapters/node/node-crypto.ts';

/** What every deployed Portolan of the end-to-end tests is configured with. */
export const deployedConfiguration: Configuration = {
  auth: { keysSecret: 'api-keys' },
  signingSecret: 'signing-key',
  pools: {
    default: {
      vendor: 'hex-proxies',
      secret: 'vendor-hex',
      endpoint: { host: 'gate.hexproxies.com', port: 8080 },
      allowUnverified: true,
    },
  },
};

export interface DeployedSecrets {
  /** Values by logical name. */
  readonly values: Readonly<Record<string, string>>;
  /** All scopes, tenant `acme`. */
  readonly key: string;
  /** No `credentials:read`, tenant `acme`. */
  readonly limitedKey: string;
  /** All scopes, tenant `other`. */
  readonly strangerKey: string;
}

/** Fresh secrets for one deployment. */
export function makeDeployedSecrets(): DeployedSecrets {
  const now = Date.now();
  const owner = newApiKey(nodeCrypto, now, { tenant: 'acme', scopes });
  const limited = newApiKey(nodeCrypto, now, { tenant: 'acme', scopes: ['sessions:read', 'sessions:write'] });
  const stranger = newApiKey(nodeCrypto, now, { tenant: 'other', scopes });
  return {
    values: {
      'api-keys': JSON.stringify({ keys: [owner.record, limited.record, stranger.record] }),
      'signing-key': Buffer.from(nodeCrypto.randomBytes(32)).toString('base64url'),
      'vendor-hex': JSON.stringify({ username: 'cust', password: 'p@ss/w:rd' }),
    },
    key: owner.key,
    limitedKey: limited.key,
    strangerKey: stranger.key,
  };
}

/** The steps of the scenario, in order. */
export const sessionSteps: readonly string[] = [
  'the process is alive and ready',
  'without a key nothing is served',
  'a session is created, with the vendor credentials in its URL',
  'repeating the request with its key gives the same session',
  'it is read back, by its tenant only',
  'it is in the list, page by page',
  'rotating names the generation and happens once',
  'it is extended, if it is still what the caller saw',
  'bad input is a problem with a pointer, and nothing happens',
  'deleting it is final and can be repeated',
];

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly json: Record<string, unknown>;
}

/**
 * One life of a session through HTTP, with what a client may do wrong on the way. The same for every platform: `base` is whatever front
 * stands before it.
 *
 * @returns the names of the steps that passed
 */
export async function runSessionScenario(
  base: string,
  { key, limitedKey, strangerKey }: DeployedSecrets,
): Promise<readonly string[]> {
  const passed: string[] = [];
  const step = async (name: string, run: () => Promise<void>): Promise<void> => {
    try {
      await run();
    } catch (error) {
      throw new Error(`step "${name}" failed: ${(error as Error).message}`, { cause: error });
    }
    passed.push(name);
  };
  const call = async (
    method: string,
    path: string,
    { body, as = key, headers = {} }: { body?: unknown; as?: string | undefined; headers?: Record<string, string> } = {},
  ): Promise<Answer> => {
    const response = await fetch(base + path, {
      method,
      headers: {
        ...(as !== '' && { authorization: `Bearer ${as}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = /json/.test(response.headers.get('content-type') ?? '');
    return {
      status: response.status,
      headers: response.headers,
      text,
      json: isJson && text !== '' ? (JSON.parse(text) as Record<string, unknown>) : {},
    };
  };
  const id = `e2e-${Math.random().toString(36).slice(2)}`;
  const path = `/v1/sessions/${id}`;
  let etag = '';

  await step('the process is alive and ready', async () => {
    for (const alive of ['/healthz', '/livez']) expect((await call('GET', alive, { as: '' })).json).toEqual({ status: 'ok' });
    const ready = await call('GET', '/readyz', { as: '' });
    expect([ready.status, ready.json['status']], ready.text).toEqual([200, 'ready']);
  });
  await step('without a key nothing is served', async () => {
    const refused = await call('GET', path, { as: '' });
    expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([401, 'Bearer realm="portolan"']);
    expect(refused.headers.get('content-type')).toBe('application/problem+json');
    expect((await call('GET', path, { as: `${key.slice(0, -1)}${key.endsWith('A') ? 'B' : 'A'}` })).status).toBe(401);
  });
  await step('a session is created, with the vendor credentials in its URL', async () => {
    const created = await call('POST', '/v1/sessions', {
      body: { sessionId: id, label: 'Grüße, ☃', tags: { job: 'e2e' }, ttlSeconds: 600 },
      headers: { 'idempotency-key': `key-${id}` },
    });
    expect(created.status, created.text).toBe(201);
    expect(created.headers.get('location')).toBe(path);
    expect(created.headers.get('cache-control')).toBe('no-store');
    expect(created.json).toMatchObject({ sessionId: id, state: 'active', label: 'Grüße, ☃', tags: { job: 'e2e' }, generation: 1 });
    const url = new URL(String(created.json['proxyUrl']));
    expect([url.hostname, url.port]).toEqual(['gate.hexproxies.com', '8080']);
    expect(decodeURIComponent(url.password)).toBe('p@ss/w:rd');
    expect(decodeURIComponent(url.username)).toMatch(/^cust-session-[A-Za-z0-9]+$/);
    expect(url.username).not.toContain(id);
  });
  await step('repeating the request with its key gives the same session', async () => {
    const body = { tags: { job: 'e2e' }, sessionId: id, ttlSeconds: 600, label: 'Grüße, ☃' };
    const repeated = await call('POST', '/v1/sessions', { body, headers: { 'idempotency-key': `key-${id}` } });
    expect([repeated.status, repeated.json['generation']]).toEqual([201, 1]);
    const other = await call('POST', '/v1/sessions', {
      body: { ...body, ttlSeconds: 601 },
      headers: { 'idempotency-key': `key-${id}` },
    });
    expect([other.status, other.json['type']]).toEqual([422, 'https://portolan.dev/problems/idempotency-key-reused']);
    expect((await call('POST', '/v1/sessions', { body: { sessionId: id } })).status).toBe(409);
  });
  await step('it is read back, by its tenant only', async () => {
    const read = await call('GET', path);
    etag = read.headers.get('etag') ?? '';
    expect([read.status, etag]).toEqual([200, '"1"']);
    expect((await call('GET', path, { as: strangerKey })).status).toBe(404);
    const limited = await call('GET', path, { as: limitedKey });
    expect([limited.status, limited.json['proxyUrl']]).toEqual([200, null]);
    const head = await call('HEAD', path);
    expect([head.status, head.text]).toEqual([200, '']);
  });
  await step('it is in the list, page by page', async () => {
    const more = await call('POST', '/v1/sessions', { body: { tags: { job: id } } });
    expect(more.status).toBe(201);
    const first = await call('GET', '/v1/sessions?limit=1&tag=job');
    expect((first.json['sessions'] as unknown[]).length).toBe(1);
    const cursor = String(first.json['nextCursor']);
    expect((await call('GET', `/v1/sessions?limit=1&tag=job&cursor=${cursor}`)).status).toBe(200);
    expect((await call('GET', `/v1/sessions?limit=1&cursor=${cursor}`)).status, 'another question').toBe(400);
    expect((await call('GET', `/v1/sessions?tag=job&cursor=${cursor.slice(0, -2)}xx`)).status, 'forged').toBe(400);
    expect((await call('DELETE', `/v1/sessions/${String(more.json['sessionId'])}`)).status).toBe(204);
  });
  await step('rotating names the generation and happens once', async () => {
    const before = new URL(String((await call('GET', path)).json['proxyUrl'])).username;
    const answers = await Promise.all([1, 2, 3, 4].map(() => call('POST', `${path}/rotate`, { body: { generation: 1 } })));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect(answers.map(({ json }) => json['generation'])).toEqual([2, 2, 2, 2]);
    const after = new Set(answers.map(({ json }) => new URL(String(json['proxyUrl'])).username));
    expect(after.size).toBe(1);
    expect(after.has(before)).toBe(false);
    expect((await call('POST', `${path}/rotate`, { body: { generation: 9 } })).status).toBe(409);
  });
  await step('it is extended, if it is still what the caller saw', async () => {
    expect((await call('POST', `${path}/extend`, { body: { ttlSeconds: 900 }, headers: { 'if-match': etag } })).status).toBe(412);
    const extended = await call('POST', `${path}/extend`, { body: { ttlSeconds: 900 } });
    expect(extended.status, extended.text).toBe(200);
    expect(Date.parse(String(extended.json['expiresAt']))).toBeGreaterThan(Date.now() + 800_000);
  });
  await step('bad input is a problem with a pointer, and nothing happens', async () => {
    const cases: readonly (readonly [unknown, number, string])[] = [
      ['{"sessionId":', 400, ''],
      ['{"label":"a","label":"b"}', 400, ''],
      [{ sessionId: 'x@evil.example/' }, 400, '/sessionId'],
      [{ ttlSeconds: '600' }, 400, '/ttlSeconds'],
      [{ surprise: 1 }, 400, '/surprise'],
      ['{"__proto__":{"a":1}}', 400, '/__proto__'],
      [{ label: 'a\u0000b' }, 400, '/label'],
      [{ pool: 'nowhere' }, 400, '/pool'],
    ];
    for (const [body, status, pointer] of cases) {
      const refused = await call('POST', '/v1/sessions', { body });
      const errors = refused.json['errors'] as { pointer: string }[] | undefined;
      expect([refused.status, errors?.[0]?.pointer], refused.text).toEqual([status, pointer]);
      expect(refused.text).not.toMatch(/ at .*:\d+|node_modules/);
    }
    expect((await call('POST', '/v1/sessions', { body: { label: 'x'.repeat(20_000) } })).status).toBe(413);
    expect((await call('POST', '/v1/sessions', { body: '{}', headers: { 'content-type': 'text/plain' } })).status).toBe(415);
    expect((await call('GET', '/v1/nothing')).status).toBe(404);
    const put = await call('PUT', path, { body: {} });
    expect([put.status, put.headers.get('allow')]).toEqual([405, 'GET, HEAD, DELETE, OPTIONS']);
  });
  await step('deleting it is final and can be repeated', async () => {
    const deleted = await call('DELETE', path);
    expect([deleted.status, deleted.text, deleted.headers.get('content-type')]).toEqual([204, '', null]);
    expect((await call('DELETE', path)).status).toBe(204);
    expect((await call('GET', path)).status).toBe(410);
    expect((await call('POST', `${path}/extend`, { body: { ttlSeconds: 60 } })).status).toBe(410);
    expect((await call('POST', '/v1/sessions', { body: { sessionId: id } })).status).toBe(409);
  });
  return passed;
}
