import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bodyBytes, readBody } from '../../../core/http/body.ts';
import { RequestRejected } from '../../../core/ports/index.ts';

async function* chunks(...sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  for (const size of sizes) yield new Uint8Array(size).fill(size);
}

describe('content', () => {
  it('is the same bytes as text, as bytes and as a stream cut anywhere', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme' }), fc.array(fc.nat(200), { maxLength: 5 }), async (text, cuts) => {
        const bytes = new TextEncoder().encode(text);
        const stream = async function* (): AsyncGenerator<Uint8Array> {
          const at = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).toSorted((a, b) => a - b), bytes.length];
          for (let i = 1; i < at.length; i++) yield bytes.subarray(at[i - 1], at[i]);
        };
        expect(await readBody(text, 10_000)).toEqual(bytes);
        expect(await readBody(bytes, 10_000)).toEqual(bytes);
        expect(await readBody(stream(), 10_000)).toEqual(bytes);
      }),
    );
  });

  it('that is absent has no bytes', async () => {
    expect(await bodyBytes(undefined)).toEqual(new Uint8Array());
  });

  it('may have exactly the limit and not one byte more, counted as UTF-8', async () => {
    for (const fits of ['x'.repeat(10), 'é'.repeat(5), new Uint8Array(10)]) expect(await readBody(fits, 10)).toHaveLength(10);
    expect(await readBody(chunks(4, 6), 10)).toHaveLength(10);
    for (const over of ['x'.repeat(11), 'é'.repeat(6), new Uint8Array(11), chunks(4, 7), chunks(11)]) {
      await expect(readBody(over, 10)).rejects.toEqual(new RequestRejected(413, 'Content must have at most 10 bytes'));
    }
  });

  it('of an endless stream is given up at the limit, and the stream is told', async () => {
    let read = 0;
    let closed = false;
    const endless = async function* (): AsyncGenerator<Uint8Array> {
      try {
        for (;;) {
          read++;
          yield new Uint8Array(1_000);
        }
      } finally {
        closed = true;
      }
    };
    await expect(readBody(endless(), 16_384)).rejects.toBeInstanceOf(RequestRejected);
    expect([read, closed]).toEqual([17, true]);
  });

  it('whose stream breaks off is an error, never shorter content', async () => {
    const broken = async function* (): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(3);
      throw new Error('reset');
    };
    await expect(readBody(broken(), 10)).rejects.toThrow('reset');
  });
});
