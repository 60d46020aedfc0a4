import { randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { nodeCompression } from '../../../adapters/node/compression.ts';
import type { ContentCoding } from '../../../core/ports/index.ts';

const readers: Readonly<Record<ContentCoding, () => zlib.Gunzip | zlib.BrotliDecompress | zlib.ZstdDecompress>> = {
  gzip: () => zlib.createGunzip(),
  br: () => zlib.createBrotliDecompress(),
  zstd: () => zlib.createZstdDecompress(),
};
const unpack: Readonly<Record<ContentCoding, (content: Uint8Array) => Promise<Buffer>>> = {
  gzip: promisify<Uint8Array, Buffer>(zlib.gunzip),
  br: promisify<Uint8Array, Buffer>(zlib.brotliDecompress),
  zstd: (content) => promisify<Uint8Array, Buffer>(zlib.zstdDecompress)(content),
};

const { codings } = nodeCompression;
const text = 'The quick brown fox jumps over the lazy dog. '.repeat(200);

const compressed = async (
  body: Parameters<typeof nodeCompression.compress>[0],
  coding: ContentCoding,
  flush = false,
): Promise<Buffer[]> => {
  const made = await nodeCompression.compress(body, coding, { flush });
  if (made instanceof Uint8Array) return [Buffer.from(made)];
  const chunks: Buffer[] = [];
  for await (const chunk of made as AsyncIterable<Uint8Array>) chunks.push(Buffer.from(chunk));
  return chunks;
};

it('offers zstd exactly where this Node has it, and br and gzip everywhere', () => {
  expect(codings).toEqual('createZstdCompress' in zlib ? ['zstd', 'br', 'gzip'] : ['br', 'gzip']);
});

describe.each(codings)('content in %s', (coding) => {
  it('is what it was, for text, bytes and streams, and shorter', async () => {
    const bytes = Buffer.from(text);
    async function* pieces(): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < bytes.length; at += 1_000) yield bytes.subarray(at, at + 1_000);
    }
    for (const body of [text, bytes, pieces()]) {
      const content = Buffer.concat(await compressed(body, coding));
      expect((await unpack[coding](content)).toString()).toBe(text);
      expect(content.length).toBeLessThan(text.length / 10);
    }
  });

  it('may be empty, or what does not get shorter', async () => {
    const noise = randomBytes(10_000);
    async function* of(...chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
      yield* chunks;
    }
    for (const [body, expected] of [
      ['', Buffer.alloc(0)],
      [new Uint8Array(0), Buffer.alloc(0)],
      [of(), Buffer.alloc(0)],
      [noise, noise],
      [of(noise.subarray(0, 1), noise.subarray(1)), noise],
    ] as const) {
      const content = Buffer.concat(await compressed(body, coding));
      expect((await unpack[coding](content)).equals(expected)).toBe(true);
    }
  });

  it('leaves piece by piece when it is told to flush: each can be read before the next is written', async () => {
    const reader = readers[coding]();
    const readSoFar: string[] = [];
    reader.on('data', (chunk: Buffer) => readSoFar.push(chunk.toString()));
    let onward = Promise.withResolvers<void>();
    async function* events(): AsyncGenerator<Uint8Array> {
      for (const event of ['data: one\n\n', 'data: two\n\n']) {
        yield Buffer.from(event);
        await onward.promise;
      }
    }
    const made = (await nodeCompression.compress(events(), coding, { flush: true })) as AsyncIterable<Uint8Array>;
    const iterator = made[Symbol.asyncIterator]();
    const until = async (expected: string): Promise<void> => {
      while (readSoFar.join('') !== expected) {
        const { done, value } = await iterator.next();
        if (done === true) throw new Error(`It ended, and what came was ${JSON.stringify(readSoFar)}`);
        await new Promise<void>((resolve, reject) => reader.write(value, (error) => (error ? reject(error) : resolve())));
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    await until('data: one\n\n');
    const released = onward;
    onward = Promise.withResolvers();
    released.resolve();
    await until('data: one\n\ndata: two\n\n');
    onward.resolve();
    await iterator.return?.();
  });

  it('fails where its source does, with the same error', async () => {
    const broken = new Error('the backend broke off');
    async function* source(): AsyncGenerator<Uint8Array> {
      yield Buffer.from(text);
      throw broken;
    }
    await expect(compressed(source(), coding)).rejects.toBe(broken);
  });

  it('stops its source when the reader stops', async () => {
    let stopped = false;
    async function* endless(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) yield randomBytes(1_000);
      } finally {
        stopped = true;
      }
    }
    const made = (await nodeCompression.compress(endless(), coding, { flush: true })) as AsyncIterable<Uint8Array>;
    for await (const _ of made) break;
    await expect.poll(() => stopped).toBe(true);
  });

  it('reads its source no faster than it is read itself', async () => {
    let taken = 0;
    async function* source(): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < 1_000; at++) {
        taken += 1;
        yield randomBytes(65_536);
      }
    }
    const made = (await nodeCompression.compress(source(), coding, { flush: false })) as AsyncIterable<Uint8Array>;
    const iterator = made[Symbol.asyncIterator]();
    await iterator.next();
    // As long as it goes on taking, wait: it must come to rest far from the end.
    for (let before = -1; before !== taken;) {
      before = taken;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    // Brotli's window is the greatest: 8 MiB have gone in before the first byte comes out.
    expect(taken).toBeLessThan(300);
    await iterator.return?.();
  });
});
