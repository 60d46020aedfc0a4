import { expect } from 'vitest';
import { bodyBytes } from '../../core/http/body.ts';
import { HeaderList, joinValues } from '../../core/http/header-list.ts';
import type { HttpEventCodec, HttpRequest, HttpResponse } from '../../core/ports/index.ts';
import { contentBytes } from '../corpus/format.ts';
import type { Corpus, CorpusRequest, CorpusResponse } from '../corpus/format.ts';
import { registerSuite } from './suite.ts';
import type { ConformanceCase, Skips } from './suite.ts';

/** What the suite must know about one event source. */
export interface HttpEventCodecHarness<Event, Result> {
  /** The platform's name in the compatibility table, for example `AWS HTTP API`. */
  readonly name: string;
  readonly codec: HttpEventCodec<Event, Result>;
  /** `readCorpusFile(source)`. */
  readonly corpus: Corpus;
  /** How the adapter learns the client's address. */
  readonly clientAddress: (event: Event) => string | undefined;
  /** The status of a result. */
  readonly status: (result: Result) => number;
  /** Makes the platform's event of the corpus's JSON; default: it is that JSON. */
  readonly toEvent?: (event: unknown) => Event;
  /** Makes plain data of a result, to be compared with the corpus's; default: it is plain data. */
  readonly toComparable?: (result: Result) => unknown;
  /** Cases that do not apply, by title, with the reason. */
  readonly skips?: Skips;
}

/** Runs a source's corpus and the codec's contract on one codec. Call it at the top of a test file. */
export function testHttpEventCodec<Event, Result>(harness: HttpEventCodecHarness<Event, Result>): void {
  registerSuite({
    port: 'HTTP event codec',
    platform: harness.name,
    cases: httpEventCodecCases(harness),
    skips: harness.skips ?? {},
    open: async () => undefined,
    fixture: () => undefined,
    close: () => undefined,
  });
}

/** The codec's contract: the corpus's cases, and sentences about all of them. */
export function httpEventCodecCases<Event, Result>({
  codec,
  corpus,
  clientAddress,
  status,
  toEvent = (event) => event as Event,
  toComparable = (result) => result,
}: HttpEventCodecHarness<Event, Result>): readonly ConformanceCase<undefined>[] {
  const everyRequest = async (see: (request: HttpRequest, name: string) => unknown): Promise<void> => {
    expect(corpus.requests.length).toBeGreaterThan(0);
    for (const { name, event } of corpus.requests) await see(codec.decode(toEvent(event)), name);
  };
  const answer = async (response: HttpResponse): Promise<Result> => codec.encode(response, toEvent(corpus.event));

  return [
    ...corpus.requests.map(({ name, event, becomes }) => ({
      title: `request: ${name}`,
      run: async () => {
        const revived = toEvent(event);
        const request = codec.decode(revived);
        expect(await seen(request, clientAddress(revived))).toEqual(expected(becomes));
      },
    })),
    ...corpus.responses.map(({ name, response, result }) => ({
      title: `response: ${name}`,
      run: async () => {
        expect(await toComparable(await answer(neutral(response)))).toEqual(result);
      },
    })),
    {
      title: 'the source is told by its shape, and no other shape is taken for it',
      run: async () => {
        expect(codec.source).toBe(corpus.source);
        for (const { name, event } of corpus.requests) expect(codec.matches(toEvent(event)), name).toBe(true);
        for (const event of [{}, [], { Records: [{ eventSource: 'aws:sqs', body: '{}' }] }, { source: 'aws.events', detail: {} }]) {
          expect(codec.matches(event)).toBe(false);
        }
      },
    },
    {
      title: 'get, getAll and flat agree on every field',
      run: () =>
        everyRequest(({ headers }, name) => {
          for (const [field, values] of grouped(headers.flat())) {
            expect(headers.getAll(field), `${name}: ${field}`).toEqual(values);
            expect(headers.get(field), `${name}: ${field}`).toBe(
              values.reduce((joined, value) => joinValues(field, joined, value)),
            );
          }
        }),
    },
    {
      title: 'field names are lower case, and values are strings',
      run: () =>
        everyRequest(({ headers }, name) => {
          const fields = headers.flat();
          expect(fields.length % 2, name).toBe(0);
          for (const [at, text] of fields.entries()) {
            expect(typeof text, name).toBe('string');
            if (at % 2 === 0) expect(text, name).toBe(text.toLowerCase());
          }
        }),
    },
    {
      title: 'a field that was not sent is undefined, whatever its name is to JavaScript',
      run: async () => {
        const { headers } = codec.decode(toEvent(corpus.event));
        for (const name of ['x-absent', 'constructor', 'toString', '__proto__', 'hasOwnProperty', 'length', '0', '']) {
          expect(headers.get(name), name).toBeUndefined();
          expect(headers.getAll(name), name).toEqual([]);
        }
      },
    },
    {
      title: 'a target is visible ASCII and starts with a slash',
      run: () => everyRequest(({ target }, name) => expect(target, name).toMatch(/^\/[!-~]*$/)),
    },
    {
      title: 'decoding and reading do not change the event',
      run: async () => {
        for (const { name, event } of corpus.requests) {
          const before = JSON.stringify(event);
          const request = codec.decode(toEvent(event));
          request.headers.flat();
          await bodyBytes(request.body);
          expect(JSON.stringify(event), name).toBe(before);
        }
      },
    },
    {
      title: 'an answer does not change by being encoded, and encodes alike twice',
      run: async () => {
        for (const { name, response } of corpus.responses) {
          const once = neutral(response);
          const first = await toComparable(await answer(once));
          expect(await toComparable(await answer(once)), name).toEqual(first);
        }
      },
    },
    {
      title: 'a streamed answer is sent whole, in order, like the same bytes at once',
      run: async () => {
        const chunks = [Buffer.from('Grü'), Buffer.from('ße '), Buffer.from([0xff]), new Uint8Array(), Buffer.alloc(70_000, 'x')];
        const whole = await answer({ status: 200, headers: new HeaderList(), body: Buffer.concat(chunks) });
        const streamed = await answer({ status: 200, headers: new HeaderList(), body: iterate(chunks) });
        expect(await toComparable(streamed)).toEqual(await toComparable(whole));
      },
    },
    {
      title: 'an answer that breaks off is never sent as if it were whole',
      run: async () => {
        const broken = async function* (): AsyncGenerator<Uint8Array> {
          yield Buffer.from('half of the ans');
          throw new Error('broken off');
        };
        const result = answer({ status: 200, headers: new HeaderList(), body: broken() });
        await expect(result.then(toComparable)).rejects.toThrow();
      },
    },
    {
      title: 'content of the greatest size that is promised is carried, whatever its bytes are',
      run: async () => {
        if (codec.maxResponseBytes === undefined) return;
        const body = new Uint8Array(codec.maxResponseBytes).fill(0xff);
        expect(status(await answer({ status: 200, headers: new HeaderList(), body }))).toBe(200);
      },
    },
    {
      title: 'an answer over the platform’s limit is a 500, streamed or not, and its stream is not read to the end',
      run: async () => {
        if (codec.maxResponseBytes === undefined) return;
        const body = new Uint8Array(codec.maxResponseBytes * 2).fill(0xff);
        expect(status(await answer({ status: 200, headers: new HeaderList(), body }))).toBe(500);
        let closed = false;
        const endless = async function* (): AsyncGenerator<Uint8Array> {
          try {
            for (;;) yield Buffer.alloc(65_536);
          } finally {
            closed = true;
          }
        };
        expect(status(await answer({ status: 200, headers: new HeaderList(), body: endless() }))).toBe(500);
        expect(closed).toBe(true);
      },
    },
  ];
}

function neutral({ status, headers, body }: CorpusResponse): HttpResponse {
  return {
    status,
    headers: new HeaderList(headers),
    body: body?.text === undefined ? contentBytes(body) : textOf(body.text, body.repeat),
  };
}

function textOf(text: string, repeat = 1): string {
  return text.repeat(repeat);
}

async function* iterate(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

interface Seen {
  readonly method: string;
  readonly scheme: string;
  readonly authority: string;
  readonly target: string;
  readonly headers: readonly (readonly [name: string, values: readonly string[]])[];
  readonly body: string;
  readonly clientAddress: string | undefined;
}

async function seen(request: HttpRequest, clientAddress: string | undefined): Promise<Seen> {
  const { method, scheme, authority, target, headers } = request;
  const bytes = await bodyBytes(request.body);
  if (bytes.length === 0) expect(request.body).toBeUndefined();
  // Reading again gives the same: the first reading decoded it.
  if (!(typeof request.body === 'object' && Symbol.asyncIterator in request.body))
    expect(await bodyBytes(request.body)).toEqual(bytes);
  return {
    method,
    scheme,
    authority,
    target,
    headers: sorted(headers.flat()),
    body: Buffer.from(bytes).toString('base64'),
    clientAddress,
  };
}

function expected({ method, scheme, authority, target, headers, body, clientAddress }: CorpusRequest): Seen {
  return {
    method,
    scheme,
    authority,
    target,
    headers: sorted(headers),
    body: Buffer.from(contentBytes(body) ?? []).toString('base64'),
    clientAddress: clientAddress ?? undefined,
  };
}

/** name to values, in order. */
function grouped(fields: readonly string[]): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at] ?? '';
    groups.set(name, [...(groups.get(name) ?? []), fields[at + 1] ?? '']);
  }
  return groups;
}

function sorted(fields: readonly string[]): [string, string[]][] {
  return [...grouped(fields)].toSorted(([a], [b]) => (a < b ? -1 : 1));
}
