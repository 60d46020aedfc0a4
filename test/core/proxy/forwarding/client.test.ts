import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readClient, trustProxies } from '../../../../core/proxy/forwarding/client.ts';
import type { Client } from '../../../../core/proxy/forwarding/client.ts';
import { forwardedElement, readForwarded } from '../../../../core/proxy/forwarding/forwarded.ts';
import { context, forwarded, request } from './messages.ts';
import { squaredTakesLonger } from '../../../support/linear-time.ts';

const ranges = ['10.0.0.0/8', 'fd00::/8'];

function client(peer: string | undefined, fields: readonly string[], trusted: readonly string[] = ranges): Client {
  return readClient(request(fields), context({ clientAddress: peer }), trustProxies(trusted));
}

describe('the client', () => {
  it('is the peer when no proxy is trusted, or not this one, whatever it says', () => {
    for (const trusted of [[], ranges]) {
      const found = client(
        '203.0.113.9',
        ['x-forwarded-for', '10.0.0.1', 'x-forwarded-proto', 'http', 'forwarded', 'for=10.0.0.1'],
        trusted,
      );
      expect(found).toEqual({ address: '203.0.113.9', scheme: 'https', host: 'api.example.com', proxies: undefined });
    }
  });

  it('is the last hop that is not trusted (T5)', () => {
    expect(client('10.0.0.1', ['x-forwarded-for', '127.0.0.1, 198.51.100.7']).address).toBe('198.51.100.7');
    expect(client('10.0.0.1', ['x-forwarded-for', '1.2.3.4, 198.51.100.7, 10.0.0.3, 10.0.0.2'])).toMatchObject({
      address: '198.51.100.7',
      proxies: ['10.0.0.3', '10.0.0.2', '10.0.0.1'],
    });
    expect(client('10.0.0.1', ['x-forwarded-for', '198.51.100.7', 'x-forwarded-for', '10.0.0.2']).address).toBe('198.51.100.7');
  });

  it('is not doubled where the platform has added the peer already', () => {
    expect(client('10.0.0.1', ['x-forwarded-for', '198.51.100.7, 10.0.0.1'])).toMatchObject({
      address: '198.51.100.7',
      proxies: ['10.0.0.1'],
    });
  });

  it('is the first hop when all of them are trusted', () => {
    expect(client('10.0.0.1', ['x-forwarded-for', '10.9.9.9, 10.0.0.2'])).toMatchObject({
      address: '10.9.9.9',
      proxies: ['10.0.0.2', '10.0.0.1'],
    });
    expect(client('10.0.0.1', [])).toMatchObject({ address: '10.0.0.1', proxies: [] });
  });

  it('is not sought beyond what is no address', () => {
    expect(client('10.0.0.1', ['x-forwarded-for', '198.51.100.7, unknown, 10.0.0.2']).address).toBe('10.0.0.2');
    expect(client('10.0.0.1', ['x-forwarded-for', '1.2.3.4, <script>']).address).toBe('10.0.0.1');
  });

  it('is read with ports, brackets and mapped addresses', () => {
    expect(client('10.0.0.1', ['x-forwarded-for', '198.51.100.7:4711']).address).toBe('198.51.100.7');
    expect(client('10.0.0.1', ['x-forwarded-for', '[2001:db8::7]:4711']).address).toBe('2001:db8::7');
    expect(client('10.0.0.1', ['x-forwarded-for', '::ffff:198.51.100.7']).address).toBe('198.51.100.7');
    expect(client('fd00::1', ['forwarded', 'for="[2001:db8::7]:4711"']).address).toBe('2001:db8::7');
  });

  it('is told by Forwarded where there is no X-Forwarded-For, with its scheme and host', () => {
    const found = client('10.0.0.1', [
      'forwarded',
      'for=198.51.100.7;proto=http;host="shop.example:8080", for=10.0.0.2;proto=https',
    ]);
    expect(found).toEqual({
      address: '198.51.100.7',
      scheme: 'http',
      host: 'shop.example:8080',
      proxies: ['10.0.0.2', '10.0.0.1'],
    });
    expect(client('10.0.0.1', ['forwarded', 'for=198.51.100.7;;;"']).address).toBe('10.0.0.1');
  });

  it('came with the scheme and to the host that the trusted proxy next to it says', () => {
    const hops = ['x-forwarded-for', '198.51.100.7, 10.0.0.2'];
    expect(
      client('10.0.0.1', [...hops, 'x-forwarded-proto', 'http, https', 'x-forwarded-host', 'Shop.Example, inner']),
    ).toMatchObject({
      scheme: 'http',
      host: 'shop.example',
    });
    expect(client('10.0.0.1', [...hops, 'x-forwarded-proto', 'http'])).toMatchObject({ scheme: 'http' });
    expect(client('10.0.0.1', [...hops, 'x-forwarded-proto', 'gopher', 'x-forwarded-host', 'a b'])).toMatchObject({
      scheme: 'https',
      host: 'api.example.com',
    });
  });

  it('is one for a thousand requests that invent a thousand others (T6)', () => {
    const octet = fc.integer({ min: 0, max: 255 });
    const invented = fc.tuple(octet, octet, octet, octet).map((octets) => octets.join('.'));
    fc.assert(
      fc.property(fc.array(invented), (claimed) => {
        const value = claimed.join(', ');
        expect(client('203.0.113.9', ['x-forwarded-for', value]).address).toBe('203.0.113.9');
        expect(client('10.0.0.1', ['x-forwarded-for', `${value}, 203.0.113.9`]).address).toBe('203.0.113.9');
      }),
      { numRuns: 1_000 },
    );
  });

  it('is told to the upstream with the trusted proxies behind it, and nothing of what stood before', () => {
    const fields = forwarded(
      ['x-forwarded-for', '1.2.3.4, 198.51.100.7, 10.0.0.2', 'x-forwarded-port', '8443', 'x-real-ip', '198.51.100.7'],
      {
        proxy: { trustedProxies: ranges },
        context: { clientAddress: '10.0.0.1' },
      },
    );
    expect(fields.getAll('x-forwarded-for')).toEqual(['198.51.100.7, 10.0.0.2, 10.0.0.1']);
    expect(fields.get('forwarded')).toBe('for=198.51.100.7;host=api.example.com;proto=https, for=10.0.0.2, for=10.0.0.1');
    // A trusted proxy's other words count too (T7).
    expect(fields.get('x-forwarded-port')).toBe('8443');
    expect(fields.get('x-real-ip')).toBe('198.51.100.7');
  });

  it('needs ranges that are ranges', () => {
    expect(() => trustProxies(['10.0.0.1/8'])).toThrow(TypeError);
    expect(() => trustProxies(['proxy.example'])).toThrow(TypeError);
    expect(trustProxies([])).toBeUndefined();
  });
});

describe('Forwarded', () => {
  it('is read as it was written, whatever the host', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.ipV4(), fc.stringMatching(/^[!-~]{1,20}$/)), { minLength: 1 }), (pairs) => {
        const value = pairs.map(([address, host]) => forwardedElement(address, host, 'https')).join(', ');
        expect(readForwarded(value)).toEqual(
          pairs.map(([address, host]) => ({ address, proto: 'https', host: host.toLowerCase() })),
        );
      }),
    );
  });

  it('is nothing when it is ill-formed', () => {
    for (const value of ['for', 'for=a b', 'for="a', 'for=a;', '=a', ',', 'for=a,,']) {
      expect(readForwarded(value), value).toBeUndefined();
    }
  });

  it('is read in linear time', { timeout: squaredTakesLonger }, () => {
    readForwarded('for="'.padEnd(1_000_000, '\\'));
    readForwarded('for=a;'.repeat(200_000));
  });
});
