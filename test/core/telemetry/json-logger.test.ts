import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createJsonLogger, maxFieldLength, maxLineBytes } from '../../../core/telemetry/json-logger.ts';
import { createScrubber } from '../../../core/telemetry/scrub.ts';
import type { JsonLoggerOptions } from '../../../core/telemetry/json-logger.ts';
import type { Clock, LogAttributes, Logger } from '../../../core/ports/index.ts';
import { squaredTakesLonger } from '../../support/linear-time.ts';

const clock: Clock = { now: () => Date.UTC(2026, 10, 21, 9, 8, 7, 65), monotonic: () => 0, sleep: () => Promise.resolve() };

function setUp(options: Partial<JsonLoggerOptions> = {}): { logger: Logger; lines: string[]; last: () => Record<string, unknown> } {
  const lines: string[] = [];
  const logger = createJsonLogger({ clock, sink: (line) => lines.push(line), minSeverity: 'debug', ...options });
  return { logger, lines, last: () => JSON.parse(lines.at(-1) ?? 'null') as Record<string, unknown> };
}

/** What every line promises, whatever was logged. */
function expectSafeLine(line: string): void {
  expect(() => JSON.parse(line) as unknown).not.toThrow();
  expect(line).not.toMatch(/[\x00-\x1f\x7f-\x9f\u2028\u2029\u202e]/);
  expect(Buffer.byteLength(line)).toBeLessThanOrEqual(maxLineBytes);
}

describe('a line of the JSON logger', () => {
  it('has time in RFC 3339, severity, event and the attributes in order', () => {
    const { logger, lines } = setUp();
    logger.log('warn', 'session.created', { 'session.id': 'a1', count: 3, ok: true, none: null, absent: undefined });
    expect(lines).toEqual([
      '{"time":"2026-11-21T09:08:07.065Z","severity":"warn","event":"session.created","session.id":"a1","count":3,"ok":true,"none":null}',
    ]);
  });

  it('carries the common attributes before its own', () => {
    const { logger, last } = setUp({ attributes: { 'service.name': 'portolan' } });
    logger.log('info', 'started', { port: 1 });
    expect(Object.keys(last())).toEqual(['time', 'severity', 'event', 'service.name', 'port']);
  });

  it('is not written under the least severity, which is info by default', () => {
    const lines: string[] = [];
    const logger = createJsonLogger({ clock, sink: (line) => lines.push(line) });
    logger.log('debug', 'a');
    logger.log('info', 'b');
    expect(lines).toHaveLength(1);
    const strict = setUp({ minSeverity: 'error' });
    strict.logger.log('warn', 'a');
    expect(strict.lines).toEqual([]);
  });

  it('keeps its own fields when an attribute has their name', () => {
    const { logger, last } = setUp();
    logger.log('info', 'a', { time: 'never', severity: 'x', event: 'y', truncated: 'z' });
    expect(last()).toMatchObject({ time: '2026-11-21T09:08:07.065Z', severity: 'info', event: 'a', _time: 'never', _event: 'y' });
  });

  it('tells numbers that JSON lacks as text and objects by their kind', () => {
    const { logger, last } = setUp();
    const smuggled = { error: new Error('Bearer abcdefgh'), f: () => 1, n: 10n } as unknown as LogAttributes;
    logger.log('info', 'a', { nan: Number.NaN, inf: Number.POSITIVE_INFINITY, ...smuggled });
    expect(last()).toMatchObject({ nan: 'NaN', inf: 'Infinity', error: '[object]', f: '[function]', n: '[bigint]' });
  });

  it('stays one line with CR, LF and ANSI escapes in every field (S14)', () => {
    const { logger, lines, last } = setUp();
    const evil = 'a\r\nb\u001b[31mred\u009b2J\u2028\u202e\u0000\ud800';
    logger.log('info', evil, { [evil]: evil });
    expectSafeLine(lines[0] ?? '');
    expect(last()[evil.toWellFormed()] ?? Object.values(last()).at(-1)).toContain('red');
  });

  it('bounds a field of 1 MB, many fields, and says that some are missing (S14)', () => {
    const { logger, lines, last } = setUp();
    const big = '\u0001é€😀'.repeat(250_000);
    logger.log('info', big, {
      [big]: big,
      small: 'kept',
      ...Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`k${i}`, big])),
    });
    expectSafeLine(lines[0] ?? '');
    expect(last()).toMatchObject({ truncated: true, small: 'kept' });
    logger.log('info', 'one', { text: 'x'.repeat(2_000) });
    expect(last()['text']).toHaveLength(maxFieldLength + 1);
  });

  it('never throws, not even when the sink does', () => {
    const logger = createJsonLogger({
      clock,
      sink: () => {
        throw new Error('disk full');
      },
    });
    expect(() => logger.log('info', 'a')).not.toThrow();
  });
});

describe('a secret in a logged field', () => {
  const aws = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
  const cases: readonly (readonly [what: string, text: string, canary: string])[] = [
    ['an API key', 'key ptl_01HZX_c4n4ry-Secret used', 'c4n4ry'],
    ['a gateway token', 'pts_c4n4ry.abc.def', 'c4n4ry'],
    ['a bearer token', 'Authorization: Bearer c4n4ry', 'c4n4ry'],
    ['a bearer token in any case', 'bEaReR c4n4rytoken', 'c4n4ry'],
    ['basic credentials', 'proxy said Basic dXNlcjpjNG40cnk=', 'dXNlcjpjNG40cnk'],
    ['an authorization field of another scheme', '"authorization":"c4n4ry-raw"', 'c4n4ry'],
    ['userinfo in a URL', 'connect http://user:c4n4ry@gw.example:22225/ failed', 'c4n4ry'],
    ['userinfo with raw delimiters', 'http://user:p/c4?n4ry#@gw.example/', 'c4?n4ry'],
    ['userinfo with an at sign', 'http://user:p@c4n4ry@gw.example/', 'c4n4ry'],
    ['userinfo without a scheme', 'proxy user-session-1:c4n4ry@gw.example:22225', 'c4n4ry'],
    ['an AWS key id', 'AKIAIOSFODNN7EXAMPLE', 'IOSFODNN7'],
    ['an AWS secret key', `secret=${aws}`, aws],
  ];
  it.each(cases)('is redacted: %s', (_, text, canary) => {
    const { logger, lines } = setUp();
    logger.log('error', 'upstream.failed', { text });
    expect(lines[0]).not.toContain(canary);
    expect(lines[0]).toContain('[redacted]');
    logger.log('error', text, { [text]: 1 });
    expect(lines[1]).not.toContain(canary);
  });

  it('is redacted by the name of its attribute alone', () => {
    const { logger, lines } = setUp();
    const names = ['authorization', 'http.request.header.cookie', 'upstream.password', 'client_secret', 'token', 'db.api-key'];
    logger.log('info', 'a', Object.fromEntries(names.map((name) => [name, 'c4n4ry'])));
    expect(lines[0]).not.toContain('c4n4ry');
    expect(lines[0]?.split('[redacted]')).toHaveLength(names.length + 1);
  });

  it('is redacted when it was registered, plain and percent-encoded', () => {
    const scrubber = createScrubber();
    const { logger, lines, last } = setUp({ scrubber });
    scrubber.add('p@ss:/w"örd$1');
    scrubber.add('p@ss:/w"örd$1-and-more');
    logger.log('info', 'a', { text: 'it was p@ss:/w"örd$1-and-more, then p%40ss%3A%2Fw%22%C3%B6rd%241' });
    expect(last()['text']).toBe('it was [redacted], then [redacted]');
    expect(lines).toHaveLength(1);
  });

  it('is redacted where the field is cut', () => {
    const scrubber = createScrubber();
    const secret = 'c4n4ry'.repeat(50);
    scrubber.add(secret);
    const { logger, lines } = setUp({ scrubber });
    for (let at = maxFieldLength - 400; at < maxFieldLength + 20; at += 7) {
      logger.log('info', 'a', {
        text: `${'.'.repeat(at)}${secret}${'.'.repeat(2_000)}`,
        url: `${'.'.repeat(at)}http://u:${secret}@h/`,
      });
    }
    // what was redacted before it moves the end of the part we looked at into view
    logger.log('info', 'a', { text: `${secret.repeat(3)}${'.'.repeat(400)}${secret}${'.'.repeat(2_000)}` });
    for (const line of lines) expect(line).not.toContain('c4n4');
  });

  it('of great length does not take other fields along', () => {
    const scrubber = createScrubber();
    scrubber.add('long-c4n4ry'.repeat(2_000));
    const { logger, last } = setUp({ scrubber });
    for (const length of [1_025, 2_000, 100_000]) {
      logger.log('info', 'a', { text: '.'.repeat(length) });
      expect(last()['text']).toBe(`${'.'.repeat(maxFieldLength)}…`);
    }
    logger.log('info', 'a', { text: `${'.'.repeat(500)}${'long-c4n4ry'.repeat(2_000)}${'.'.repeat(100_000)}` });
    expect(JSON.stringify(last())).not.toContain('c4n4ry');
  });

  it('leaves what is no secret readable', () => {
    const { logger, last } = setUp();
    const attributes = {
      path: '/v1/sessions/ses_9f8a7b6c?limit=10',
      commit: 'da39a3ee5e6b4b0d3255bfef95601890afd80709',
      traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
      url: 'https://example.com/a:b/c',
      address: '2001:db8::1',
    };
    logger.log('info', 'a', attributes);
    expect(last()).toMatchObject(attributes);
  });

  it('is never written, and the line always safe, wherever the canary stands (S13)', () => {
    const canary = 'CANARY-7f3a9';
    const scrubber = createScrubber();
    scrubber.add(canary);
    const piece = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 30 }),
      fc.constantFrom('\r\n', '\u001b[2J', 'http://', '@', ':', 'Bearer ', 'x'.repeat(1_020)),
    );
    const carrier = fc.oneof(
      fc.constant(canary),
      fc.constant(`ptl_${canary}`),
      fc.constant(`Bearer ${canary}`),
      fc.constant(`http://u:${canary}@h`),
    );
    const text = fc
      .tuple(fc.array(piece), carrier, fc.array(piece))
      .map(([before, secret, after]) => [...before, secret, ...after].join(''));
    fc.assert(
      fc.property(text, text, fc.dictionary(text, text), (event, name, attributes) => {
        const { logger, lines } = setUp({ scrubber });
        logger.log('info', event, { [name]: event, ...attributes });
        expect(lines).toHaveLength(1);
        expectSafeLine(lines[0] ?? '');
        expect(lines[0]).not.toContain(canary);
      }),
      { numRuns: 150 },
    );
  });

  it('is redacted by shape alone, without being registered', () => {
    const secret = fc.stringMatching(/^[A-Za-z0-9]{12,40}$/);
    const wrap = fc.constantFrom<(s: string) => string>(
      (s) => `ptl_k1_${s}`,
      (s) => `pts_${s}`,
      (s) => `Authorization: Bearer ${s}`,
      (s) => `Proxy-Authorization=Basic ${s}`,
      (s) => `https://user:${s}@host/path`,
    );
    const around = fc.string({ unit: fc.constantFrom(' ', '\n', ',', '"', 'a', '0', '\u001b') });
    fc.assert(
      fc.property(secret, wrap, around, around, (value, wrapped, before, after) => {
        const { logger, lines } = setUp();
        logger.log('info', 'a', { text: `${before} ${wrapped(value)} ${after}` });
        expect(lines[0]).not.toContain(value);
      }),
      { numRuns: 500 },
    );
  });

  it('scrubs hostile text in linear time', { timeout: squaredTakesLonger }, () => {
    const scrubber = createScrubber();
    const hostile = ['://', 'a:', 'authorization:', 'bearer ', '@', 'A'.repeat(39) + '-', 'http://a@', 'a+'];
    for (const unit of hostile) {
      expect(scrubber.scrub(unit.repeat(100_000)), unit).not.toBe('');
    }
  });
});
