import { describe, expect, it } from 'vitest';
import { HeaderList } from '../../../../core/http/header-list.ts';
import { asksUpgrade, nextHop } from '../../../../core/proxy/upstream/next-hop.ts';
import { addressOfUrl, Target } from '../../../../core/proxy/upstream/target.ts';
import { newRequest } from '../../../support/exchanges.ts';

const secure = new Target(addressOfUrl({ url: 'https://api.internal:8443/v1/' }));
const plain = new Target(addressOfUrl({ url: 'http://10.0.0.1' }));

describe('the request of the next hop', () => {
  it('has the scheme and authority of the target, whose path comes first, byte for byte', () => {
    expect(nextHop(newRequest({ target: '/a%2Fb?c=%20' }), 'x', secure, undefined)).toMatchObject({
      scheme: 'https',
      authority: 'api.internal:8443',
      target: '/v1/a%2Fb?c=%20',
      method: 'GET',
      body: 'x',
    });
    expect(nextHop(newRequest({ target: '/a' }), undefined, plain, undefined)).toMatchObject({
      target: '/a',
      authority: '10.0.0.1',
    });
    expect(nextHop(newRequest({ method: 'OPTIONS', target: '*' }), undefined, secure, undefined).target).toBe('*');
  });

  it.each([
    [undefined, secure, 'api.internal:8443'],
    [undefined, plain, 'www.example.com'],
    ['upstream', plain, '10.0.0.1'],
    ['preserve', secure, 'www.example.com'],
    ['other.example', secure, 'other.example'],
  ])('with host %s', (host, target, expected) => {
    const headers = new HeaderList(['a', '1', 'host', 'www.example.com', 'a', '2']);
    expect(nextHop(newRequest({ headers }), undefined, target, host).headers.flat()).toEqual([
      'a',
      '1',
      'host',
      expected,
      'a',
      '2',
    ]);
    expect(headers.get('host')).toBe('www.example.com');
    const without = nextHop(newRequest({ headers: new HeaderList(['a', '1']) }), undefined, target, host);
    expect(without.headers.flat()).toEqual(['host', expected, 'a', '1']);
  });

  it('preserves the host that the request was routed by, whatever a Host field beside an absolute target says', () => {
    const headers = new HeaderList(['host', 'internal.example', 'a', '1']);
    const next = nextHop(newRequest({ authority: 'www.example.com', headers }), undefined, plain, 'preserve');
    expect(next.headers.flat()).toEqual(['host', 'www.example.com', 'a', '1']);
  });

  it('preserves the letters of a host as they were sent', () => {
    const headers = new HeaderList(['host', 'WWW.Example.com']);
    const request = newRequest({ authority: 'www.example.com', headers });
    expect(nextHop(request, undefined, plain, 'preserve').headers).toBe(headers);
  });

  it('copies no fields that stay as they are', () => {
    const request = newRequest();
    expect(nextHop(request, undefined, plain, undefined).headers).toBe(request.headers);
  });

  it('keeps trailers', () => {
    const trailers = () => new HeaderList(['x-sum', '1']);
    expect(nextHop(newRequest({ trailers }), undefined, plain, undefined).trailers).toBe(trailers);
  });

  it('asks for an upgrade where the request has the field', () => {
    expect(asksUpgrade(newRequest())).toBe(false);
    expect(asksUpgrade(newRequest({ headers: new HeaderList(['host', 'a', 'upgrade', 'websocket']) }))).toBe(true);
  });
});
