import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HeaderList } from '../../../../core/http/header-list.ts';
import { httpDate } from '../../../../core/http/http-date.ts';
import { forwardInformational, forwardResponse, forwardTrailers } from '../../../../core/proxy/forwarding/forward-response.ts';
import { compileForwarding } from '../../../../core/proxy/forwarding/settings.ts';
import { response } from './messages.ts';

const now = Date.UTC(1994, 10, 6, 8, 49, 37, 999);
const date = 'Sun, 06 Nov 1994 08:49:37 GMT';
const from = { protocolVersion: '1.1', upstream: 'orders' };

function answered(fields: readonly string[], rest: Parameters<typeof response>[1] = {}, proxy = {}): HeaderList {
  return new HeaderList(forwardResponse(response(fields, rest), compileForwarding(proxy), now, from));
}

describe('fields on their way to a client', () => {
  it('pass when nobody knows them, in order, with their repetitions, Set-Cookie apart', () => {
    const fields = ['date', 'x', 'set-cookie', 'a=1', 'x-a', '1', 'set-cookie', 'b=2', 'server', 'origin', 'content-length', '3'];
    expect(answered(fields).flat()).toEqual([...fields, 'via', '1.1 portolan']);
  });

  it('stay behind when they are of that connection or lead past us (T2)', () => {
    const hop = [
      ...['keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade', 'te', 'alt-svc', 'proxy-authenticate'],
      ...['proxy-authentication-info', 'x-named'],
    ];
    for (const name of hop) {
      const fields = answered(['x-a', '1', name, 'anything', 'connection', 'close, X-Named', 'x-b', '2']);
      expect(fields.flat(), name).toEqual(['x-a', '1', 'x-b', '2', 'via', '1.1 portolan', 'date', date]);
    }
  });

  it('stay behind with 101 too, but for the protocol switched to', () => {
    const fields = answered(['connection', 'upgrade, x-a', 'upgrade', 'websocket', 'x-a', '1', 'sec-websocket-accept', 'k'], {
      status: 101,
    });
    expect(fields.flat().slice(0, 4)).toEqual(['upgrade', 'websocket', 'sec-websocket-accept', 'k']);
  });

  it('cannot lose their length, and Via its members, to Connection', () => {
    const fields = answered(['content-length', '3', 'via', '1.1 inner', 'connection', 'content-length, via, date']);
    expect(fields.get('content-length')).toBe('3');
    expect(fields.getAll('via')).toEqual(['1.1 inner', '1.1 portolan']);
  });

  it('get a Date where there is none (RFC 9110 section 6.6.1), and keep the one there is', () => {
    expect(answered([]).getAll('date')).toEqual([date]);
    expect(answered(['date', 'whatever it says']).getAll('date')).toEqual(['whatever it says']);
  });

  it('say where they come from when asked to (RFC 9209)', () => {
    expect(answered([]).get('proxy-status')).toBeUndefined();
    const fields = answered(['proxy-status', 'inner; received-status=503'], { status: 503 }, { proxyStatus: true, via: '9edge' });
    expect(fields.getAll('proxy-status')).toEqual([
      'inner; received-status=503',
      '"9edge"; received-status=503; next-hop="orders"',
    ]);
  });
});

describe('a 1xx response on its way to a client', () => {
  it('keeps what is end to end, and gets nothing added', () => {
    const fields = ['link', '</a.css>; rel=preload', 'connection', 'x-a', 'x-a', '1', 'keep-alive', '1', 'x-b', '2'];
    expect(forwardInformational(new HeaderList(fields)).flat()).toEqual(['link', '</a.css>; rel=preload', 'x-b', '2']);
  });
});

describe('trailer fields', () => {
  it('pass when they are of no other concern', () => {
    const fields = ['grpc-status', '0', 'server-timing', 'db;dur=1', 'x-checksum', 'a', 'x-checksum', 'b', 'etag', '"x"'];
    expect(forwardTrailers(new HeaderList(fields), undefined).flat()).toEqual(fields);
  });

  it.each([
    ...['transfer-encoding', 'content-length', 'host', 'trailer', 'connection', 'keep-alive', 'te', 'upgrade'],
    ...['authorization', 'cookie', 'set-cookie', 'proxy-authorization', 'proxy-authenticate', 'www-authenticate'],
    ...['content-type', 'content-encoding', 'content-range', 'cache-control', 'location', 'expires', 'vary', 'age', 'date'],
    ...['max-forwards', 'range', 'if-match', 'if-none-match', 'expect', 'via', 'cdn-loop'],
    ...['x-forwarded-for', 'x-forwarded-anything', 'forwarded', 'x-real-ip', 'x-ms-client-principal', 'x-goog-iap-jwt-assertion'],
    ...['x_forwarded_for', 'content.length', 'transfer_encoding', 'a name'],
  ])('may not be %s (RFC 9110 section 6.5.1)', (name) => {
    expect(forwardTrailers(new HeaderList([name, '1', 'x-a', '2']), undefined).flat()).toEqual(['x-a', '2']);
  });

  it('stay behind when the Connection field of their message names them', () => {
    expect(forwardTrailers(new HeaderList(['x-a', '1', 'x-b', '2']), 'close, X-A').flat()).toEqual(['x-b', '2']);
  });
});

describe('a date', () => {
  it('is IMF-fixdate, whatever was asked for before', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 4_102_444_799_999 }), { minLength: 1 }), (instants) => {
        for (const instant of instants) {
          const text = httpDate(instant);
          expect(text).toMatch(/^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/);
          expect(Date.parse(text)).toBe(Math.floor(instant / 1_000) * 1_000);
        }
      }),
    );
  });
});
