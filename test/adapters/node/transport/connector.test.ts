import { createServer as createTcpServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { createServer } from 'node:https';
import type { ServerOptions } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { upstreamErrorType } from '../../../../adapters/node/transport/upstream-errors.ts';
import type { SecretSource } from '../../../../adapters/node/transport/tls-identity.ts';
import { PortError, UpstreamError } from '../../../../core/ports/index.ts';
import { createIssuer } from '../../../support/certificates.ts';
import type { Certificate, Issuer } from '../../../support/certificates.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { selfSigned } from '../../../support/self-signed.ts';
import { answering, atEnd, failure, failureOf, listen, open, rawUpstream, request, textOf, within } from './support.ts';

const good = 'HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ngood';

describe('An address', () => {
  const refusedAlways = [
    '169.254.169.254',
    '169.254.170.2',
    '[fd00:ec2::254]',
    '100.100.100.200',
    '192.0.0.192',
    '168.63.129.16',
    'metadata.google.internal',
    '2852039166',
    '0xa9.0xfe.0xa9.0xfe',
    '[::ffff:169.254.169.254]',
    '169.254.1.1',
    '0.0.0.0',
  ];

  it.each(refusedAlways)('%s is refused, private addresses allowed or not, and nothing is resolved or connected', async (host) => {
    let resolved = 0;
    const resolve = (): Promise<string[]> => Promise.resolve((resolved++, ['169.254.169.254']));
    for (const allowPrivate of [true, false]) {
      const sent = open({ allowPrivate }, { resolve }).send(request(`${host}:80`), within());
      expect(await failureOf(sent)).toEqual(failure('destination_ip_prohibited', false));
    }
    expect(resolved).toBe(0);
  });

  it.each(['127.0.0.1', '10.0.0.1', '192.168.1.1', '[::1]', '100.64.0.1', 'localhost'])(
    '%s is refused unless private ones are allowed',
    async (host) => {
      const sent = open({ allowPrivate: false }).send(request(`${host}:80`), within());
      expect(await failureOf(sent)).toEqual(failure('destination_ip_prohibited', false));
    },
  );

  it('that a name resolves to is judged like one that is written, and never connected when it is refused', async () => {
    const upstream = await rawUpstream(answering(() => good));
    const transport = open({ allowPrivate: false }, { resolve: () => Promise.resolve(['127.0.0.1']) });
    const sent = transport.send(request(`public.example:${upstream.port}`), within());
    expect(await failureOf(sent)).toEqual(failure('destination_ip_prohibited', false));
    expect(upstream.sockets.length).toBe(0);
  });

  it('that was judged is the one connected to, whatever the name resolves to a moment later', async () => {
    const upstream = await rawUpstream(answering(() => good));
    const answers = [['127.0.0.1'], ['169.254.169.254'], ['169.254.169.254', '127.0.0.1']];
    let asked = 0;
    const resolve = (): Promise<string[]> => Promise.resolve(answers[asked++] ?? []);
    const outcomes: unknown[] = [];
    for (let at = 0; at < 3; at++) {
      const transport = open({ connectTimeoutMs: 2_000 + at }, { resolve });
      const sent = transport.send(request(`rebinding.example:${upstream.port}`), within());
      outcomes.push(await sent.then(textOf).catch((error: unknown) => (error as UpstreamError).type));
    }
    // one question a connection: what was checked is not asked for again
    expect(asked).toBe(3);
    expect(outcomes).toEqual(['good', 'destination_ip_prohibited', 'good']);
  });

  it('can be pinned: the name is not resolved, the host field stays, and it is judged all the same', async () => {
    let head = '';
    const upstream = await rawUpstream(answering((received) => ((head = received), good)));
    const resolve = (): Promise<string[]> => Promise.reject(new Error('not to be asked'));
    const transport = open({}, { resolve });
    const sent = transport.send(request(`service.example:${upstream.port}`), within({ address: '127.0.0.1' }));
    expect(await textOf(await sent)).toBe('good');
    expect(head).toContain(`host: service.example:${upstream.port}\r\n`);
    const prohibited = transport.send(request(`service.example:${upstream.port}`), within({ address: '169.254.169.254' }));
    expect(await failureOf(prohibited)).toEqual(failure('destination_ip_prohibited', false));
  });

  it('is tried after another that does not answer', async () => {
    const upstream = await rawUpstream(answering(() => good));
    const transport = open({}, { resolve: () => Promise.resolve(['::1', '127.0.0.1']) });
    expect(await textOf(await transport.send(request(`both.example:${upstream.port}`), within()))).toBe('good');
  });

  it('may be an exception, alone or by its name', async () => {
    const upstream = await rawUpstream(answering(() => good));
    for (const allow of [['127.0.0.1'], ['intranet.example']]) {
      const transport = open({ allowPrivate: false, allow }, { resolve: () => Promise.resolve(['127.0.0.1']) });
      expect(await textOf(await transport.send(request(`intranet.example:${upstream.port}`), within()))).toBe('good');
    }
  });
});

describe('A name', () => {
  it('that does not exist, or has no addresses, is dns_error', async () => {
    const missing = Object.assign(new Error('getaddrinfo'), { code: 'ENOTFOUND' });
    for (const resolve of [() => Promise.reject(missing), () => Promise.resolve([])]) {
      expect(await failureOf(open({}, { resolve }).send(request('nowhere.example'), within()))).toEqual(
        failure('dns_error', false),
      );
    }
    expect(await failureOf(open().send(request('does-not-exist.invalid'), within()))).toEqual(failure('dns_error', false));
  });

  it('that cannot be resolved for a while works again at once when it can', async () => {
    const upstream = await rawUpstream(answering(() => good));
    let asked = 0;
    const transport = open(
      {},
      { resolve: () => (++asked % 2 === 1 ? Promise.reject(new Error('EAI_AGAIN')) : Promise.resolve(['127.0.0.1'])) },
    );
    const outcomes: unknown[] = [];
    for (let at = 0; at < 3; at++) {
      const sent = transport.send(request(`flapping.example:${upstream.port}`), within());
      outcomes.push(await sent.then(textOf).catch((error: unknown) => (error as UpstreamError).type));
    }
    expect(outcomes).toEqual(['dns_error', 'good', 'good']);
    expect(asked).toBe(2);
  });

  it('that is resolved too slowly is dns_timeout; a connection that is, connection_timeout; over the deadline, http_response_timeout', async () => {
    const clock = new FakeClock();
    const never = new Promise<string[]>(() => undefined);
    const options = { deadline: clock.now() + 60_000 };
    const slow = failureOf(open({ connectTimeoutMs: 500 }, { clock, resolve: () => never }).send(request('slow.example'), options));
    await clock.advance(501);
    expect(await slow).toEqual(failure('dns_timeout', false));

    const late = failureOf(
      open({ connectTimeoutMs: 500 }, { clock, resolve: () => never }).send(request('slow.example'), {
        deadline: clock.now() + 100,
      }),
    );
    await clock.advance(101);
    expect(await late).toEqual(failure('http_response_timeout', false));

    // reserved for documentation: nobody answers there
    const silent = failureOf(open({ connectTimeoutMs: 300, allow: ['192.0.2.0/24'] }).send(request('192.0.2.1'), within()));
    expect(['connection_timeout', 'destination_ip_unroutable', 'connection_refused']).toContain((await silent).type);
  });

  it('nobody waits for any more is given up', async () => {
    const abort = new AbortController();
    const sent = open({}, { resolve: () => new Promise(() => undefined) }).send(
      request('slow.example'),
      within({ signal: abort.signal }),
    );
    abort.abort(new TypeError('gone'));
    await expect(sent).rejects.toThrow(new TypeError('gone'));
  });
});

describe('TLS', () => {
  let issuer: Issuer;
  let local: Certificate;
  beforeAll(() => {
    issuer = createIssuer();
    local = issuer.issue('DNS:localhost,DNS:service.example,IP:127.0.0.1');
  });
  afterAll(() => {
    issuer.remove();
  });

  const secrets = (values: Record<string, string>, versions: Record<string, string> = {}): SecretSource => ({
    current: (name) => {
      const value = values[name];
      if (value === undefined) throw new Error('no such secret');
      return { value, version: versions[name] ?? '1' };
    },
  });

  async function httpsUpstream(options: ServerOptions): Promise<{ port: number; sockets: TLSSocket[]; certificates: string[] }> {
    const sockets: TLSSocket[] = [];
    const certificates: string[] = [];
    const server = createServer(options, (_message, response) => response.end('good'));
    server.on('secureConnection', (socket) => {
      sockets.push(socket);
      certificates.push(socket.getPeerCertificate().subjectaltname ?? '');
    });
    server.on('tlsClientError', () => undefined);
    const port = await listen(server as unknown as Server);
    atEnd(() => {
      server.closeAllConnections();
      server.close();
    });
    return { port, sockets, certificates };
  }

  const send = async (
    port: number,
    over: { ca?: string; serverName?: string; clientCertificate?: string } | undefined,
    source: SecretSource,
    host = 'localhost',
  ): Promise<string> => {
    const transport = open({ tls: over }, { secrets: source, resolve: () => Promise.resolve(['127.0.0.1']) });
    return textOf(await transport.send(request(`${host}:${port}`, { scheme: 'https' }), within()));
  };
  const typeOf = async (...parameters: Parameters<typeof send>): Promise<unknown> => {
    try {
      return await send(...parameters);
    } catch (error) {
      return error;
    }
  };

  it('trusts a private authority by the name of its secret, and only then', async () => {
    const { port } = await httpsUpstream(local);
    const source = secrets({ ca: issuer.ca });
    expect(await send(port, { ca: 'ca' }, source)).toBe('good');
    expect(await typeOf(port, undefined, source)).toEqual(failure('tls_certificate_error', false));
  });

  it('tells and checks the name of the authority, also when the address is pinned, or the name that is configured', async () => {
    const { port, sockets } = await httpsUpstream(local);
    const source = secrets({ ca: issuer.ca });
    const pinned = open({ tls: { ca: 'ca' } }, { secrets: source, resolve: () => Promise.reject(new Error()) });
    const sent = pinned.send(request(`service.example:${port}`, { scheme: 'https' }), within({ address: '127.0.0.1' }));
    expect(await textOf(await sent)).toBe('good');
    expect(await send(port, { ca: 'ca', serverName: 'service.example' }, source, 'other.example')).toBe('good');
    expect(await send(port, { ca: 'ca' }, source, '127.0.0.1')).toBe('good');
    const names = sockets.map((socket) => (socket as TLSSocket & { servername: string | false }).servername);
    expect(names).toEqual(['service.example', 'service.example', false]);
  });

  it('refuses a wrong name, an expired certificate and a self-signed one', async () => {
    const source = secrets({ ca: issuer.ca });
    const right = await httpsUpstream(local);
    expect(await typeOf(right.port, { ca: 'ca' }, source, 'wrong.example')).toEqual(failure('tls_certificate_error', false));
    const expired = await httpsUpstream(issuer.issue('DNS:localhost', -1));
    expect(await typeOf(expired.port, { ca: 'ca' }, source)).toEqual(failure('tls_certificate_error', false));
    const own = await httpsUpstream(selfSigned());
    expect(await typeOf(own.port, { ca: 'ca' }, source)).toEqual(failure('tls_certificate_error', false));
  });

  it('is tls_alert_received when there is no common version, and tls_protocol_error when the upstream speaks none', async () => {
    const old = await httpsUpstream({ ...local, minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' });
    const error = await typeOf(old.port, undefined, secrets({}));
    expect(['tls_alert_received', 'tls_protocol_error']).toContain((error as UpstreamError).type);
    const greeting = await rawUpstream((socket) => socket.write('220 mail.example ESMTP\r\n'));
    expect(await typeOf(greeting.port, undefined, secrets({}))).toEqual(failure('tls_protocol_error', false));
    const closing = await rawUpstream((socket) => socket.once('data', () => socket.destroy()));
    expect(await typeOf(closing.port, undefined, secrets({}))).toEqual(failure('connection_terminated', false));
  });

  it('that never finishes its handshake is connection_timeout', async () => {
    const silent = await rawUpstream(() => undefined);
    const sent = open({ connectTimeoutMs: 100 }).send(request(silent.authority, { scheme: 'https' }), within());
    expect(await failureOf(sent)).toEqual(failure('connection_timeout', false));
  });

  it('shows a client certificate by the name of its secret, and the new one after a rotation', async () => {
    const { port, sockets, certificates } = await httpsUpstream({
      ...local,
      ca: issuer.ca,
      requestCert: true,
      rejectUnauthorized: true,
    });
    const [first, second] = [issuer.issue('DNS:first'), issuer.issue('DNS:second')].map(({ cert, key }) => `${cert}${key}`);
    const values = { ca: issuer.ca, own: first ?? '' };
    const versions = { own: '1' };
    const transport = open(
      { tls: { ca: 'ca', clientCertificate: 'own' } },
      { secrets: secrets(values, versions), resolve: () => Promise.resolve(['127.0.0.1']) },
    );
    const ask = async (): Promise<string> =>
      textOf(await transport.send(request(`localhost:${port}`, { scheme: 'https' }), within()));
    expect(await ask()).toBe('good');
    values.own = second ?? '';
    versions.own = '2';
    sockets[0]?.destroy();
    // Until the transport has seen its end.
    await expect.poll(ask).toBe('good');
    expect(certificates).toEqual(['DNS:first', 'DNS:second']);
    const without = await typeOf(port, { ca: 'ca' }, secrets(values));
    expect((without as UpstreamError).type).toMatch(/^(tls_alert_received|connection_terminated)$/);
  });

  it('with a secret that cannot be read at present is our outage, not the configuration, and over when the secret is there', async () => {
    const { port } = await httpsUpstream(local);
    let out = true;
    const source = secrets({ ca: issuer.ca });
    const transport = open(
      { tls: { ca: 'ca' } },
      {
        secrets: {
          current: (name) => (out ? Promise.reject(new PortError('unavailable', 'secrets.get')) : source.current(name)),
        },
        resolve: () => Promise.resolve(['127.0.0.1']),
      },
    );
    const ask = () => transport.send(request(`localhost:${port}`, { scheme: 'https' }), within());
    expect(await failureOf(ask())).toEqual(failure('proxy_internal_error', false));
    out = false;
    expect(await textOf(await ask())).toBe('good');
  });

  it('with a secret that is missing or no PEM is proxy_configuration_error, and nothing is connected', async () => {
    const { port, sockets } = await httpsUpstream(local);
    expect(await typeOf(port, { ca: 'missing' }, secrets({}))).toEqual(failure('proxy_configuration_error', false));
    expect(await typeOf(port, { clientCertificate: 'own' }, secrets({ own: 'no pem' }))).toEqual(
      failure('proxy_configuration_error', false),
    );
    expect(sockets).toEqual([]);
  });
});

describe('A failure of Node', () => {
  it('is one of the port, by a table; its message and cause are left behind', async () => {
    const expected = {
      ECONNREFUSED: 'connection_refused',
      ECONNRESET: 'connection_terminated',
      EPIPE: 'connection_terminated',
      ETIMEDOUT: 'connection_timeout',
      EHOSTUNREACH: 'destination_ip_unroutable',
      ENOTFOUND: 'dns_error',
      EMFILE: 'connection_limit_reached',
      CERT_HAS_EXPIRED: 'tls_certificate_error',
      DEPTH_ZERO_SELF_SIGNED_CERT: 'tls_certificate_error',
      ERR_TLS_CERT_ALTNAME_INVALID: 'tls_certificate_error',
      ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: 'tls_alert_received',
      ERR_SSL_WRONG_VERSION_NUMBER: 'tls_protocol_error',
      ERR_HTTP2_ERROR: 'http_protocol_error',
      HPE_INVALID_CONSTANT: 'http_protocol_error',
      SOMETHING_NEW: 'destination_unavailable',
    };
    const types = Object.keys(expected).map((code) => [code, upstreamErrorType(Object.assign(new Error('secret'), { code }))]);
    expect(Object.fromEntries(types)).toEqual(expected);
    expect(upstreamErrorType({})).toBe('destination_unavailable');
    const server = createTcpServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    const error = await failureOf(open().send(request(`127.0.0.1:${port}`), within()));
    expect([error.message, error.cause]).toEqual(['connection_refused', undefined]);
  });

  it('to read an authority is a mistake of the configuration', async () => {
    for (const authority of ['', ':80', 'host:', 'host:0', 'host:70000', 'host:x']) {
      expect((await failureOf(open().send(request(authority), within()))).type).toBe('proxy_configuration_error');
    }
  });
});
