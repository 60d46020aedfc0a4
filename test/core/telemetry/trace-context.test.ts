import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../../adapters/node/node-crypto.ts';
import { continueTrace, createTraceIds, readTracestate, readXRay } from '../../../core/telemetry/trace-context.ts';
import type { ReceivedTrace, TraceContext } from '../../../core/telemetry/trace-context.ts';
import { squaredTakesLonger } from '../../support/linear-time.ts';

const ids = createTraceIds(nodeCrypto);
const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const parentId = '00f067aa0ba902b7';
const valid = `00-${traceId}-${parentId}-01`;
const form = /^00-([0-9a-f]{32})-([0-9a-f]{16})-(0[0-3])$/;

function goOn(received: Partial<ReceivedTrace>): TraceContext {
  return continueTrace({ traceparent: undefined, tracestate: undefined, xray: undefined, platform: undefined, ...received }, ids);
}

describe('a trace', () => {
  it('goes on under its id, with our span as the parent of the next (W3C Trace Context level 2)', () => {
    const trace = goOn({ traceparent: valid, tracestate: 'rojo=00f067aa0ba902b7,congo=t61rcWkgMzE' });
    expect(trace).toMatchObject({ traceId, parentSpanId: parentId, tracestate: 'rojo=00f067aa0ba902b7,congo=t61rcWkgMzE' });
    expect(trace.spanId).not.toBe(parentId);
    expect(trace.traceparent).toBe(`00-${traceId}-${trace.spanId}-01`);
    expect(trace.xray).toBeUndefined();
  });

  it.each([
    ['00', '00'],
    ['01', '01'],
    ['02', '02'],
    ['03', '03'],
    ['ff', '03'],
    ['fc', '00'],
  ])('keeps the flags we know of %s: %s', (received, sent) => {
    expect(goOn({ traceparent: `00-${traceId}-${parentId}-${received}` }).traceparent.slice(-2)).toBe(sent);
  });

  it('is read from a version of the future as far as it is like ours', () => {
    for (const text of [`01-${valid.slice(3)}`, `cc-${valid.slice(3)}-what-the-future-will-be-like`, `fe-${valid.slice(3)}-`]) {
      expect(goOn({ traceparent: text }).traceparent, text).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-01$`));
    }
  });

  it.each([
    '',
    'garbage',
    `00-${traceId.toUpperCase()}-${parentId}-01`,
    `00-${traceId}-${parentId.toUpperCase()}-01`,
    `00-${'0'.repeat(32)}-${parentId}-01`,
    `00-${traceId}-${'0'.repeat(16)}-01`,
    `ff-${traceId}-${parentId}-01`,
    `0g-${traceId}-${parentId}-01`,
    `00-${traceId}-${parentId}-0x`,
    `00-${traceId}-${parentId}-1`,
    `00-${traceId}-${parentId}`,
    `00-${traceId}-${parentId}-01-more`,
    `00-${traceId}-${parentId}-01.`,
    `cc-${traceId}-${parentId}-01.what`,
    `00_${traceId}_${parentId}_01`,
    `${valid}, ${valid}`,
    ` ${valid}`,
  ])('begins anew when it is ill-formed, and drops the tracestate: %s', (traceparent) => {
    const trace = goOn({ traceparent, tracestate: 'rojo=1' });
    expect(trace.traceId).not.toBe(traceId);
    expect(trace.parentSpanId).toBeUndefined();
    expect(trace.tracestate).toBeUndefined();
    expect(trace.traceparent).toMatch(form);
  });

  it('that begins here is recorded and random', () => {
    expect(goOn({}).traceparent.slice(-2)).toBe('03');
    expect(goOn({ tracestate: 'rojo=1' }).tracestate).toBeUndefined();
  });

  it('is valid whatever was received, and its own parts agree', () => {
    const like = fc.oneof(
      fc.string(),
      fc.stringMatching(/^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/),
      fc.stringMatching(/^[0-9a-gA-F]{2}-[0-9a-f]{31,33}-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?$/),
      fc.stringMatching(/^Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=[01]$/),
    );
    const maybe = fc.option(like, { nil: undefined });
    fc.assert(
      fc.property(maybe, maybe, maybe, maybe, (traceparent, tracestate, xray, platform) => {
        const trace = goOn({ traceparent, tracestate, xray, platform });
        const [, id, span] = form.exec(trace.traceparent) ?? [];
        expect([id, span]).toEqual([trace.traceId, trace.spanId]);
        expect(goOn({ traceparent: trace.traceparent }).traceId).toBe(trace.traceId);
        if (trace.xray !== undefined)
          expect(readXRay(trace.xray)).toMatchObject({ traceId: trace.traceId, parentSpanId: trace.spanId });
      }),
    );
  });
});

describe('the trace of a platform', () => {
  const xray = `Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=${parentId};Sampled=1`;

  it('comes after what the client says, and before an X-Ray field', () => {
    expect(goOn({ traceparent: valid, platform: `00-${'a'.repeat(32)}-${parentId}-01` }).traceId).toBe(traceId);
    expect(goOn({ traceparent: 'bad', platform: valid, tracestate: 'a=1' })).toMatchObject({ traceId, tracestate: undefined });
    expect(goOn({ platform: xray, xray: `Root=1-${'a'.repeat(8)}-${'b'.repeat(24)}` }).traceId).toBe(traceId);
  });

  it('is bridged from X-Ray and back', () => {
    const trace = goOn({ platform: xray });
    expect(trace).toMatchObject({ traceId, parentSpanId: parentId });
    expect(trace.traceparent).toBe(`00-${traceId}-${trace.spanId}-01`);
    expect(trace.xray).toBe(`Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=${trace.spanId};Sampled=1`);
  });

  it.each([
    ['Root=1-4bf92f35-77b34da6a3ce929d0e0e4736', undefined, true],
    ['Self=1-67891234-12456789abcdef012345678a;Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Sampled=0', undefined, false],
    [`Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=${parentId};Sampled=?`, parentId, true],
    [`Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=${parentId};Sampled=1;Lineage=a87bd80c:0|68fd508a:5`, parentId, true],
  ])('is read from %s', (text, parentSpanId, sampled) => {
    expect(readXRay(text)).toEqual({ traceId, parentSpanId, sampled });
  });

  it.each([
    '',
    'Root=',
    'Root=2-4bf92f35-77b34da6a3ce929d0e0e4736',
    'Root=1-4BF92F35-77b34da6a3ce929d0e0e4736',
    `Root=1-${'0'.repeat(8)}-${'0'.repeat(24)}`,
  ])('is nothing when it is ill-formed: %s', (text) => {
    expect(readXRay(text)).toBeUndefined();
  });
});

describe('tracestate', () => {
  it('is passed on without the blanks and empty members', () => {
    expect(readTracestate(' a=1 ,, b=2\t,')).toBe('a=1,b=2');
    expect(readTracestate('0vendor@sys/_-*=a b!')).toBe('0vendor@sys/_-*=a b!');
    expect(readTracestate('')).toBeUndefined();
    expect(readTracestate(' , ')).toBeUndefined();
  });

  it.each(['A=1', 'a', 'a=', '=1', 'a=1=2', 'a=b\x01', 'a=ä', 'a=1,a=2', `${'a'.repeat(257)}=1`, `a=${'1'.repeat(257)}`])(
    'goes whole when a member is ill-formed: %s',
    (text) => {
      expect(readTracestate(text)).toBeUndefined();
      expect(goOn({ traceparent: valid, tracestate: text })).toMatchObject({ traceId, tracestate: undefined });
    },
  );

  it('has at most 32 members', () => {
    const members = Array.from({ length: 33 }, (_, n) => `k${n}=v`);
    expect(readTracestate(members.slice(0, 32).join(','))).toBe(members.slice(0, 32).join(','));
    expect(readTracestate(members.join(','))).toBeUndefined();
  });

  it('loses long members first and then from the right, when it is over 512 characters', () => {
    const long = `long=${'x'.repeat(200)}`;
    const short = Array.from({ length: 5 }, (_, n) => `k${n}=${'y'.repeat(90)}`);
    expect(readTracestate([long, ...short].join(','))).toBe(short.join(','));
    const many = Array.from({ length: 10 }, (_, n) => `k${n}=${'y'.repeat(97)}`);
    expect(readTracestate(many.join(','))).toBe(many.slice(0, 5).join(','));
  });

  it('keeps what fits into 512 characters, and never cuts a member', () => {
    const member = fc.tuple(fc.stringMatching(/^[a-z][a-z0-9]{0,20}$/), fc.stringMatching(/^[!-+\--<>-~]{1,256}$/));
    fc.assert(
      fc.property(fc.uniqueArray(member, { selector: ([key]) => key, maxLength: 32, minLength: 1 }), (pairs) => {
        const members = pairs.map((pair) => pair.join('='));
        const whole = members.join(',');
        const kept = readTracestate(whole);
        if (whole.length <= 512) expect(kept).toBe(whole);
        expect(kept === undefined || kept.length <= 512).toBe(true);
        const rest = kept?.split(',') ?? [];
        expect(members.filter((one) => rest.includes(one))).toEqual(rest);
      }),
    );
  });
});

describe('ids of a trace', () => {
  it('are never all zero, and never the same', () => {
    let calls = 0;
    const zeroFirst = createTraceIds({
      randomBytes: (size) => (calls++ === 0 ? new Uint8Array(size) : nodeCrypto.randomBytes(size)),
    });
    expect(zeroFirst.traceId()).not.toMatch(/^0*$/);
    expect(calls).toBe(2);
    const made = Array.from({ length: 10_000 }, () => ids.spanId());
    expect(new Set(made).size).toBe(made.length);
    for (const id of made) expect(id).toMatch(/^[0-9a-f]{16}$/);
  });

  it('is read in linear time, blanks within its members too', { timeout: squaredTakesLonger }, () => {
    expect(readTracestate(`a=${' '.repeat(1_000_000)}b`)).toBeUndefined();
    expect(readTracestate(' \ta=1\t , b=2 \t')).toBe('a=1,b=2');
    expect(readTracestate('\u00a0a=1')).toBeUndefined();
  });
});
