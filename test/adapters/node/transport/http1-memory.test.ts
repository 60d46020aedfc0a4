import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { BodyFlow, BodySink, PushBody } from '../../../../core/ports/index.ts';
import { seededRandom } from '../../../support/seeded-random.ts';
import { freeRead } from '../../../../adapters/node/transport/free-read.ts';
import { answering, open, rawUpstream, request, textOf, within } from './support.ts';

/** Memory of reads is taken back as soon as a reader says so: never sooner, and never somebody else's. */

type Framing = 'chunked' | 'close' | 'length';

/** No stretch of it is like another, and it is another for each seed. */
function contentOf(bytes: number, seed: number): Buffer {
  const random = seededRandom(seed);
  const words = new Uint32Array(Math.ceil(bytes / 4));
  for (let at = 0; at < words.length; at++) words[at] = random() * 0x1_0000_0000;
  return Buffer.from(words.buffer, 0, bytes);
}

/** The message as its bytes. Chunks have random lengths, from one byte to more than a read. */
function message(content: Buffer, framing: Framing, random: () => number): Buffer {
  if (framing === 'length')
    return Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${content.length}\r\n\r\n`), content]);
  if (framing === 'close') return Buffer.concat([Buffer.from('HTTP/1.1 200 OK\r\n\r\n'), content]);
  const parts: Buffer[] = [Buffer.from('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')];
  for (let at = 0; at < content.length;) {
    const chunk = content.subarray(at, at + Math.ceil(random() ** 3 * 150_000));
    parts.push(Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n'));
    at += chunk.length;
  }
  return Buffer.concat([...parts, Buffer.from('0\r\n\r\n')]);
}

/** Writes all of it in pieces of random length, some of them within the head. */
async function trickle(socket: Socket, bytes: Buffer, random: () => number): Promise<void> {
  let size = 1 + random() * 60;
  for (let at = 0; at < bytes.length; size = random() ** 2 * 200_000) {
    const piece = bytes.subarray(at, at + Math.ceil(size));
    at += piece.length;
    socket.write(piece);
    await new Promise((later) => setImmediate(later));
  }
}

/** Is done with what it got at any time, in order, and looks at every byte before. */
class Forgetful implements BodySink {
  readonly ended: Promise<void>;
  position = 0;
  /** Bytes of chunks whose memory is gone. */
  freed = 0;
  readonly #expected: Buffer;
  readonly #random: () => number;
  readonly #kept: { readonly chunk: Uint8Array; readonly at: number; readonly spent: ((chunk: Uint8Array) => void) | undefined }[] =
    [];
  readonly #settle: PromiseWithResolvers<void> = Promise.withResolvers();
  #flow: BodyFlow | undefined;

  constructor(body: PushBody, expected: Buffer, random: () => number) {
    this.#expected = expected;
    this.#random = random;
    this.ended = this.#settle.promise;
    this.#flow = body.pushTo(this);
  }

  write(chunk: Uint8Array, spent?: (chunk: Uint8Array) => void): boolean {
    this.#kept.push({ chunk, at: this.position, spent });
    this.position += chunk.length;
    if (this.#random() < 0.5) this.#forget();
    if (this.#random() < 0.7) return true;
    setImmediate(() => {
      this.#forget();
      this.#flow?.resume();
    });
    return false;
  }

  end(): void {
    setImmediate(() => {
      this.#forget(0);
      this.#settle.resolve();
    });
  }

  abort(error: unknown): void {
    this.#settle.reject(error);
  }

  #forget(left: number = Math.floor(this.#random() * 4)): void {
    for (const { chunk, at } of this.#kept) {
      if (chunk.length === 0) this.#settle.reject(new Error(`what was at ${at} is gone`));
      if (!this.#expected.subarray(at, at + chunk.length).equals(chunk))
        this.#settle.reject(new Error(`${chunk.length} bytes at ${at} have changed`));
    }
    while (this.#kept.length > left) {
      const { chunk, spent } = this.#kept.shift()!;
      const { length } = chunk;
      spent?.(chunk);
      if (chunk.length === 0) this.freed += length;
    }
  }
}

async function received(
  framing: Framing,
  seed: number,
  bytes: number,
): Promise<{ readonly body: PushBody; readonly content: Buffer; readonly random: () => number }> {
  const random = seededRandom(seed);
  const content = contentOf(bytes, seed);
  const upstream = await rawUpstream((socket) => {
    socket.once('data', () => {
      void trickle(socket, message(content, framing, random), random).then(() => {
        if (framing === 'close') socket.end();
      });
    });
  });
  const { body } = await open().send(request(upstream.authority), within());
  return { body: body as PushBody, content, random };
}

describe.each(['length', 'chunked', 'close'] as const)('Content framed by %s', (framing) => {
  it('keeps every byte until its reader is done with it, and no longer', { timeout: 120_000 }, async () => {
    const canaries: Buffer[] = [];
    const transfers = Array.from({ length: 12 }, async (_, seed) => {
      const { body, content, random } = await received(framing, seed, 1_500_000);
      const sink = new Forgetful(body, content, () => {
        // memory of Node's pool, as heads and short answers are made of
        const canary = Buffer.from(`canary ${canaries.length}`);
        canaries.push(canary);
        return random();
      });
      await sink.ended;
      expect(sink.position).toBe(content.length);
      return sink.freed;
    });
    const freed = (await Promise.all(transfers)).reduce((sum, each) => sum + each, 0);
    expect(freed).toBeGreaterThan(1_000_000);
    expect(canaries.findIndex((canary, n) => canary.toString() !== `canary ${n}`)).toBe(-1);
  });

  it('is whole for a reader who never says that he is done', async () => {
    const { body, content } = await received(framing, 99, 3_000_000);
    const kept: Uint8Array[] = [];
    for await (const chunk of body) kept.push(chunk);
    expect(Buffer.concat(kept).equals(content)).toBe(true);
  });
});

describe('Memory that was not made for one read', () => {
  it('stays: the end of Node’s pool', () => {
    let last = Buffer.allocUnsafe(20_480);
    for (let n = 0; n < 100 && last.byteOffset + last.length < last.buffer.byteLength; n++) {
      // what is left of the pool, to its end
      const left = last.buffer.byteLength - last.byteOffset - last.length;
      last = Buffer.allocUnsafe(left >= 16_384 && left * 2 < Buffer.poolSize ? left : 20_480);
    }
    expect([last.byteOffset + last.length, last.length * 2 < Buffer.poolSize]).toEqual([last.buffer.byteLength, true]);
    const { length } = last;
    freeRead(last);
    expect(last.length).toBe(length);
  });

  it('stays: what others come after', () => {
    const read = Buffer.allocUnsafeSlow(65_536);
    freeRead(read.subarray(0, 65_535));
    expect(read.length).toBe(65_536);
    freeRead(read.subarray(10));
    expect(read.length).toBe(0);
  });
});

describe('A short answer', () => {
  it('has memory that nobody takes back', async () => {
    const content = 'x'.repeat(30_000);
    const upstream = await rawUpstream(answering(() => `HTTP/1.1 200 OK\r\nContent-Length: ${content.length}\r\n\r\n${content}`));
    const transport = open();
    const answers = await Promise.all(Array.from({ length: 20 }, () => transport.send(request(upstream.authority), within())));
    for (const answer of answers) expect(await textOf(answer)).toBe(content);
  });
});
