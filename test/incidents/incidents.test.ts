import { existsSync, globSync, readFileSync } from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { checkConfiguration } from '../../core/config/check-configuration.ts';
import type { ProxyConfiguration, UpstreamConfiguration } from '../../core/proxy/configuration.ts';
import { builtInTemplates } from '../../core/session/vendors/catalogue.ts';
import { Connection, requestText, responseText } from '../probe/arena.ts';
import { checks } from '../probe/checks/index.ts';
import { Origin } from '../probe/origin.ts';
import type { OriginScript } from '../probe/origin.ts';
import { allFronts, frontScene, honest } from '../support/front-scene.ts';
import type { FrontScene } from '../support/front-scene.ts';
import type { Asked } from '../support/fronts.ts';

/**
 * What befell other gateways, as cases: F framing, H paths and hosts, T trust in fields, E egress. Most are shown where their subject is tested, by titles that
 * name them in brackets, and by the checks of the probe; here is what needs the whole way from an event or a socket to a backend.
 */

interface SceneOptions {
  readonly script?: OriginScript;
  readonly upstream?: Partial<UpstreamConfiguration>;
  readonly more?: ProxyConfiguration;
}

const scene = (name: string, { script, upstream, more }: SceneOptions = {}): Promise<FrontScene> =>
  frontScene(name, {
    script,
    upstream: (url) => ({ url, retry: { retries: 0 }, ...upstream }),
    more: () => ({ routes: [{ id: 'all', match: { paths: ['/*'] }, upstream: 'origin', upgrade: true }], ...more }),
  });

const all = allFronts;
const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');

describe('framing', () => {
  it('a length beside a transfer coding is refused in every one of its spellings (F2)', async () => {
    const names = ['Transfer-Encoding', 'transfer-encoding', 'TRANSFER-ENCODING', 'Transfer-encoding'];
    const codings = [
      ...['chunked', ' chunked', '\tchunked', 'chunked ', 'Chunked', 'CHUNKED', '"chunked"', "'chunked'", 'chunked,', ',chunked'],
      ...[
        'chunked, identity',
        'identity, chunked',
        'gzip, chunked',
        'chunked;a=b',
        'xchunked',
        'chunke',
        'chunked\x0b',
        '\x0bchunked',
      ],
      ...['chunked\x00', '\xa0chunked', 'cow\r\nTransfer-Encoding: chunked', '\r\n chunked', 'chunked\r\n\tx'],
    ];
    const fields = [
      ...names.flatMap((name) => codings.map((coding) => `${name}: ${coding}`)),
      ...names.flatMap((name) => [
        `${name} : chunked`,
        `${name}\t: chunked`,
        ` ${name}: chunked`,
        `${name}:\tchunked`,
        `${name}:chunked`,
      ]),
      ...['Transfer-Encoding\x00', 'Transfer\r-Encoding', 'Transfer Encoding', 'X\nTransfer-Encoding'].map(
        (name) => `${name}: chunked`,
      ),
    ];
    const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: api.example.com\r\n\r\n';
    const requests = fields.flatMap((field) =>
      [`Content-Length: 4\r\n${field}`, `${field}\r\nContent-Length: 4`].map(
        (both) => `POST / HTTP/1.1\r\nHost: api.example.com\r\n${both}\r\n\r\n5c\r\n${smuggled}0\r\n\r\n`,
      ),
    );
    expect(new Set(requests).size).toBeGreaterThan(2 * 134 - 40);
    const { front, origin } = await scene('server');
    for (const text of requests) {
      const connection = new Connection(front.port ?? 0);
      connection.write(text);
      await connection.closed();
      const statuses = [...connection.text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => status);
      expect(statuses, JSON.stringify(text)).toEqual(['400']);
    }
    expect(origin.sockets).toHaveLength(0);
  });

  // The others read content from a socket, where it is framed.
  it.each(all.filter((name) => name.startsWith('aws')))(
    'content of an event is as long as it is, whatever its content-length says: %s (F8)',
    async (name) => {
      const { front, origin } = await scene(name);
      for (const length of ['1', '99', '0', '-1', 'x', '10, 10']) {
        const fields = [['content-type', 'application/octet-stream'] as const, ['content-length', length] as const];
        expect(await front.ask({ method: 'POST', target: '/', fields, body: bytes('ten bytes.') }), length).toMatchObject({
          status: 200,
        });
        expect([length, origin.last.body, origin.last.all('content-length')]).toEqual([length, 'ten bytes.', ['10']]);
      }
      expect(await front.ask('/next')).toMatchObject({ status: 200, body: 'honest' });
    },
  );

  it('a tunnel that drops is not opened again (F11)', async () => {
    const switched = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nhello';
    const { front, origin } = await scene('server', {
      script: { onHead: (_seen, socket) => socket.write(switched, () => socket.destroy()) },
      upstream: { retry: { retries: 5 } },
    });
    const connection = new Connection(front.port ?? 0);
    connection.write(requestText('GET /ws', ['Connection: Upgrade', 'Upgrade: websocket']));
    await connection.closed();
    expect(connection.text).toMatch(/^HTTP\/1\.1 101 /);
    expect(origin.sockets).toHaveLength(1);
  });
});

describe('paths and hosts', () => {
  it.each(['/:a-:b', '/*a-:b-*c-:d', '/{a}-{b}', '/a*b', '/**/x', '/(a+)+$', '/{a*}'])(
    'the pattern %s, which takes more than linear time elsewhere, is refused at load or literal text (H12)',
    (pattern) => {
      const checked = checkConfiguration(
        { routes: [{ id: 'all', match: { paths: [pattern] }, respond: { status: 200 } }] },
        builtInTemplates,
      );
      if (!checked.ok) expect(checked.problems[0]).toMatchObject({ pointer: '/routes/0/match/paths/0' });
      else expect(pattern).toMatch(/^\/[:a-z-]+$|^\/\([a+]+\)\+\$$/);
    },
  );

  it('backends whose port and path read alike when written together stay two (H13)', async () => {
    // `:PORT` with `1/private`, and `:PORT1` with `/private`: only one of them is there.
    const { front, origin } = await scene('server', {
      more: {
        routes: [
          { id: 'one', match: { paths: ['/1/*'] }, upstream: 'one' },
          { id: 'two', match: { paths: ['/*'] }, upstream: 'two' },
        ],
        upstreams: {
          one: { url: 'http://127.0.0.1:310', allowPrivate: true, circuitBreaker: false },
          two: { url: 'http://127.0.0.1:3101', allowPrivate: true, circuitBreaker: false },
        },
      },
    });
    const statuses = [await front.ask('/1/private'), await front.ask('/private')].map(({ error }) => error);
    expect(statuses).toEqual(['connection_refused', 'connection_refused']);
    expect(origin.sockets).toHaveLength(0);
  });
});

describe('paths through every way in', () => {
  const routes = [
    { id: 'public', match: { paths: ['/public/*', '/ho/*', '/a/*'] }, upstream: 'origin' },
    { id: 'api', match: { paths: ['/api/*'] }, upstream: 'origin', rewrite: { stripPrefix: '/api' } },
  ];
  const refused = [
    ...[
      '/public/..%2fadmin',
      '/public/../admin',
      '/public/%2e%2e/admin',
      '/public/.%2e/admin',
      '/public/..%5cadmin',
      '/public/..\\admin',
    ],
    ...['/api../x', '/api%2e%2e/x', '/api%2e/admin/secret', '/api/../admin', '/api/%2e%2e%2fadmin', '/ho/%2E%2E/hi'],
    ...['/public/%252e%252e/admin/../x', '/public/..%00/admin', '/public/..;/admin/../x', '/public/%c0%ae%c0%ae/../admin'],
  ];

  it.each(all)('no traversal leaves the route it was let in by: %s (H1, H2, H3, H5, H6)', async (name) => {
    const { front, origin } = await scene(name, { more: { routes } });
    for (const target of refused) {
      const { status } = await front.ask(target);
      if (name !== 'azure') expect([400, 404], target).toContain(status);
    }
    // Azure's library folds dot segments before anybody is asked: what is left may lie within the route, and nowhere else.
    if (name !== 'azure') expect(origin.sockets).toHaveLength(0);
    else for (const seen of origin.requests) expect(seen.target).toMatch(/^\/public\/[^.%]*$/);
  });

  it.each(all)('an encoded delimiter is refused, or came decoded from the platform: %s (H4)', async (name) => {
    const { front, origin } = await scene(name, { more: { routes } });
    for (const octet of ['%2F', '%5C', '%00', '%3B', '%23', '%3F']) {
      const { status } = await front.ask(`/a/x${octet}y`);
      // An HTTP API tells the decoded path alone: what was a delimiter cannot be told any more.
      if (name !== 'aws-http-v2' || octet === '%00') expect([octet, status]).toEqual([octet, 400]);
      else if (status === 200) expect(origin.last.target).toMatch(/^\/a\/x/);
    }
  });

  it.each(all)('three dots are a name, and the host of a request chooses no backend: %s (H5, H9, H10)', async (name) => {
    const { front, origin } = await scene(name, { more: { routes: [...routes, { id: 'rest', upstream: 'origin' }] } });
    expect((await front.ask('/a/.../b')).status).toBe(200);
    expect(origin.last.target).toBe('/a/.../b');
    const { status } = await front.ask('//10.10.10.10/x');
    if (status === 200) expect(origin.last.target).toMatch(/^\/\/?10\.10\.10\.10\/x$/);
    else expect(status).toBe(400);
    const other = await front.ask({ target: '/', fields: [['x-forwarded-host', 'evil.example']] });
    expect([other.status, origin.last.field('x-forwarded-host')]).toEqual([200, 'api.example.com']);
  });
});

describe('trust in fields', () => {
  it.each(all)('what a client says of itself is not believed, in no spelling: %s (T1, T3, T4, T5, T7, T8)', async (name) => {
    const { front, origin } = await scene(name, {
      more: { routes: [{ id: 'all', upstream: 'origin', requestFields: { set: { 'X-User-Id': 'known' } } }] },
    });
    const fields: Asked['fields'] = [
      ['x-forwarded-for', '203.0.113.9'],
      ['x-forwarded-host', 'evil'],
      ['x-forwarded-prefix', '/evil'],
      ['x_forwarded_for', '203.0.113.9'],
      ['x-user-id', 'admin'],
      ['x_user_id', 'admin'],
      ['x.user.id', 'admin'],
      ['x-ms-client-principal', 'admin'],
      ['x-ms-client-principal-name', 'admin'],
      ['x-amzn-oidc-identity', 'admin'],
      ['x-goog-iap-jwt-assertion', 'admin'],
      ['connection', 'X-User-Id, X-Forwarded-For, Via'],
    ];
    // On functions the platform's own hop is known; before it stands only what a client wrote.
    expect((await front.ask({ target: '/', fields })).status).toBe(200);
    expect(origin.received.join('')).not.toMatch(/admin|evil|203\.0\.113\.9/);
    expect(origin.last.field('x-user-id')).toBe('known');
    expect(origin.last.field('x-forwarded-for')).toBe('127.0.0.1');
    expect(origin.last.field('via')).toMatch(/^1\.1 portolan$/);
  });

  it.each(all)('a thousand invented addresses are one client: %s (T6)', async (name) => {
    const { front, origin } = await scene(name);
    for (let n = 0; n < 20; n++) {
      expect((await front.ask({ target: '/', fields: [['x-forwarded-for', `203.0.113.${n}`]] })).status).toBe(200);
    }
    expect(new Set(origin.requests.map((seen) => seen.field('x-forwarded-for')))).toEqual(new Set(['127.0.0.1']));
  });

  it.each(all)('no field that we add or read ourselves has an effect when a client sends it: %s (T9)', async (name) => {
    const { front, origin } = await scene(name, {
      more: { proxy: { versionField: 'x-version', serverTiming: true, proxyStatus: true } },
      script: { onRequest: (_seen, socket) => socket.write(responseText(200, ['X-Own: 1'], 'honest')) },
    });
    const plain = await front.ask('/');
    const fields = [
      ['x-version', 'evil'],
      ['server-timing', 'evil'],
      ['proxy-status', 'evil'],
      ['x-middleware-subrequest', 'middleware'],
      ['x-original-url', '/admin'],
      ['x-rewrite-url', '/admin'],
      ['x-http-method-override', 'DELETE'],
      ['x-amzn-request-context', '{"http":{"path":"/admin"}}'],
      ['x-portolan-route', 'admin'],
    ] as const;
    const marked = await front.ask({ target: '/', fields });
    expect(marked.status).toBe(200);
    expect(JSON.stringify(marked.headers)).not.toContain('evil');
    const names = ({ headers }: { readonly headers: readonly string[] }): readonly string[] =>
      headers.filter((_, at) => at % 2 === 0);
    expect(names(marked).toSorted()).toEqual(names(plain).toSorted());
    expect([origin.last.method, origin.last.target]).toEqual(['GET', '/']);
    expect(origin.last.field('x-original-url') ?? origin.last.field('x-rewrite-url')).toBeUndefined();
  });

  // A load balancer without multi-value headers tells the last of them alone, which is among the published losses.
  it.each(all.filter((name) => name !== 'aws-alb'))('repeated fields all arrive, in order: %s (T10)', async (name) => {
    const { front, origin } = await scene(name);
    const fields = ['1', '2', '3'].map((value) => ['x-a', value] as const);
    expect(await front.ask({ target: '/', fields })).toMatchObject({ status: 200 });
    expect(origin.last.all('x-a').join(',').replaceAll(' ', '')).toBe('1,2,3');
  });

  it.each(all)('two Set-Cookie reach the client as two: %s (T11)', async (name) => {
    const cookies = ['a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT', 'b=2'];
    const { front } = await scene(name, {
      script: {
        onRequest: (_seen, socket) =>
          socket.write(
            responseText(
              200,
              cookies.map((cookie) => `Set-Cookie: ${cookie}`),
              'ok',
            ),
          ),
      },
    });
    const { headers } = await front.ask('/');
    expect(headers.filter((_, at) => at % 2 === 1 && headers[at - 1] === 'set-cookie')).toEqual(cookies);
  });

  it.each(all)('no line end gets from a request into a field of an answer or of the next request: %s (T12)', async (name) => {
    const { front, origin } = await scene(name, {
      more: {
        routes: [
          { id: 'old', match: { paths: ['/old/*'] }, redirect: { to: 'https://new.example/{rest}' } },
          { id: 'all', match: { paths: ['/*'] }, upstream: 'origin' },
        ],
      },
    });
    const redirected = await front.ask('/old/x%0d%0aSet-Cookie:%20a=1?q=%0d%0aX-Evil:1');
    expect(redirected.headers.filter((text) => /[\r\n]/.test(text) || text === 'set-cookie' || text === 'x-evil')).toEqual([]);
    // Event sources bring values that no parser has looked at.
    if (name !== 'server' && name !== 'gcp' && name !== 'azure') {
      const evil = await front.ask({ target: '/', fields: [['x-a', '1\r\nX-Evil: 1']] });
      expect(evil.status).toBe(400);
    }
    expect(origin.received.join('')).not.toMatch(/x-evil/i);
  });

  const told = { 'aws-alb': '?a=%2B&b=x%20y&c=2', else: '?a=%2B&b=x%20y&c=1&c=2' };

  it.each(all)('a query means the same wherever it came through: %s (T13)', async (name) => {
    const { front, origin } = await scene(name);
    for (const query of ['?a=%2B&b=x%20y&c=1&c=2', '?a=%2B&b=x+y&c=1&c=2']) {
      expect(await front.ask(`/${query}`)).toMatchObject({ status: 200 });
      const canonical = [...new URLSearchParams(origin.last.target.slice(2))];
      expect(canonical).toEqual([...new URLSearchParams(name === 'aws-alb' ? told['aws-alb'] : told.else)]);
    }
  });
});

describe('egress', () => {
  it.each(all)('a redirect is the client’s to follow: nobody else hears of its credentials: %s (E5, E6)', async (name) => {
    const other = new Origin(honest);
    const elsewhere = `http://127.0.0.1:${await other.listen()}/taken`;
    onTestFinished(() => other.close());
    const { front, origin } = await scene(name, {
      script: { onRequest: (_seen, socket) => socket.write(responseText(302, [`Location: ${elsewhere}`], '')) },
    });
    const fields: Asked['fields'] = [
      ['authorization', 'Bearer canary'],
      ['cookie', 'a=canary'],
    ];
    const { status, headers } = await front.ask({ target: '/', fields });
    expect([status, headers[headers.indexOf('location') + 1]]).toEqual([302, elsewhere]);
    expect([origin.requests.length, other.sockets.length]).toEqual([1, 0]);
  });

  it.each([
    ...[
      '169.254.169.254',
      '2852039166',
      '0xa9fea9fe',
      '0251.0376.0251.0376',
      '169.254.43518',
      '[::ffff:a9fe:a9fe]',
      '[::ffff:169.254.169.254]',
    ],
    ...[
      '[64:ff9b::a9fe:a9fe]',
      '[2002:a9fe:a9fe::1]',
      '[fd00:ec2::254]',
      '169.254.170.2',
      '100.100.100.200',
      '192.0.0.192',
      '168.63.129.16',
    ],
    ...['metadata.google.internal', 'METADATA.google.internal.'],
  ])('where clouds hand out credentials no upstream reaches, however it is written and allowed: %s (E1, E3)', async (host) => {
    const { front } = await scene('server', {
      upstream: { url: `http://${host}`, allowPrivate: true, allow: ['169.254.0.0/16', '0.0.0.0/0', '::/0', 'google.internal'] },
    });
    expect(await front.ask('/')).toMatchObject({ status: 502, error: 'destination_ip_prohibited' });
  });
});

describe('each case of the incidents', () => {
  const root = new URL('../../', import.meta.url);
  const counts = { F: 11, H: 13, T: 13, E: 9 } as const;
  const cases = Object.entries(counts).flatMap(([group, count]) => Array.from({ length: count }, (_, at) => `${group}${at + 1}`));
  const named = new Set(checks.flatMap(({ id, title }) => [/^[FHTE]\d+/.exec(id)?.[0], ...idsIn(title)]));
  for (const file of globSync('test/**/*.test.ts', { cwd: root })) {
    for (const id of idsIn(readFileSync(new URL(file, root), 'utf8'))) named.add(id);
  }

  it.each(cases)('%s has a test whose title names it', (id) => {
    expect(named).toContain(id);
  });

  const reference = new URL('../shared/design/reliability.md', root);
  it.runIf(existsSync(reference))('is one of the reference (found beside the project)', () => {
    const listed = [...readFileSync(reference, 'utf8').matchAll(/^- ([FHTE]\d+) /gm)].map(([, id]) => id);
    expect(listed).toEqual([...cases].toSorted((a, b) => listed.indexOf(a) - listed.indexOf(b)));
  });
});

/** Ids in brackets, as titles name them: `(T3, T4)`. */
function idsIn(text: string): string[] {
  return [...text.matchAll(/\(([FHTE]\d+(?:, [A-Z]\d+)*)\)/g)].flatMap(([, ids = '']) => ids.split(', '));
}
