import { globSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { checkConfiguration } from '../../../core/config/check-configuration.ts';
import { routes } from '../../../core/control/routes.ts';
import { builtInTemplates } from '../../../core/session/vendors/catalogue.ts';
import { parseBasic } from '../../../core/session/vendors/proxy-url.ts';
import { canaries, startPortolan } from '../../support/portolan.ts';
import type { Answer, Harness } from '../../support/portolan.ts';

const start = Date.UTC(2026, 0, 1);
const hour = 3_600_000;
const root = new URL('../../../', import.meta.url).pathname;

const type = ({ json }: Answer): string => String(json?.type).slice('https://portolan.dev/problems/'.length);
const statuses = (answers: readonly Answer[]): number[] => answers.map(({ status }) => status).toSorted();
const times = <T>(n: number, call: (n: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: n }, (_, at) => call(at)));

async function withSession(body: object = { sessionId: 'a' }): Promise<Harness & { created: Answer }> {
  const harness = startPortolan();
  const created = await harness.call('POST', '/v1/sessions', { body });
  expect(created.status).toBe(201);
  return { ...harness, created };
}

/** What sticky-session services were seen to do wrong; `docs/defects.md` is the list. */
describe('a known defect of such services is absent', () => {
  it('D1 the URL handed out holds a token of one session that ends with it, not the vendor’s password', async () => {
    const { created, call, portolan, addKey } = await withSession({ sessionId: 'a', pool: 'residential', country: 'de' });
    expect(created.text).not.toContain(encodeURIComponent(canaries.vendorPassword));
    expect(created.text).not.toContain('c4n4ry');
    const { username, password } = created.json.proxy as { username: string; password: string };
    expect(await portolan.gatewayAuthorizer.authorize({ username, password })).toMatchObject({ allowed: true });
    await call('DELETE', '/v1/sessions/a');
    expect(await portolan.gatewayAuthorizer.authorize({ username, password })).toEqual({ allowed: false });
    const { key } = await addKey({ scopes: ['sessions:read', 'sessions:write'] });
    expect((await call('POST', '/v1/sessions?credentials=vendor', { key, body: { pool: 'residential' } })).status).toBe(403);
  });

  it('D2 every call but health and the API description asks for a key, and there is no start without a source of keys', async () => {
    const both = { upstreams: {}, routes: [{ id: 'gone', match: { hosts: ['old.example'] }, respond: { status: 410 } }] };
    const { call } = startPortolan({ configuration: both });
    for (const { method, path, operation } of routes) {
      const { status } = await call(method, path.replace('{sessionId}', 'a'), { key: null });
      expect([operation, status]).toEqual([operation, ['health', 'live', 'ready', 'openapi'].includes(operation) ? 200 : 401]);
    }
    const pools = { default: { vendor: 'direct' } };
    for (const auth of [undefined, { storedKeys: false }]) {
      expect(checkConfiguration({ auth, signingSecret: 's', pools }, builtInTemplates, { hasGateway: true }).ok).toBe(false);
    }
  });

  it('D3 another tenant can neither read, change, end nor list a session, and sees 404', async () => {
    const { call, addKey } = await withSession();
    const { key } = await addKey({ tenant: 'other' });
    expect((await call('GET', '/v1/sessions/a', { key })).status).toBe(404);
    expect((await call('POST', '/v1/sessions/a/rotate', { key })).status).toBe(404);
    expect((await call('POST', '/v1/sessions/a/extend', { key, body: { ttlSeconds: 60 } })).status).toBe(404);
    expect((await call('DELETE', '/v1/sessions/a', { key })).status).toBe(204);
    expect((await call('POST', '/v1/sessions', { key, body: { sessionId: 'a' } })).status).toBe(201);
    expect((await call('GET', '/v1/sessions/a')).headers.get('etag')).toBe('"1"');
  });

  it('D4 an id that is taken is refused, and the live session stays as it is', async () => {
    const { call, created } = await withSession({ sessionId: 'a', label: 'mine' });
    const answer = await call('POST', '/v1/sessions', { body: { sessionId: 'a', label: 'yours' } });
    expect([answer.status, type(answer), answer.headers.get('location')]).toEqual([409, 'session-id-taken', '/v1/sessions/a']);
    expect((await call('GET', '/v1/sessions/a')).json).toEqual(created.json);
  });

  it('D5 nothing a client writes can change the proxy’s host or the vendor’s grammar', async () => {
    const { call } = startPortolan();
    for (const sessionId of ['x@evil.example/', 'a?b', 'a/b', 'a:b', 'a-ip-1.2.3.4']) {
      expect((await call('POST', '/v1/sessions', { body: { sessionId, pool: 'residential' } })).status).toBe(400);
    }
    for (const sessionId of ['x-country-us', 'x-zone-premium', 'x_session-hijack']) {
      const { json } = await call('POST', '/v1/sessions?credentials=vendor', { body: { sessionId, pool: 'residential' } });
      expect(new URL(json.proxyUrl as string).hostname).toBe('geo.iproyal.com');
      expect(json.proxyUrl).not.toMatch(/country|zone|hijack/);
    }
    for (const place of [{ city: 'Berlin_session-x' }, { city: 'a:b' }, { region: 'x@y' }, { country: 'd_' }]) {
      const { status, json } = await call('POST', '/v1/sessions?credentials=vendor', {
        body: { pool: 'residential', country: 'de', ...place },
      });
      if (status === 201) expect(json.proxy.password).toMatch(/_city-berlinsessionx_session-[a-z0-9]{8}_/);
      else expect(status).toBe(400);
    }
  });

  it('D6 credentials of any characters survive the URL', async () => {
    let ascii = '';
    for (let code = 0x20; code < 0x7f; code++) ascii += String.fromCharCode(code);
    for (const password of [ascii, 'pass:w@rd/?#%[]', 'naïve–密码😀', '%41', '+ +']) {
      const { call, secrets } = startPortolan();
      secrets.set('webshare', JSON.stringify({ username: 'user name', password }));
      const { json } = await call('POST', '/v1/sessions?credentials=vendor', { body: { pool: 'webshare' } });
      const url = new URL(json.proxyUrl as string);
      expect([url.protocol, url.hostname, url.pathname]).toEqual(['http:', 'p.webshare.io', '/']);
      expect(decodeURIComponent(url.password)).toBe(password);
      expect([decodeURIComponent(url.username), json.proxy.password]).toEqual([json.proxy.username, password]);
      expect(json.proxyUrl).toMatch(/^http:\/\/[A-Za-z0-9._~%-]+:[A-Za-z0-9._~%-]+@p\.webshare\.io:80$/);
    }
  });

  it('D7 an id made here has 128 random bits, and knowing one opens nothing', async () => {
    const { created, call } = await withSession({});
    expect(created.json.sessionId).toMatch(/^ses_[A-Za-z0-9_-]{22}$/);
    expect((await call('GET', `/v1/sessions/${created.json.sessionId}`, { key: null })).status).toBe(401);
  });

  it('D8 answers with credentials are not to be cached, and no log line, problem or record holds one', async () => {
    const { call, expectNoSecrets, logged, created, store } = await withSession({ sessionId: 'a', pool: 'residential' });
    for (const answer of [created, await call('GET', '/v1/sessions/a?credentials=vendor'), await call('GET', '/v1/sessions')]) {
      expect(answer.headers.get('cache-control')).toBe('no-store');
    }
    await call('GET', '/v1/sessions/a', { key: 'ptl_wrong' });
    expectNoSecrets();
    const token = (created.json.proxy as { password: string }).password;
    expect(JSON.stringify(logged) + JSON.stringify(store.sent)).not.toContain(token);
  });

  it('D9 a tenant’s requests and creates are limited, with Retry-After and RateLimit fields', async () => {
    const { call } = startPortolan({ configuration: { limits: { requestsPerMinute: 5, createsPerHour: 2 } } });
    const answers = [];
    for (let n = 0; n < 7; n++) answers.push(await call('POST', '/v1/sessions'));
    expect(answers.map(type).slice(2)).toEqual([
      ...Array.from({ length: 3 }, () => 'sessions-per-hour'),
      'requests-per-minute',
      'requests-per-minute',
    ]);
    for (const { headers } of answers.slice(2)) {
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
      expect(headers.get('ratelimit')).toMatch(/^"[a-z-]+";r=0;t=\d+$/);
    }
  });

  it('D10 labels and tags are bounded text without control characters, in one normal form', async () => {
    const { call } = startPortolan();
    const tags = (n: number) => Object.fromEntries(Array.from({ length: n }, (_, at) => [`t${at}`, 'v'.repeat(256)]));
    for (const body of [
      { label: 'x'.repeat(257) },
      { label: 1 },
      { label: 'a\u0007' },
      { tags: tags(17) },
      { tags: { a: 'v'.repeat(257) } },
      { tags: { ['k'.repeat(64)]: '' } },
    ]) {
      expect((await call('POST', '/v1/sessions', { body })).status).toBe(400);
    }
    const { status, json } = await call('POST', '/v1/sessions', { body: { label: 'e\u0301', tags: tags(16) } });
    expect([status, json.label]).toEqual([201, 'é']);
  });

  it('D11 content over 16 KiB, nested deep, with a name twice, unknown or that of the prototype, is refused', async () => {
    const { call, store } = startPortolan();
    expect((await call('POST', '/v1/sessions', { body: `{"label":"${'x'.repeat(17_000)}"}` })).status).toBe(413);
    for (const body of [
      '['.repeat(10_000),
      '{"label":"a","label":"b"}',
      '{"lable":"a"}',
      '{"__proto__":{"label":"a"}}',
      '{"tags":{"__proto__":"a"}}',
    ]) {
      expect((await call('POST', '/v1/sessions', { body })).status).toBe(400);
    }
    expect(store.calls).toEqual([]);
    expect(({} as Record<string, unknown>)['label']).toBeUndefined();
  });

  it('D12 an id that is an object, a number or null is a 400 with a pointer', async () => {
    const { call } = startPortolan();
    for (const sessionId of [{ S: 'x' }, 1, null, true, ['a']]) {
      const answer = await call('POST', '/v1/sessions', { body: { sessionId } });
      expect([answer.status, answer.json.errors[0].pointer]).toEqual([400, '/sessionId']);
    }
  });

  it('D14 a failing service is told by a stable type, a code and an incident, never by its own words', async () => {
    const { call, store } = startPortolan();
    store.fault = () => ({ code: 'permission_denied' });
    const answer = await call('POST', '/v1/sessions', { body: { sessionId: 'a' } });
    expect(answer.json).toEqual({
      type: 'https://portolan.dev/problems/service-unavailable',
      title: 'A service we need is not available',
      status: 503,
      code: 'permission_denied',
      incident: expect.any(String) as unknown,
    });
  });

  it('D15 no origin may read across, content other than JSON is 415, nothing is sniffed', async () => {
    const { call } = startPortolan();
    const preflight = await call('OPTIONS', '/v1/sessions', {
      headers: { origin: 'https://evil.example', 'access-control-request-method': 'POST' },
    });
    const answer = await call('POST', '/v1/sessions', { headers: { origin: 'https://evil.example' } });
    for (const { headers } of [preflight, answer])
      expect(headers.flat().filter((field) => field.startsWith('access-control'))).toEqual([]);
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    expect(
      (await call('POST', '/v1/sessions', { body: 'label=x', headers: { 'content-type': 'application/x-www-form-urlencoded' } }))
        .status,
    ).toBe(415);
  });

  it('D16 who received credentials of which session is in the log, a line for each time', async () => {
    const { call, logged } = await withSession({ sessionId: 'a', pool: 'residential' });
    await call('GET', '/v1/sessions/a?credentials=vendor');
    await call('GET', '/v1/sessions');
    const issued = logged.filter(({ attributes }) => attributes['audit'] === true);
    expect(issued.map(({ attributes: { kind, tenant, sessionId } }) => [kind, tenant, sessionId])).toEqual([
      ['gateway', 'acme', 'a'],
      ['vendor', 'acme', 'a'],
      ['gateway', 'acme', 'a'],
    ]);
    for (const { attributes } of issued) expect(attributes['keyId']).toMatch(/^[a-z2-7]{12}$/);
  });

  it('D17 malformed JSON is a 400 problem', async () => {
    const { call } = startPortolan();
    for (const body of ['{', 'x', '{"a":}', "{'a':1}", '\u0000', '{"label":"x"} x']) {
      const answer = await call('POST', '/v1/sessions', { body });
      expect([answer.status, type(answer), answer.headers.get('content-type')]).toEqual([
        400,
        'invalid-request',
        'application/problem+json',
      ]);
    }
  });

  it('D18 content is taken as bytes and as text, and no content means all defaults', async () => {
    const { call } = startPortolan();
    expect((await call('POST', '/v1/sessions', { body: new TextEncoder().encode('{"label":"é"}') })).json.label).toBe('é');
    expect((await call('POST', '/v1/sessions', { body: '{"label":"é"}' })).json.label).toBe('é');
    for (const body of [undefined, '', new Uint8Array()]) expect((await call('POST', '/v1/sessions', { body })).status).toBe(201);
  });

  it('D19 a 204 has no content and no content type', async () => {
    const { call } = await withSession();
    const { status, text, headers } = await call('DELETE', '/v1/sessions/a');
    expect([status, text, headers.get('content-type')]).toEqual([204, '', undefined]);
  });

  it('D20 an unknown path is 404, an unknown method 405 with Allow, HEAD and OPTIONS are answered', async () => {
    const { call } = await withSession();
    expect((await call('GET', '/v1/other')).status).toBe(404);
    const wrong = await call('PATCH', '/v1/sessions/a');
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'GET, HEAD, DELETE, OPTIONS']);
    expect((await call('HEAD', '/v1/sessions/a')).status).toBe(200);
    expect((await call('OPTIONS', '/v1/sessions/a')).status).toBe(204);
  });

  it('D21 a created session has Location and a strong ETag, and If-Match makes changes conditional', async () => {
    const { created, call } = await withSession();
    expect([created.headers.get('location'), created.headers.get('etag')]).toEqual(['/v1/sessions/a', '"1"']);
    expect((await call('POST', '/v1/sessions/a/rotate', { headers: { 'if-match': '"1"' } })).headers.get('etag')).toBe('"2"');
    expect((await call('POST', '/v1/sessions/a/rotate', { headers: { 'if-match': '"1"' } })).status).toBe(412);
    expect((await call('DELETE', '/v1/sessions/a', { headers: { 'if-match': '"1"' } })).status).toBe(412);
  });

  it('D22 ending a session that is not there, or again, is a 204', async () => {
    const { call } = await withSession();
    expect(
      statuses([
        await call('DELETE', '/v1/sessions/none'),
        await call('DELETE', '/v1/sessions/a'),
        await call('DELETE', '/v1/sessions/a'),
      ]),
    ).toEqual([204, 204, 204]);
  });

  it('D23 an ended session is 410 while its tombstone is kept, then 404, never 200', async () => {
    const { call, clock } = await withSession({ sessionId: 'a', ttlSeconds: 60 });
    const seen: number[] = [];
    for (const at of [59_999, 60_000, 60_000 + hour - 1, 60_000 + hour, 1e9]) {
      clock.set(start + at);
      seen.push((await call('GET', '/v1/sessions/a')).status);
    }
    expect(seen).toEqual([200, 410, 410, 404, 404]);
  });

  it('D24 sessions are listed by pages with a signed cursor and filters, as a query of the tenant’s own records', async () => {
    const { call, store } = startPortolan();
    for (let n = 0; n < 5; n++)
      await call('POST', '/v1/sessions', { body: { sessionId: `s${n}`, tags: { even: String(n % 2 === 0) } } });
    const first = (await call('GET', '/v1/sessions?limit=2&tag=even:true')).json;
    expect(first.sessions).toHaveLength(2);
    const second = (await call('GET', `/v1/sessions?limit=2&tag=even:true&cursor=${first.nextCursor}`)).json;
    expect([second.sessions.length, second.nextCursor]).toEqual([1, null]);
    expect((await call('GET', `/v1/sessions?limit=2&cursor=${first.nextCursor}`)).status).toBe(400);
    expect((await call('GET', '/v1/sessions?limit=201')).status).toBe(400);
    expect(store.calls.filter((name) => name === 'list')).toHaveLength(2);
  });

  it('D25 the API has a version and an OpenAPI 3.1 document made of the schemas that validate', async () => {
    const { json } = await startPortolan().call('GET', '/v1/openapi.json', { key: null });
    expect(json.openapi).toBe('3.1.0');
    for (const { path, method, body } of routes) {
      expect(json.paths[path][method.toLowerCase()].requestBody?.content['application/json'].schema).toEqual(
        body && JSON.parse(JSON.stringify(body)),
      );
    }
    expect(routes.filter(({ scope }) => scope !== undefined).every(({ path }) => path.startsWith('/v1/'))).toBe(true);
  });

  it('D26 a repeated create makes one session, whether or not the first answer arrived', async () => {
    const { call, store } = startPortolan();
    const create = () => call('POST', '/v1/sessions', { headers: { 'idempotency-key': 'k' }, body: { label: 'x' } });
    store.fault = () => ({ code: 'deadline_exceeded', applied: true });
    expect((await create()).status).toBe(503);
    store.fault = () => undefined;
    const answers = await times(20, create);
    expect(new Set(answers.map(({ status, json }) => `${status} ${json.sessionId}`)).size).toBe(1);
    expect((await call('GET', '/v1/sessions')).json.sessions).toHaveLength(1);
    expect((await call('POST', '/v1/sessions', { headers: { 'idempotency-key': 'k' }, body: { label: 'y' } })).status).toBe(422);
  });

  it('D27 instants are RFC 3339 in answers and milliseconds of this century in the store', async () => {
    const { created, store } = await withSession();
    for (const name of ['createdAt', 'expiresAt', 'effectiveUntil'])
      expect(created.json[name]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(store.sent.length).toBeGreaterThan(0);
    for (const { expiresAt = 0 } of store.sent) expect(new Date(expiresAt).getUTCFullYear()).toBe(2026);
  });

  it('D28 a slow or failing service is given up within 3 s, with a 503 and Retry-After', async () => {
    const { call, store, clock } = await withSession();
    const before = clock.now();
    store.fault = () => {
      clock.set(clock.now() + 900);
      return { code: 'deadline_exceeded' };
    };
    const answer = await call('GET', '/v1/sessions/a');
    expect([answer.status, Number(answer.headers.get('retry-after')) > 0]).toEqual([503, true]);
    expect(clock.now() - before).toBeLessThanOrEqual(3_900);
  });

  it('D29 an expired record that the store still holds is absent for every call', async () => {
    const { call, clock, store } = await withSession({ sessionId: 'a', ttlSeconds: 60 });
    clock.set(start + 60_000 + hour);
    expect((await store.list('sessions.acme')).records).toHaveLength(1);
    expect((await call('GET', '/v1/sessions/a')).status).toBe(404);
    expect((await call('GET', '/v1/sessions?state=all')).json.sessions).toEqual([]);
    expect((await call('POST', '/v1/sessions/a/extend', { body: { ttlSeconds: 60 } })).status).toBe(404);
    expect((await call('POST', '/v1/sessions/a/rotate')).status).toBe(404);
    expect((await call('POST', '/v1/sessions', { body: { sessionId: 'a' } })).json.generation).toBe(1);
  });

  it('D30 a session is found as soon as its creation is acknowledged', async () => {
    const { call } = startPortolan();
    for (let n = 0; n < 50; n++) {
      const { json } = await call('POST', '/v1/sessions');
      expect((await call('GET', `/v1/sessions/${json.sessionId}`)).status).toBe(200);
    }
  });

  it('D31 a write that was under way when the session was ended does not revive it', async () => {
    for (const [target, body] of [
      ['extend', { ttlSeconds: 60 }],
      ['rotate', {}],
      ['rotate', { generation: 1 }],
    ] as const) {
      const { call, store } = await withSession();
      let ended: Promise<Answer> | undefined;
      // Between its read and its write somebody ends the session.
      store.fault = (operation) => {
        if (operation === 'replace' && ended === undefined) ended = call('DELETE', '/v1/sessions/a');
        return undefined;
      };
      const late = call('POST', `/v1/sessions/a/${target}`, { body });
      expect((await late).status).toBeOneOf([200, 410]);
      expect((await ended)?.status).toBe(204);
      expect((await call('GET', '/v1/sessions/a')).status).toBe(410);
    }
  });

  it('D32 an expired id can be used again, once, and says so by its generation; a deleted one cannot yet', async () => {
    const { call, clock } = await withSession({ sessionId: 'a', ttlSeconds: 60 });
    await clock.advance(60_000);
    const answers = await times(10, () => call('POST', '/v1/sessions', { body: { sessionId: 'a' } }));
    expect(statuses(answers)).toEqual([201, ...Array.from({ length: 9 }, () => 409)]);
    expect(answers.find(({ status }) => status === 201)?.json.generation).toBe(2);
    await call('DELETE', '/v1/sessions/a');
    expect(type(await call('POST', '/v1/sessions', { body: { sessionId: 'a' } }))).toBe('session-id-retired');
  });

  it('D33 of many rotations of one generation one happens', async () => {
    const { call } = await withSession({ sessionId: 'a', pool: 'residential' });
    const answers = await times(200, () => call('POST', '/v1/sessions/a/rotate', { body: { generation: 1 } }));
    expect(new Set(answers.map(({ status, json }) => `${status} ${json.generation} ${json.proxyUrl}`)).size).toBe(1);
    expect((await call('GET', '/v1/sessions/a')).json.generation).toBe(2);
  });

  it('D34 with under 5 s left no credentials are handed out, and clocks that differ by 2 s do no harm', async () => {
    const { call, clock } = await withSession({ sessionId: 'a', ttlSeconds: 60 });
    clock.set(start - 2_000);
    expect((await call('GET', '/v1/sessions/a')).json).toMatchObject({ state: 'active', expiresAt: '2026-01-01T00:01:00.000Z' });
    clock.set(start + 55_000);
    expect((await call('GET', '/v1/sessions/a')).json).toMatchObject({ state: 'expiring', proxyUrl: null });
    expect((await call('GET', '/v1/sessions/a?credentials=vendor')).json.proxy).toBeNull();
  });

  it('D35 the vendor is told the lifetime, and the answer says how long the exit really lasts and how it counts', async () => {
    const { created, call } = await withSession({ sessionId: 'a', pool: 'residential', ttlSeconds: 600 });
    expect(created.json).toMatchObject({ effectiveUntil: '2026-01-01T00:10:00.000Z', ttlKind: 'fixed' });
    expect((await call('GET', '/v1/sessions/a?credentials=vendor')).json.proxy.password).toContain('_lifetime-10m');
    const { json } = await call('POST', '/v1/sessions/a/extend', { body: { ttlSeconds: 7_200 } });
    expect([json.expiresAt, json.effectiveUntil]).toEqual(['2026-01-01T02:00:00.000Z', '2026-01-01T00:10:00.000Z']);
  });

  it('D36 the vendor’s idle time-out is told', async () => {
    const { call } = startPortolan({ configuration: { pools: { default: { vendor: 'oxylabs', secret: 'webshare' } } } });
    const idle = builtInTemplates['oxylabs']?.ttl.idleSeconds;
    expect(idle).toBeTypeOf('number');
    expect((await call('POST', '/v1/sessions')).json.idleTimeoutSeconds).toBe(idle);
  });

  it('D37 a lost exit is an error by default where the vendor can, and the answer says what is guaranteed', async () => {
    const { call } = startPortolan();
    const create = (body: object) => call('POST', '/v1/sessions?credentials=vendor', { body });
    const strict = await create({ pool: 'residential' });
    expect([strict.json.guarantee, strict.json.proxy.password.includes('_killswitch-1')]).toEqual(['fail-closed', true]);
    const lax = await create({ pool: 'residential', onPeerLoss: 'rotate' });
    expect([lax.json.guarantee, lax.json.proxy.password.includes('_killswitch-1')]).toEqual(['best-effort', false]);
    expect((await create({ pool: 'webshare' })).json.guarantee).toBe('best-effort');
    expect((await create({ pool: 'webshare', onPeerLoss: 'fail' })).status).toBe(400);
  });

  it('D38 what a vendor knew a session by is not used again for seven days, also after the session was ended', async () => {
    const { call, store } = await withSession({ sessionId: 'a', pool: 'webshare', ttlSeconds: 60 });
    await call('DELETE', '/v1/sessions/a');
    const [reservation] = store.sent.filter(({ partition }) => partition.startsWith('tokens.'));
    expect((reservation?.expiresAt ?? 0) - start).toBe(7 * 24 * hour);
    expect(await store.get({ partition: reservation?.partition ?? '', id: reservation?.id ?? '' })).toBeDefined();
  });

  it('D39 in a small space of tokens each is reserved before it is used', async () => {
    const { call, store } = startPortolan({ configuration: { pools: { default: { vendor: 'scrapeops', secret: 'webshare' } } } });
    const { json: page } = await call('GET', '/v1/sessions');
    expect(page.sessions).toEqual([]);
    const seen = new Set<string>();
    for (let n = 0; n < 150; n++) {
      const { json } = await call('POST', '/v1/sessions?credentials=vendor');
      seen.add(json.proxy.username as string);
    }
    // Of 10,001 tokens 150 would meet with a probability of two in three.
    expect(seen.size).toBe(150);
    expect(store.sent.filter(({ partition }) => partition.startsWith('tokens.')).length).toBeGreaterThanOrEqual(150);
  });

  it('D40 the lifetime is the request’s, the pool’s or the configuration’s, within the pool’s and the vendor’s maximum', async () => {
    const { call } = startPortolan({
      configuration: { pools: { default: { vendor: 'direct', defaultTtlSeconds: 120, maxTtlSeconds: 300 } } },
    });
    expect((await call('POST', '/v1/sessions')).json.expiresAt).toBe('2026-01-01T00:02:00.000Z');
    expect((await call('POST', '/v1/sessions', { body: { ttlSeconds: 300 } })).json.expiresAt).toBe('2026-01-01T00:05:00.000Z');
    expect((await call('POST', '/v1/sessions', { body: { ttlSeconds: 301 } })).status).toBe(400);
  });

  it('D41 a cold cache reads each secret once, however many ask', async () => {
    const { call, secrets, portolan } = startPortolan();
    const principal = { keyId: 'k', tenant: 'acme', scopes: new Set<never>() };
    await portolan.sessions.create(principal, { sessionId: 'a', pool: 'residential' }, undefined);
    expect(secrets.reads).toEqual([]);
    const answers = await times(500, () => call('GET', '/v1/sessions/a?credentials=vendor'));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(secrets.reads.filter((read) => read.endsWith('/current')).toSorted()).toEqual(['api-keys/current', 'iproyal/current']);
  });

  it('D42 a secret that gets old is read again beside the request, not in its way', async () => {
    const { call, clock, secrets, pending } = await withSession({ sessionId: 'a', ttlSeconds: 7_200 });
    await clock.advance(400_000);
    secrets.hold = new Promise(() => undefined);
    expect((await call('GET', '/v1/sessions/a')).status).toBe(200);
    expect(pending.length).toBeGreaterThan(0);
  });

  it('D43 an outage of the secrets is bridged by the old values, and /readyz says so', async () => {
    const { call, clock, secrets, pending } = await withSession({ sessionId: 'a', ttlSeconds: 86_400 });
    secrets.failure = 'unavailable';
    await clock.advance(400_000);
    expect((await call('GET', '/v1/sessions/a')).status).toBe(200);
    await Promise.allSettled(pending);
    expect((await call('GET', '/readyz')).json).toMatchObject({ status: 'degraded', secrets: { status: 'stale' } });
    await clock.advance(4 * hour);
    expect((await call('GET', '/v1/sessions/a')).status).toBe(503);
  });

  it('D44 rotating a secret refuses nobody: what the version before signed stays good, on every instance', async () => {
    const { created, call, clock, secrets, pending, portolan } = await withSession({ sessionId: 'a', ttlSeconds: 7_200 });
    const credentials = created.json.proxy as { username: string; password: string };
    secrets.set('signing', 'a new signing secret of 32 characters');
    for (let minute = 0; minute < 12; minute++) {
      await clock.advance(60_000);
      expect(await portolan.gatewayAuthorizer.authorize(credentials)).toMatchObject({ allowed: true });
      await call('GET', '/v1/sessions/a');
      await Promise.allSettled(pending);
    }
    const renewed = (await call('GET', '/v1/sessions/a')).json.proxy as { username: string; password: string };
    expect(renewed.password).not.toBe(credentials.password);
    expect(await portolan.gatewayAuthorizer.authorize(renewed)).toMatchObject({ allowed: true });
  });

  it('D45 a failed read of a secret is not remembered', async () => {
    const { call, secrets } = startPortolan();
    secrets.failure = 'unavailable';
    expect((await call('POST', '/v1/sessions')).status).toBe(503);
    secrets.failure = undefined;
    expect((await call('POST', '/v1/sessions')).status).toBe(201);
  });

  it('D46 a secret of the wrong shape is a named problem, and its value is printed nowhere', async () => {
    const { call, secrets, expectNoSecrets, lines } = startPortolan();
    secrets.set('iproyal', '{"username":"c4n4ry-wrong-shape"}');
    const answer = await call('POST', '/v1/sessions?credentials=vendor', { body: { pool: 'residential' } });
    expect([answer.status, answer.json.code]).toEqual([503, 'data_loss']);
    expect(lines.join('\n')).toContain('VendorSecretInvalid');
    expect(answer.text + lines.join('\n')).not.toContain('c4n4ry-wrong-shape');
    expectNoSecrets();
  });

  it('D47 each pool has its own vendor secret, and only that is read for it', async () => {
    const { call, secrets } = startPortolan();
    await call('POST', '/v1/sessions?credentials=vendor', { body: { pool: 'residential' } });
    expect(secrets.reads).not.toContain('webshare/current');
    const pools = { a: { vendor: 'iproyal', account: { username: 'u' } } };
    const checked = checkConfiguration({ auth: { storedKeys: true }, signingSecret: 's', pools }, builtInTemplates);
    expect(checked).toMatchObject({ ok: false, problems: [{ pointer: '/pools/a/secret' }] });
  });

  it('D48 rotation happens on the server, once, whoever of many workers asks', async () => {
    const { call } = await withSession({ sessionId: 'a', pool: 'residential' });
    for (let generation = 1; generation <= 5; generation++) {
      const answers = await times(20, () => call('POST', '/v1/sessions/a/rotate', { body: { generation } }));
      expect(new Set(answers.map(({ json }) => json.generation))).toEqual(new Set([generation + 1]));
    }
  });

  it('D49 a vendor account that is out does not stop the other pools', async () => {
    const { call, secrets } = startPortolan();
    secrets.set('iproyal', '{');
    expect((await call('POST', '/v1/sessions?credentials=vendor', { body: { pool: 'residential' } })).status).toBe(503);
    expect((await call('POST', '/v1/sessions?credentials=vendor', { body: { pool: 'webshare' } })).status).toBe(201);
  });

  it('D50 bytes are counted for each session and told, and creates have a quota', async () => {
    const { call, portolan, created } = await withSession();
    const { addUsage } = await import('../../../core/session/usage.ts');
    const decision = await portolan.gatewayAuthorizer.authorize(created.json.proxy as { username: string; password: string });
    if (!decision.allowed) throw new Error('refused');
    await addUsage(portolan.counters, decision, { bytesUp: 1, bytesDown: 2 }, 'report-1', start);
    expect((await call('GET', '/v1/sessions/a/usage')).json).toEqual({ sessionId: 'a', bytesUp: 1, bytesDown: 2 });
  });

  it('D51 each request leaves one structured line with its ids, route, status and duration', async () => {
    const { call, lines } = startPortolan();
    await call('GET', '/v1/sessions/none', { context: { traceId: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' } });
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({
      event: 'http.request',
      severity: 'info',
      'http.route': '/v1/sessions/{sessionId}',
      'http.response.status_code': 404,
      durationMs: expect.any(Number) as unknown,
      requestId: 'req-1',
      tenant: 'acme',
      traceId: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    });
  });

  it('D55 the whole of it runs in one process with a store in memory and a clock that moves when told to', async () => {
    const { call, clock } = await withSession({ sessionId: 'a', ttlSeconds: 86_400 });
    await clock.advance(86_400_000);
    expect((await call('GET', '/v1/sessions/a')).status).toBe(410);
  });

  it('D57 liveness asks nobody, readiness asks the store and tells the age of the secrets', async () => {
    const { call, store, clock } = startPortolan();
    expect((await call('GET', '/healthz', { key: null })).status).toBe(200);
    expect(store.calls).toEqual([]);
    await call('GET', '/readyz', { key: null });
    await clock.advance(10_000);
    expect((await call('GET', '/readyz', { key: null })).json).toEqual({
      status: 'ready',
      store: { status: 'ok' },
      secrets: { status: 'ok', oldestAgeSeconds: 10 },
    });
    store.fault = () => ({ code: 'unavailable' });
    await clock.advance(1_000);
    expect((await call('GET', '/readyz', { key: null })).status).toBe(503);
  });

  it('D58 a vendor nobody knows is refused at the start, an unverified one with 422 and its confidence', async () => {
    const template = { ...builtInTemplates['iproyal'], confidence: 'unsure' } as NonNullable<(typeof builtInTemplates)[string]>;
    const pools = { default: { vendor: 'mine', secret: 'iproyal', account: { username: 'u' } } };
    const answer = await startPortolan({ configuration: { pools, vendors: { mine: template } } }).call('POST', '/v1/sessions');
    expect([answer.status, type(answer), answer.json.confidence]).toEqual([422, 'vendor-unverified', 'unsure']);
    expect(checkConfiguration({ auth: { storedKeys: true }, signingSecret: 's', pools }, builtInTemplates).ok).toBe(false);
  });

  it('D59 Basic credentials are split at the first colon, as UTF-8', () => {
    const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;
    expect(parseBasic(basic('user:pa:ss:'))).toEqual({ username: 'user', password: 'pa:ss:' });
    expect(parseBasic(basic('ü:ß:'))).toEqual({ username: 'ü', password: 'ß:' });
    expect(parseBasic(basic('nocolon'))).toBeUndefined();
  });

  it('D60 nothing that users write is compiled as code', () => {
    const files = globSync(['core/**/*.ts', 'adapters/**/*.ts'], { cwd: root });
    expect(files.length).toBeGreaterThan(100);
    for (const file of files)
      expect(readFileSync(`${root}${file}`, 'utf8'), file).not.toMatch(/\bnew Function\b|\beval\(|node:vm|setTimeout\(['"`]/);
  });

  it('D61 there is no private key among the sources, and no TLS is opened on the way', () => {
    for (const file of globSync(['core/**/*', 'adapters/**/*', 'docs/**/*', 'test/**/*.{ts,json,pem,key}'], {
      cwd: root,
      withFileTypes: true,
    })) {
      if (!file.isFile()) continue;
      const text = readFileSync(`${file.parentPath}/${file.name}`, 'utf8');
      expect(/-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/=]{16}/.test(text), file.name).toBe(false);
    }
  });
});

describe('the list of known defects', () => {
  const rows = readFileSync(`${root}docs/defects.md`, 'utf8')
    .split('\n')
    .flatMap((line) => {
      const cells = /^\| D(\d+) *\| (.+?) *\| (.+?) *\| (.+?) *\|$/.exec(line);
      return cells === null
        ? []
        : [{ number: Number(cells[1]), defect: cells[2] ?? '', answer: cells[3] ?? '', shownBy: cells[4] ?? '' }];
    });
  const tests = globSync('test/**/*.test.ts', { cwd: root }).map((file) => readFileSync(`${root}${file}`, 'utf8'));
  const own = readFileSync(new URL(import.meta.url), 'utf8');
  const titles = [...own.matchAll(/it\('(D\d+ [^']+)'/g)].map(([, title]) => title ?? '');

  it('has 61 rows in order, each with a defect and what is done about it', () => {
    expect(rows.map(({ number }) => number)).toEqual(Array.from({ length: 61 }, (_, n) => n + 1));
    for (const { number, defect, answer } of rows) {
      expect(defect.length, `D${number}`).toBeGreaterThan(10);
      expect(answer, `D${number}`).toMatch(/^[A-Z`].{15,}\.$/);
    }
  });

  it('names for each a test that there is, or the reason why there is none', () => {
    for (const { number, shownBy } of rows) {
      const named = [...shownBy.matchAll(/“([^”]+)”/g)].map(([, title]) => title ?? '');
      if (named.length === 0) expect(shownBy, `D${number}`).toMatch(/^(Not yet|Does not apply|Shown by the build): .{20,}\.$/);
      for (const title of named)
        expect(
          tests.some((text) => text.includes(title)),
          `D${number}: ${title}`,
        ).toBe(true);
    }
  });

  it('names every test above', () => {
    expect(titles.length).toBeGreaterThan(50);
    for (const title of titles) {
      const row = rows[Number(/^D(\d+)/.exec(title)?.[1]) - 1];
      expect(row?.shownBy, title).toContain(`“${title}”`);
    }
  });
});
