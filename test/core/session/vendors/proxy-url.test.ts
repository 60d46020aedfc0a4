import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseBasic, proxyUrl } from '../../../../core/session/vendors/proxy-url.ts';

const parts = { scheme: 'http', host: 'proxy.example', port: 8000, username: 'user', password: 'password' } as const;

describe('a proxy URL (D5, D6)', () => {
  it('is scheme, credentials, host and port', () => {
    expect(proxyUrl(parts)).toBe('http://user:password@proxy.example:8000');
    expect(proxyUrl({ ...parts, scheme: 'socks5' })).toBe('socks5://user:password@proxy.example:8000');
  });

  it('always names the port, since clients disagree on the default', () => {
    expect(proxyUrl({ ...parts, port: 80 })).toBe('http://user:password@proxy.example:80');
  });

  it('keeps the colon when the password is empty: some clients would ask for one', () => {
    expect(proxyUrl({ ...parts, password: '' })).toBe('http://user:@proxy.example:8000');
    expect(proxyUrl({ ...parts, username: '', password: '' })).toBe('http://proxy.example:8000');
  });

  it('puts an IPv6 address in brackets, once', () => {
    expect(proxyUrl({ ...parts, host: '2001:db8::1' })).toBe('http://user:password@[2001:db8::1]:8000');
    expect(proxyUrl({ ...parts, host: '[::1]' })).toBe('http://user:password@[::1]:8000');
  });

  const printable = Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index));

  it.each(['http', 'https', 'socks5'] as const)(
    '%s: carries every printable character in both parts, and no other part of it changes',
    (scheme) => {
      for (const character of [
        ...printable,
        'é',
        'ß',
        '密',
        '😀',
        '\u00a0',
        '\u200d',
        '%41',
        '@evil.example/',
        '#',
        '?',
        '//',
        '\\',
      ]) {
        const text = `a${character}b${character}`;
        const url = new URL(proxyUrl({ ...parts, scheme, username: text, password: text }));
        expect(decodeURIComponent(url.username)).toBe(text);
        expect(decodeURIComponent(url.password)).toBe(text);
        expect([url.protocol, url.hostname, url.port, url.search, url.hash]).toEqual([
          `${scheme}:`,
          'proxy.example',
          '8000',
          '',
          '',
        ]);
      }
    },
  );

  it('comes back whole through the URL parser, whatever the credentials', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), fc.string({ unit: 'binary' }), (username, password) => {
        const url = new URL(proxyUrl({ ...parts, username, password }));
        return (
          url.hostname === 'proxy.example' &&
          url.port === '8000' &&
          decodeURIComponent(url.username) === username &&
          decodeURIComponent(url.password) === password
        );
      }),
    );
  });

  it('holds nothing in its credentials but unreserved characters and escapes (RFC 3986)', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (text) =>
        /^http:\/\/([A-Za-z0-9._~-]|%[0-9A-F]{2})+:([A-Za-z0-9._~-]|%[0-9A-F]{2})+@proxy\.example:8000$/.test(
          proxyUrl({ ...parts, username: text, password: text }),
        ),
      ),
    );
  });

  it.each(['', 'evil.example/', 'a@b', 'a?b', 'a#b', 'a b', 'a\\b', 'a\nb', 'ä.example', '[::1', 'a:b]'])(
    'refuses the host %j',
    (host) => {
      expect(() => proxyUrl({ ...parts, host })).toThrow(TypeError);
    },
  );

  it('refuses text that is not well-formed', () => {
    expect(() => proxyUrl({ ...parts, password: '\ud800' })).toThrow(TypeError);
  });
});

describe('Basic credentials (D59)', () => {
  const basic = (text: string | Uint8Array): string => `Basic ${Buffer.from(text as string).toString('base64')}`;

  it('split at the first colon only', () => {
    expect(parseBasic(basic('user:pass:word:'))).toEqual({ username: 'user', password: 'pass:word:' });
    expect(parseBasic(basic('user:'))).toEqual({ username: 'user', password: '' });
    expect(parseBasic(basic(':'))).toEqual({ username: '', password: '' });
  });

  it('are UTF-8', () => {
    expect(parseBasic(basic('jürgen:пароль😀'))).toEqual({ username: 'jürgen', password: 'пароль😀' });
    expect(parseBasic(basic('\ufeffa:b'))).toEqual({ username: '\ufeffa', password: 'b' });
  });

  it('name their scheme in any case', () => {
    expect(parseBasic(`bAsIc   ${Buffer.from('a:b').toString('base64')} `)).toEqual({ username: 'a', password: 'b' });
  });

  it.each([
    ['another scheme', 'Bearer YTpi'],
    ['no colon', basic('user')],
    ['no token', 'Basic '],
    ['characters outside base64', 'Basic YTpi!'],
    ['base64 of an impossible length', 'Basic YTpiY'],
    ['two tokens', 'Basic YTpi YTpi'],
    ['not UTF-8', basic(Uint8Array.of(0x61, 0x3a, 0xff))],
    ['a line feed', basic('a:b\nc')],
    ['a delete character', basic('a\u007f:b')],
  ])('are refused: %s', (_, header) => {
    expect(parseBasic(header)).toBeUndefined();
  });

  it('come back from what a client sends, whatever it is', () => {
    const visible = fc.string({ unit: 'grapheme' }).map((text) => text.replace(/[\u0000-\u001F\u007F]/g, ''));
    fc.assert(
      fc.property(
        visible.map((text) => text.replaceAll(':', '')),
        visible,
        (username, password) => {
          expect(parseBasic(basic(`${username}:${password}`))).toEqual({ username, password });
        },
      ),
    );
  });
});
