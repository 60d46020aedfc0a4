import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { albEvent, albMultiEvent, functionUrlEvent, httpV2Event, restEvent } from '../support/aws/events.ts';
import type { WireRequest } from '../support/aws/events.ts';
import { portolan } from '../support/local/portolan-process.ts';

/** What each platform would hand over for one request, by the names `portolan invoke --source` takes. */
const events: Readonly<Record<string, (request: WireRequest) => unknown>> = {
  'aws-http-v2': httpV2Event,
  'aws-rest': restEvent,
  'aws-url': functionUrlEvent,
  'aws-alb': albEvent,
  'aws-alb-multi': albMultiEvent,
  azure: ({ method, target, headers, body }) => ({
    method,
    url: `https://portolan.azurewebsites.net${target}`,
    headers: Object.fromEntries(pairs(headers)),
    body: body && Buffer.from(body).toString(),
  }),
  gcp: ({ method, target, headers, body }) => ({
    method,
    url: target,
    headers: Object.fromEntries(pairs(headers)),
    body: body && Buffer.from(body).toString(),
  }),
};

function pairs(flat: readonly string[]): [string, string][] {
  return flat.flatMap((name, at) => (at % 2 === 0 ? [[name, flat[at + 1] ?? ''] as [string, string]] : []));
}

describe('portolan invoke', () => {
  let folder: string;
  let key: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'portolan-invoke-'));
    const made = await portolan(['keys', 'create', '--json', '--data', join(folder, 'data')]);
    key = (JSON.parse(made.stdout) as { key: string }).key;
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const invoke = async (source: string, event: unknown): ReturnType<typeof portolan> => {
    const file = join(folder, `${source}.json`);
    writeFileSync(file, typeof event === 'string' ? event : JSON.stringify(event));
    return portolan(['invoke', '--source', source, '--event', file, '--data', join(folder, 'data')]);
  };

  test.for(Object.entries(events))('%s: a session is created through the real adapter', async ([source, toEvent]) => {
    const event = toEvent({
      method: 'POST',
      scheme: 'https',
      authority: 'api.example.com',
      target: '/v1/sessions',
      headers: ['host', 'api.example.com', 'authorization', `Bearer ${key}`, 'content-type', 'application/json'],
      body: Buffer.from(JSON.stringify({ sessionId: `by-${source}`, label: 'Grüße' })),
      clientAddress: '203.0.113.7',
    });
    const { code, stdout, stderr } = await invoke(source, event);
    expect(code, stderr).toBe(0);
    const result = JSON.parse(stdout) as { statusCode?: number; status?: number; body: string };
    expect(result.statusCode ?? result.status).toBe(201);
    expect(JSON.parse(result.body)).toMatchObject({ sessionId: `by-${source}`, label: 'Grüße', state: 'active' });
    expect(stderr).toContain(`"source":"${source}"`);
    expect(stderr + stdout).not.toContain(key);
  });

  test('with a configuration a proxy URL names no gateway that the deployed function would not know', async () => {
    const config = join(folder, 'portolan.yaml');
    const create = async (gateway: string): ReturnType<typeof portolan> => {
      const vendor = '{ vendor: iproyal, secret: ip, account: { username: u } }';
      writeFileSync(config, `auth: {}\nsigningSecret: signing-key\npools: { a: ${vendor} }\n${gateway}`);
      const file = join(folder, 'configured.json');
      const headers = { host: 'x', authorization: `Bearer ${key}` };
      writeFileSync(file, JSON.stringify({ method: 'POST', url: '/v1/sessions', headers }));
      const args = ['invoke', '--source', 'gcp', '--event', file, '--data', join(folder, 'data'), '--config', config];
      return portolan(args, { PORTOLAN_SECRET_IP: 'password' });
    };
    const without = await create('');
    expect(without.code, without.stderr).toBe(0);
    expect(without.stdout).not.toContain(':8788');
    expect((await create('gateway: { publicUrl: "http://gateway.example.com:9999" }\n')).stdout).toContain(
      '@gateway.example.com:9999',
    );
  });

  test('what is no event of the source is exit code 2 and says what it is', async () => {
    const wrong = await invoke('aws-http-v2', { Records: [] });
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toContain('Not an HTTP event of aws-http-v2');
    expect((await invoke('azure', { a: 1 })).code).toBe(2);
    for (const source of ['azure', 'gcp']) {
      for (const event of [
        'null',
        '[]',
        { method: 'GET', url: 'a b' },
        { method: 'G T', url: '/' },
        { method: 'GET', url: '/', headers: 1 },
      ]) {
        const { code, stderr } = await invoke(source, event);
        expect(code, stderr).toBe(2);
        expect(stderr).not.toMatch(/\n\s+at /);
      }
    }
    expect((await invoke('gcp', '{"method":')).stderr).toContain('is not JSON');
    const unknown = await portolan(['invoke', '--source', 'aws', '--event', 'x']);
    expect(unknown.code).toBe(2);
    expect(unknown.stderr).toContain('--source must be one of aws-http-v2');
  });
});
