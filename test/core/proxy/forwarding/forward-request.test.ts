import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HeaderList } from '../../../../core/http/header-list.ts';
import { RequestRejected } from '../../../../core/ports/index.ts';
import { LoopDetected, wantedUpgrade } from '../../../../core/proxy/forwarding/forward-request.ts';
import { answerAsFinalRecipient } from '../../../../core/proxy/forwarding/final-recipient.ts';
import { context, forwarded, request } from './messages.ts';

/** What we add to every request, by default. */
const own = ['via', 'cdn-loop', 'x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'forwarded'];

/** What was received and is still there, without what we add. */
function passed(fields: readonly string[], options: Parameters<typeof forwarded>[1] = {}): string[] {
  const flat = forwarded(fields, { ...options, proxy: { forwardedFields: 'none', ...options.proxy } }).flat();
  return flat.slice(0, -4);
}

describe('fields on their way to an upstream', () => {
  it('pass when nobody knows them, in order, with their repetitions', () => {
    const fields = [
      'host',
      'api.example.com',
      'x-a',
      '1',
      'accept',
      'a/b',
      'x-a',
      '2',
      'x-b',
      '',
      'cookie',
      'a=1',
      'cookie',
      'b=2',
    ];
    expect(passed(fields)).toEqual(fields);
  });

  it('stay behind when they are of this connection, whether named or not (RFC 9110 section 7.6.1)', () => {
    const hop = ['keep-alive', 'proxy-connection', 'te', 'transfer-encoding', 'upgrade', 'http2-settings', 'proxy-authorization'];
    for (const name of hop) expect(passed(['x-a', '1', name, 'anything', 'x-b', '2']), name).toEqual(['x-a', '1', 'x-b', '2']);
  });

  it.each(['X-Secret', ' x-secret ', 'close, X-SECRET', 'x-other,x-secret', ',,x-secret,,'])(
    'stay behind when `Connection: %s` names them, before and after it',
    (connection) => {
      expect(passed(['x-secret', '1', 'connection', connection, 'x-secret', '2', 'x-kept', '3'])).toEqual(['x-kept', '3']);
      expect(passed(['x-secret', '1', 'connection', 'keep-alive', 'connection', connection])).toEqual([]);
    },
  );

  it('cannot be taken from us by naming them in Connection (T1)', () => {
    const plain = forwarded(['connection', 'close']).flat();
    const attacked = forwarded([
      'connection',
      `close, ${own.join(', ')}, traceparent`,
      ...own.flatMap((name) => (name === 'via' || name === 'cdn-loop' ? [] : [name, 'evil'])),
    ]).flat();
    expect(attacked).toEqual(plain);
    for (const name of own) expect(plain).toContain(name);
  });

  it('keep what frames, routes and guards the message when Connection names it', () => {
    const fields = ['host', 'a.example', 'content-length', '3', 'via', '1.1 other', 'cdn-loop', 'other'];
    expect(passed([...fields, 'connection', 'host, content-length, via, cdn-loop, max-forwards'])).toEqual(fields);
  });

  it('say `TE: trailers` again only where trailers come back', () => {
    expect(forwarded(['te', 'gzip;q=0.5, Trailers']).get('te')).toBeUndefined();
    expect(forwarded(['te', 'gzip;q=0.5, Trailers'], { hop: { trailers: true } }).get('te')).toBe('trailers');
    expect(forwarded(['te', 'gzip'], { hop: { trailers: true } }).get('te')).toBeUndefined();
  });

  it('pass an expectation on only where its answer can come back', () => {
    expect(forwarded(['expect', '100-continue']).get('expect')).toBeUndefined();
    const sendInformational = (): void => undefined;
    expect(forwarded(['expect', '100-continue'], { context: { sendInformational } }).get('expect')).toBe('100-continue');
  });

  it('are refused when they hold what no field may, whatever brought them (RFC 9110 section 5)', () => {
    for (const value of ['a\r\nx-evil: 1', 'a\nb', 'a\rb', 'a\0b', 'a\x1bb', 'a\x7f', '\u0100', '\u{1f600}']) {
      expect(() => forwarded(['x-a', value]), JSON.stringify(value)).toThrow(RequestRejected);
    }
    for (const name of ['', 'a b', 'a:', ':path', 'a\r\nb', 'a\0', 'ä', 'Upper']) {
      expect(() => forwarded([name, 'a']), JSON.stringify(name)).toThrow(RequestRejected);
    }
    expect(passed(['x-a', 'tab\tand\xe4 obs-text'])).toEqual(['x-a', 'tab\tand\xe4 obs-text']);
  });

  it('are refused with 431 over the limit, names and values counted', () => {
    const fields = ['x-a', 'x'.repeat(97)];
    expect(() => forwarded(fields, { route: { maxRequestFieldBytes: 99 } })).toThrow(expect.objectContaining({ status: 431 }));
    expect(forwarded(fields, { route: { maxRequestFieldBytes: 100 } }).get('x-a')).toHaveLength(97);
    expect(() => forwarded(['x-a', 'x'.repeat(16_382)])).toThrow(expect.objectContaining({ status: 431 }));
  });

  it('never hold a field twice that we say ourselves, whatever was received', () => {
    const names = fc.constantFrom(
      ...own,
      'x-forwarded-port',
      'x_forwarded_for',
      'x-a',
      'connection',
      'te',
      'keep-alive',
      'x.forwarded.host',
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(names, fc.constantFrom('close', 'x-a', 'x-forwarded-for', 'other', '1.1 other'))), (pairs) => {
        const fields = forwarded(pairs.flat());
        for (const name of ['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'forwarded']) {
          expect(fields.getAll(name)).toHaveLength(1);
        }
        expect(fields.get('x-forwarded-for')).toBe('203.0.113.9');
        expect(fields.getAll('via').at(-1)).toBe('1.1 portolan');
        for (const name of ['connection', 'te', 'keep-alive', 'x_forwarded_for', 'x.forwarded.host', 'x-forwarded-port']) {
          expect(fields.get(name)).toBeUndefined();
        }
        const nominated = pairs.some(([name, value]) => name === 'connection' && value === 'x-a');
        expect(fields.getAll('x-a')).toEqual(nominated ? [] : pairs.filter(([name]) => name === 'x-a').map(([, value]) => value));
      }),
    );
  });

  it('are judged alike however many invented names came before', () => {
    for (let n = 0; n < 5_000; n++) forwarded([`x-invented-${n}`, '1']);
    expect(passed(['x-invented-1', '1', 'keep-alive', '1', 'x_forwarded_for', '1'])).toEqual(['x-invented-1', '1']);
  });
});

describe('the hops of a request', () => {
  it('get ours added as a member of its own, with the protocol of the client', () => {
    const fields = forwarded(['via', '1.0 fred, 1.1 p.example'], { context: { protocolVersion: '2' }, proxy: { via: 'edge' } });
    expect(fields.getAll('via')).toEqual(['1.0 fred, 1.1 p.example', '2 edge']);
    expect(forwarded(['cdn-loop', 'a; x=1']).getAll('cdn-loop')).toEqual(['a; x=1', 'portolan']);
  });

  it.each([
    ['via', '1.1 portolan'],
    ['via', '1.0 fred, HTTP/1.1 PORTOLAN (a comment)'],
    ['via', '1.1\tportolan'],
    ['via', '1.1 a (x \\) , y), 2 portolan'],
    ['cdn-loop', 'portolan'],
    ['cdn-loop', 'a, Portolan; v=1'],
  ])('show a loop: %s: %s', (name, value) => {
    expect(() => forwarded([name, value])).toThrow(LoopDetected);
    expect(() => forwarded(['connection', name, name, value])).toThrow(LoopDetected);
  });

  it.each([
    ['via', '1.1 portolan2'],
    ['via', '1.1 other (1.1 portolan)'],
    ['via', '1.1 other (a, 1.1 portolan)'],
    ['via', 'portolan 1.1'],
    ['cdn-loop', 'other; x=portolan'],
    ['cdn-loop', 'portolan2'],
  ])('show none where only the letters are ours: %s: %s', (name, value) => {
    expect(forwarded([name, value]).getAll(name)).toHaveLength(2);
  });

  it('count down for OPTIONS and TRACE alone (RFC 9110 section 7.6.2)', () => {
    for (const method of ['OPTIONS', 'TRACE']) {
      expect(forwarded(['max-forwards', '10'], { request: { method } }).get('max-forwards')).toBe('9');
      expect(answerAsFinalRecipient(request(['max-forwards', '1'], { method }))).toBeUndefined();
      expect(answerAsFinalRecipient(request(['max-forwards', '0'], { method }))?.status).toBe(method === 'TRACE' ? 405 : 204);
      expect(answerAsFinalRecipient(request([], { method }))).toBeUndefined();
    }
    expect(forwarded(['max-forwards', '10']).get('max-forwards')).toBe('10');
    expect(answerAsFinalRecipient(request(['max-forwards', '0']))).toBeUndefined();
  });
});

describe('a switch of protocols', () => {
  const asking = ['connection', 'Upgrade', 'upgrade', 'websocket'];
  const canUpgrade = context({ canUpgrade: true });

  it('is wanted when the client asks and the platform can', () => {
    expect(wantedUpgrade(request(asking), canUpgrade)).toBe('websocket');
    expect(wantedUpgrade(request(asking), context())).toBeUndefined();
    expect(wantedUpgrade(request(['upgrade', 'websocket']), canUpgrade)).toBeUndefined();
    expect(wantedUpgrade(request(asking, { method: 'POST' }), canUpgrade)).toBeUndefined();
  });

  it('never opens a way past us', () => {
    for (const protocol of ['h2c', 'H2C', 'HTTP/2.0', 'TLS/1.0']) {
      expect(wantedUpgrade(request(['connection', 'upgrade', 'upgrade', protocol]), canUpgrade), protocol).toBeUndefined();
    }
  });

  it('goes on only when the route let it', () => {
    expect(forwarded(asking).get('upgrade')).toBeUndefined();
    expect(forwarded(asking, { hop: { upgrade: 'websocket' } }).getAll('upgrade')).toEqual(['websocket']);
  });
});

describe('what a client claims of itself', () => {
  const claims = [
    ...['x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-forwarded-prefix', 'x-forwarded-port', 'x-forwarded-server'],
    ...[
      'x-forwarded',
      'forwarded',
      'x-real-ip',
      'true-client-ip',
      'x-client-ip',
      'cf-connecting-ip',
      'x-original-url',
      'x-rewrite-url',
    ],
  ];

  it('does not reach an upstream (T5, T7), in whatever spelling (T4)', () => {
    for (const name of claims) {
      for (const spelt of [name, name.replaceAll('-', '_'), name.replaceAll('-', '.'), name.replace('-', '_')]) {
        expect(forwarded([spelt, 'evil']).flat(), spelt).not.toContain('evil');
      }
    }
  });

  it('does not reach one either where we say nothing ourselves', () => {
    for (const name of claims) {
      expect(passed([name, 'evil']), name).toEqual([]);
    }
  });

  it.each([
    'x-ms-client-principal',
    'x-ms-client-principal-id',
    'x-ms-client-principal-name',
    'x-ms-client-principal-idp',
    'x-ms-token-aad-id-token',
    'x-amzn-oidc-data',
    'x-amzn-oidc-identity',
    'x-amzn-oidc-accesstoken',
    'x-goog-authenticated-user-email',
    'x-goog-authenticated-user-id',
    'x-goog-iap-jwt-assertion',
  ])('is no identity: %s (T8)', (name) => {
    for (const spelt of [name, name.replaceAll('-', '_'), name.replaceAll('-', '.')]) {
      expect(passed([spelt, 'admin', 'x-a', '1']), spelt).toEqual(['x-a', '1']);
    }
  });

  it('does not slip past what the route sets or removes, in whatever spelling (T4)', () => {
    const route = { requestFields: { set: { 'X-User-Id': 'known' }, remove: ['x-internal'] } };
    for (const name of ['x_user_id', 'x.user.id', 'x-user_id', 'x_internal', 'x.internal']) {
      expect(passed([name, 'admin'], { route }), name).toEqual([]);
      expect(passed([name, 'admin']), name).toEqual([name, 'admin']);
    }
  });
});

describe('what we say of the client', () => {
  it('is its address, scheme and host, in both forms by default', () => {
    const fields = forwarded([], { request: { authority: 'api.example.com:8443' } });
    expect(fields.get('x-forwarded-for')).toBe('203.0.113.9');
    expect(fields.get('x-forwarded-proto')).toBe('https');
    expect(fields.get('x-forwarded-host')).toBe('api.example.com:8443');
    expect(fields.get('forwarded')).toBe('for=203.0.113.9;host="api.example.com:8443";proto=https');
  });

  it('is what the configuration wants', () => {
    const of = (forwardedFields: 'both' | 'forwarded' | 'none' | 'x-forwarded'): string[] =>
      forwarded([], { proxy: { forwardedFields } })
        .flat()
        .filter((text, at) => at % 2 === 0 && text.includes('forwarded'));
    expect(of('none')).toEqual([]);
    expect(of('forwarded')).toEqual(['forwarded']);
    expect(of('x-forwarded')).toEqual(['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host']);
  });

  it('has IPv6 addresses in quotes and brackets, and names nobody as unknown (RFC 7239 section 6)', () => {
    expect(forwarded([], { context: { clientAddress: '2001:db8::1' } }).get('forwarded')).toContain('for="[2001:db8::1]"');
    const nobody = forwarded([], { context: { clientAddress: undefined } });
    expect(nobody.get('forwarded')).toContain('for=unknown');
    expect(nobody.get('x-forwarded-for')).toBeUndefined();
  });

  it('stays one element whatever the host holds', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[\x21-\x7e]{1,30}$/), (authority) => {
        const value = forwarded([], { request: { authority } }).get('forwarded') ?? '';
        expect(value).toMatch(/^for=203\.0\.113\.9;host=(?:[^\s;,="\\]+|"(?:[^"\\]|\\.)*");proto=https$/);
      }),
    );
  });

  it('carries the trace that is given, and leaves the one received when none is', () => {
    const trace = {
      traceId: 't',
      spanId: 's',
      parentSpanId: undefined,
      traceparent: '00-new',
      tracestate: 'a=1',
      xray: 'Root=1-x',
    };
    const received = ['traceparent', '00-old', 'tracestate', 'b=2', 'x-amzn-trace-id', 'Root=1-old'];
    const fields = forwarded(received, { hop: { trace } });
    expect(fields.getAll('traceparent')).toEqual(['00-new']);
    expect(fields.getAll('tracestate')).toEqual(['a=1']);
    expect(fields.getAll('x-amzn-trace-id')).toEqual(['Root=1-x']);
    expect(forwarded(received, { hop: { trace: { ...trace, xray: undefined } } }).get('x-amzn-trace-id')).toBe('Root=1-old');
    expect(passed(received)).toEqual(received);
  });

  it('makes a header section that any reader takes for the same', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.stringMatching(/^[a-z][a-z0-9-]{0,12}$/), fc.stringMatching(/^[\x20-\x7e]{0,20}$/)), {
          maxLength: 20,
        }),
        (pairs) => {
          const received = pairs.filter(([name]) => !/^(via|cdn-loop)$/.test(name));
          const flat = forwarded(received.flat()).flat();
          expect(flat.length % 2).toBe(0);
          const again = new HeaderList(flat);
          for (const [name] of received) {
            const values = again.getAll(name);
            // Either it passed whole, or it is ours, or it is gone: never cut, never changed.
            const sent = received.filter(([other]) => other === name).map(([, value]) => value);
            expect(values.length === 0 || own.includes(name) || name === 'te' || values.join() === sent.join()).toBe(true);
          }
        },
      ),
    );
  });
});
