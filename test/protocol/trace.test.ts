import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Seen } from '../probe/origin.ts';
import { frontScene } from '../support/front-scene.ts';
import { fronts } from '../support/fronts.ts';
import type { Asked } from '../support/fronts.ts';

/** The trace of a request (W3C Trace Context level 2, AWS X-Ray) from every way in to the backend, and into the access line. */

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const parentId = '00f067aa0ba902b7';
const xray = `Root=1-${traceId.slice(0, 8)}-${traceId.slice(8)};Parent=${parentId};Sampled=1`;
const form = /^00-([0-9a-f]{32})-([0-9a-f]{16})-(0[0-3])$/;

interface Traced {
  readonly traceId: string | undefined;
  readonly spanId: string | undefined;
  readonly flags: string | undefined;
  readonly seen: Seen;
  readonly line: Readonly<Record<string, unknown>>;
}

async function trace(name: string, fields: NonNullable<Asked['fields']>): Promise<Traced> {
  const { front, gateway, origin } = await frontScene(name);
  expect((await front.ask({ target: '/', fields })).status).toBe(200);
  const { last: seen } = origin;
  expect(seen.all('traceparent')).toHaveLength(1);
  const [, id, spanId, flags] = form.exec(seen.field('traceparent') ?? '') ?? [];
  return { traceId: id, spanId, flags, seen, line: gateway.lines()[0] ?? {} };
}

describe.each(Object.keys(fronts))('through %s', (name) => {
  it('a trace goes on under its id, with our span as the next one’s parent, and both are in the access line', async () => {
    const found = await trace(name, [
      ['traceparent', `00-${traceId}-${parentId}-03`],
      ['tracestate', 'rojo=00f067aa0ba902b7,congo=t61rcWkgMzE'],
    ]);
    expect(found).toMatchObject({ traceId, flags: '03' });
    expect(found.spanId).not.toBe(parentId);
    expect(found.seen.field('tracestate')).toBe('rojo=00f067aa0ba902b7,congo=t61rcWkgMzE');
    expect(found.line).toMatchObject({ traceId, spanId: found.spanId, parentSpanId: parentId });
  });

  it.each(['00', '01', '02', '03'])('the random flag and the sampled flag are as they came: %s', async (flags) => {
    expect(await trace(name, [['traceparent', `00-${traceId}-${parentId}-${flags}`]])).toMatchObject({ traceId, flags });
  });

  it.each([
    `00-${traceId.toUpperCase()}-${parentId}-01`,
    `00-${'0'.repeat(32)}-${parentId}-01`,
    `ff-${traceId}-${parentId}-01`,
    'garbage',
  ])('an ill-formed one begins anew, random and sampled, without the tracestate: %s', async (traceparent) => {
    const found = await trace(name, [
      ['traceparent', traceparent],
      ['tracestate', 'rojo=1'],
    ]);
    expect(found.traceId?.length).toBe(32);
    expect(found.traceId).not.toBe(traceId);
    expect([found.flags, found.seen.field('tracestate')]).toEqual(['03', undefined]);
    expect(found.line['traceId']).toBe(found.traceId);
    expect(found.line['parentSpanId']).toBeUndefined();
  });

  it('an X-Ray id is the trace where there is no other, and says so itself to the backend', async () => {
    const found = await trace(name, [['x-amzn-trace-id', xray]]);
    expect(found).toMatchObject({ traceId, flags: '01' });
    expect(found.seen.all('x-amzn-trace-id')).toEqual([
      `Root=1-${traceId.slice(0, 8)}-${traceId.slice(8)};Parent=${found.spanId};Sampled=1`,
    ]);
    expect(found.line).toMatchObject({ traceId, spanId: found.spanId, parentSpanId: parentId });
  });

  it('an X-Ray id that is not sampled stays so; beside a traceparent it passes as it is', async () => {
    expect(await trace(name, [['x-amzn-trace-id', xray.replace('Sampled=1', 'Sampled=0')]])).toMatchObject({
      traceId,
      flags: '00',
    });
    const other = 'a'.repeat(32);
    const both = await trace(name, [
      ['traceparent', `00-${other}-${parentId}-01`],
      ['x-amzn-trace-id', xray],
    ]);
    expect([both.traceId, both.line['traceId'], both.seen.field('x-amzn-trace-id')]).toEqual([other, other, xray]);
  });
});

describe('the X-Ray id of Lambda itself', () => {
  it('is the trace when the event has none', async () => {
    vi.stubEnv('_X_AMZN_TRACE_ID', xray);
    onTestFinished(() => {
      vi.unstubAllEnvs();
    });
    const found = await trace('aws-http-v2', []);
    expect(found).toMatchObject({ traceId, flags: '01' });
    expect(found.line).toMatchObject({ traceId, parentSpanId: parentId });
  });
});
