import { describe, expect, it } from 'vitest';
import { bodyBytes } from '../../../../core/http/body.ts';
import type { Body, BodyFlow, BodySink, PushBody } from '../../../../core/ports/index.ts';
import { repeatable, RepeatableStream } from '../../../../core/proxy/upstream/repeatable-content.ts';

const utf8 = new TextEncoder();
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

function streamOf(...chunks: readonly string[]) {
  const state = { opened: 0, cancelled: 0, failsAfter: Number.POSITIVE_INFINITY };
  const stream: AsyncIterable<Uint8Array> = {
    [Symbol.asyncIterator]() {
      state.opened++;
      let at = 0;
      return {
        next: async () => {
          if (at >= state.failsAfter) throw new Error('client gone');
          const chunk = chunks[at++];
          return chunk === undefined ? { done: true, value: undefined } : { done: false, value: utf8.encode(chunk) };
        },
        return: async () => {
          state.cancelled++;
          return { done: true, value: undefined };
        },
      };
    },
  };
  return { stream, state };
}

/** Pushes all its chunks at once, whatever the sink says. */
function pushBodyOf(...chunks: readonly string[]): PushBody {
  return {
    pushTo(sink: BodySink): BodyFlow {
      for (const chunk of chunks) sink.write(utf8.encode(chunk));
      sink.end();
      return { resume: () => undefined, cancel: () => undefined };
    },
    async *[Symbol.asyncIterator]() {
      for (const chunk of chunks) yield utf8.encode(chunk);
    },
  };
}

function made(body: Body, maxBytes: number): RepeatableStream & Partial<PushBody> {
  const content = repeatable(body, maxBytes);
  if (!(content instanceof RepeatableStream)) throw new TypeError('not a stream');
  return content;
}

describe('repeatable content', () => {
  it('leaves what is no stream as it is, and wraps a stream once', () => {
    const bytes = utf8.encode('x');
    expect([repeatable(undefined, 9), repeatable('x', 9), repeatable(bytes, 9)]).toEqual([undefined, 'x', bytes]);
    const once = repeatable(streamOf('x').stream, 9);
    expect(repeatable(once, 9)).toBe(once);
  });

  it('can be sent again when all of it was read and kept', async () => {
    const { stream, state } = streamOf('ab', 'cd');
    const content = made(stream, 4);
    for (let n = 0; n < 3; n++) {
      expect(content.ready).toBe(true);
      expect(text(await bodyBytes(content))).toBe('abcd');
    }
    expect(state.opened).toBe(1);
  });

  it('cannot be sent again when it was longer than what is kept', async () => {
    const content = made(streamOf('ab', 'cde').stream, 4);
    expect(text(await bodyBytes(content))).toBe('abcde');
    expect(content.ready).toBe(false);
  });

  it('cannot be sent again once its reading has begun and not come to the end, whatever the reason', async () => {
    const { stream, state } = streamOf('ab', 'cd');
    const content = made(stream, 100);
    const reader = content[Symbol.asyncIterator]();
    await reader.next();
    expect(content.ready).toBe(false);
    await reader.return?.();
    expect([content.ready, state.cancelled]).toEqual([false, 1]);
    const failing = streamOf('ab', 'cd');
    failing.state.failsAfter = 1;
    const broken = made(failing.stream, 100);
    await expect(bodyBytes(broken)).rejects.toThrow('client gone');
    expect(broken.ready).toBe(false);
  });

  it('can be sent again when a reader gave up before it read anything, and its source is left alone', async () => {
    const { stream, state } = streamOf('ab');
    const content = made(stream, 0);
    await content[Symbol.asyncIterator]().return?.();
    expect([content.ready, state.opened, state.cancelled]).toEqual([true, 0, 0]);
    expect(text(await bodyBytes(content))).toBe('ab');
    expect(content.ready).toBe(false);
  });

  it('keeps nothing after its release, and still passes', async () => {
    const content = made(streamOf('ab', 'cd').stream, 100);
    const reader = content[Symbol.asyncIterator]();
    await reader.next();
    content.release();
    expect((await reader.next()).value).toEqual(utf8.encode('cd'));
    expect((await reader.next()).done).toBe(true);
    expect(content.ready).toBe(false);
  });

  it('still pushes where its source does, and pushes again what it kept, at the pace of the reader', async () => {
    const [ab, cd, ef] = ['ab', 'cd', 'ef'].map((piece) => piece.repeat(500));
    const content = made(pushBodyOf(ab!, cd!, ef!), 4_000);
    const first: string[] = [];
    content.pushTo?.({ write: (chunk) => first.push(text(chunk)) > 0, end: () => first.push('end'), abort: () => undefined });
    expect([first, content.ready]).toEqual([[ab, cd, ef, 'end'], true]);
    const again: string[] = [];
    const flow = content.pushTo?.({
      write: (chunk) => again.push(text(chunk)) % 2 === 0,
      end: () => again.push('end'),
      abort: () => undefined,
    });
    expect(again).toEqual([]);
    await Promise.resolve();
    expect(again).toEqual([ab]);
    flow?.resume();
    expect(again).toEqual([ab, cd, ef]);
    flow?.resume();
    expect(again).toEqual([ab, cd, ef, 'end']);
    const cancelled: string[] = [];
    content.pushTo?.({ write: (chunk) => cancelled.push(text(chunk)) > 0, end: () => undefined, abort: () => undefined }).cancel();
    await Promise.resolve();
    expect(cancelled).toEqual([]);
    expect(text(await bodyBytes(content))).toBe(`${ab}${cd}${ef}`);
  });

  it('keeps content in tiny pieces in few', async () => {
    const piece = 'x'.repeat(10);
    const content = made(pushBodyOf(...Array.from({ length: 2_000 }, (_, n) => `${n % 10}${piece}`)), 1e6);
    const whole = text(await bodyBytes(content));
    const again: string[] = [];
    for await (const chunk of content) again.push(text(chunk));
    expect([again.join(''), again.length]).toEqual([whole, 22]);
  });

  it('that breaks off while it is pushed tells the reader, and cannot be sent again', () => {
    const broken: PushBody = {
      ...pushBodyOf(),
      pushTo(sink) {
        sink.write(utf8.encode('ab'));
        sink.abort(new Error('client gone'));
        return { resume: () => undefined, cancel: () => undefined };
      },
    };
    const content = made(broken, 100);
    const seen: unknown[] = [];
    content.pushTo?.({
      write: (chunk) => seen.push(text(chunk)) > 0,
      end: () => seen.push('end'),
      abort: (error) => seen.push(error),
    });
    expect([seen, content.ready]).toEqual([['ab', new Error('client gone')], false]);
  });

  it('does not pretend to push where its source cannot', () => {
    expect('pushTo' in made(streamOf('ab').stream, 1)).toBe(false);
  });
});
