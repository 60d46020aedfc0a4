import { brotliDecompressSync, createGzip, brotliCompressSync, gunzipSync, gzipSync } from 'node:zlib';
import { Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bodyBytes } from '../../../core/http/body.ts';
import { HeaderList } from '../../../core/http/header-list.ts';
import type { Body, Compression, HttpRequest, HttpResponse } from '../../../core/ports/index.ts';
import { chooseCoding } from '../../../core/proxy/accept-encoding.ts';
import { compileCompression } from '../../../core/proxy/compress-response.ts';
import type { CompressionConfiguration } from '../../../core/proxy/configuration.ts';
import { request, response } from './forwarding/messages.ts';

const flushed: boolean[] = [];
const compression: Compression = {
  codings: ['gzip', 'br'],
  compress(body, coding, { flush }) {
    flushed.push(flush);
    if (typeof body === 'string' || body instanceof Uint8Array)
      return Promise.resolve((coding === 'br' ? brotliCompressSync : gzipSync)(body));
    return Readable.from(body).pipe(createGzip());
  },
};

const text = 'Grüße '.repeat(400);
const plain = ['content-type', 'text/plain; charset=utf-8', 'content-length', String(Buffer.byteLength(text))];
const gzip = ['accept-encoding', 'gzip'];

async function compressed(
  received: HttpResponse,
  asked: HttpRequest = request(gzip),
  configuration?: CompressionConfiguration,
): Promise<HttpResponse> {
  const compress = compileCompression(configuration, compression);
  return compress === undefined ? received : compress(asked, received);
}

async function decoded({ headers, body }: HttpResponse): Promise<string> {
  const bytes = await bodyBytes(body);
  const coding = headers.get('content-encoding');
  return Buffer.from(coding === 'gzip' ? gunzipSync(bytes) : coding === 'br' ? brotliDecompressSync(bytes) : bytes).toString();
}

async function* pieces(): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text.slice(0, 7));
  yield Buffer.from(text.slice(7));
}

describe('an answer whose client takes a coding', () => {
  it.each([
    ['text', text as Body],
    ['bytes', Buffer.from(text)],
    ['a stream', pieces()],
  ])('is compressed: %s', async (_, body) => {
    const answer = await compressed(response([...plain, 'x-a', '1'], { body }));
    expect(answer.headers.flat()).toEqual([
      'content-type',
      'text/plain; charset=utf-8',
      'x-a',
      '1',
      'vary',
      'accept-encoding',
      'content-encoding',
      'gzip',
    ]);
    expect(await decoded(answer)).toBe(text);
  });

  it('gets the coding we name first among those it likes alike', async () => {
    const both = request(['accept-encoding', 'gzip, br']);
    expect((await compressed(response(plain, { body: text }), both)).headers.get('content-encoding')).toBe('br');
    const configured = await compressed(response(plain, { body: text }), both, { codings: ['gzip', 'br'] });
    expect(configured.headers.get('content-encoding')).toBe('gzip');
  });

  it.each([
    'application/json',
    'APPLICATION/JSON;charset=utf-8',
    'application/problem+json',
    'application/atom+xml',
    'image/svg+xml',
    'text/css',
    'application/javascript',
  ])('is compressed when its type is among the usual: %s', async (type) => {
    expect((await compressed(response(['content-type', type], { body: text }))).headers.get('content-encoding')).toBe('gzip');
  });

  it('has a weak tag, which its backend knows again, and takes no ranges', async () => {
    const strong = await compressed(response([...plain, 'etag', '"a"', 'accept-ranges', 'bytes'], { body: text }));
    expect(strong.headers.get('etag')).toBe('W/"a"');
    expect(strong.headers.get('accept-ranges')).toBeUndefined();
    const weak = await compressed(response([...plain, 'etag', 'W/"a"'], { body: text }));
    expect(weak.headers.get('etag')).toBe('W/"a"');
  });

  it('names that tag in a 304 too, to a client that has the coded content', async () => {
    const notModified = response(['etag', '"a"'], { status: 304 });
    const revalidating = request([...gzip, 'if-none-match', '"b", W/"a"']);
    expect((await compressed(notModified, revalidating)).headers.get('etag')).toBe('W/"a"');
    expect((await compressed(notModified, request([...gzip, 'if-none-match', '"a"']))).headers.get('etag')).toBe('"a"');
    expect((await compressed(notModified)).headers.get('etag')).toBe('"a"');
  });

  it('keeps one Vary that says it all', async () => {
    for (const vary of ['Accept-Encoding', 'origin, ACCEPT-ENCODING', '*']) {
      expect((await compressed(response([...plain, 'vary', vary], { body: text }))).headers.getAll('vary'), vary).toEqual([vary]);
    }
    const other = await compressed(response([...plain, 'vary', 'origin'], { body: text }));
    expect(other.headers.get('vary')).toBe('origin, accept-encoding');
  });

  it('keeps moving when it is read as it comes', async () => {
    for (const [fields, flush] of [
      [['content-type', 'text/event-stream'], true],
      [['content-type', 'application/x-ndjson'], true],
      [['content-type', 'text/html', 'x-accel-buffering', 'no'], true],
      [['content-type', 'text/html'], false],
    ] as const) {
      flushed.length = 0;
      await compressed(response(fields, { body: pieces() }));
      expect(flushed, fields[1]).toEqual([flush]);
    }
  });
});

describe('an answer stays as it is', () => {
  it.each([
    ['it has a coding', [...plain, 'content-encoding', 'br'], {}],
    ['it may not be transformed', [...plain, 'cache-control', 'public, No-Transform'], {}],
    ['it is a part', [...plain, 'content-range', 'bytes 0-1/2'], { status: 206 }],
    ['it is a part, whatever its status', [...plain, 'content-range', 'bytes 0-1/2'], {}],
    ['it has a digest of its bytes', [...plain, 'content-digest', 'sha-256=:x:'], {}],
    ['it is an image', ['content-type', 'image/png'], {}],
    ['nobody says what it is', [], {}],
    ['it is short', ['content-type', 'text/plain'], { body: 'x'.repeat(1_023) }],
    ['it says that it is short', ['content-type', 'text/plain', 'content-length', '3'], { body: pieces() }],
    ['it has no content', ['content-type', 'text/plain'], { status: 204, body: undefined }],
    ['it switches protocols', ['content-type', 'text/plain'], { status: 101, body: undefined }],
  ] as const)('when %s', async (_, fields, rest) => {
    const received = response(fields, { body: text, ...rest });
    expect(await compressed(received)).toBe(received);
  });

  it.each([
    ['asks for nothing', request([]), undefined],
    ['asks for what we do not have', request(['accept-encoding', 'zstd']), undefined],
    ['asks for the head alone', request(gzip, { method: 'HEAD' }), undefined],
    ['asks that nothing be transformed', request([...gzip, 'cache-control', 'no-transform']), undefined],
  ])('when its client %s, but says what counted', async (_, asked) => {
    const answer = await compressed(response([...plain, 'etag', '"a"'], { body: text }), asked);
    expect(answer.headers.flat()).toEqual([...plain, 'etag', '"a"', 'vary', 'accept-encoding']);
    expect(answer.body).toBe(text);
  });

  it('when its route says so', () => {
    expect(compileCompression(false, compression)).toBeUndefined();
    expect(compileCompression({ codings: [] }, compression)).toBeUndefined();
    expect(compileCompression({ codings: ['zstd'] }, compression)).toBeUndefined();
  });

  it('but for the types and the length that are configured', async () => {
    const settings = { types: ['application/wasm', 'font/*'], minBytes: 10 };
    for (const [type, body, coding] of [
      ['application/wasm', text, 'gzip'],
      ['font/ttf', text, 'gzip'],
      ['text/plain', text, undefined],
      ['font/ttf', 'x'.repeat(9), undefined],
      ['font/ttf', 'x'.repeat(10), 'gzip'],
    ] as const) {
      const answer = await compressed(response(['content-type', type], { body }), request(gzip), settings);
      expect(answer.headers.get('content-encoding'), `${type} ${body.length}`).toBe(coding);
    }
  });
});

describe('Accept-Encoding', () => {
  it.each([
    [undefined, undefined],
    ['', undefined],
    ['gzip', 'gzip'],
    ['x-gzip', 'gzip'],
    ['GZIP', 'gzip'],
    ['br;q=0.5, gzip;q=0.9', 'gzip'],
    ['br;q=0.9, gzip;q=0.5', 'br'],
    ['gzip;q=0', undefined],
    ['gzip;q=0.000, br', 'br'],
    ['*', 'br'],
    ['*;q=0', undefined],
    ['br;q=0, *', 'gzip'],
    ['*;q=0.1, gzip;q=0.5', 'gzip'],
    ['identity', undefined],
    ['identity;q=1, gzip;q=0.5', undefined],
    ['identity;q=0.5, gzip;q=0.5', 'gzip'],
    ['identity;q=0', undefined],
    ['deflate, compress', undefined],
    ['gzip;q=2', undefined],
    ['gzip;q=x, br;q=0.1', 'br'],
    ['gzip ; q=1.000 ,br; q=0.001', 'gzip'],
    [',,gzip,', 'gzip'],
  ])('%s asks for %s', (accepted, coding) => {
    expect(chooseCoding(accepted, ['br', 'gzip'])).toBe(coding);
  });

  it('never gets a coding that it refuses or does not name', () => {
    const weight = fc.constantFrom('', ';q=0', ';q=0.3', ';q=1');
    const member = fc.tuple(fc.constantFrom('gzip', 'br', 'zstd', 'identity', '*'), weight);
    fc.assert(
      fc.property(fc.uniqueArray(member, { selector: ([name]) => name }), (members) => {
        const chosen = chooseCoding(members.map((pair) => pair.join('')).join(', '), ['zstd', 'br', 'gzip']);
        if (chosen === undefined) return;
        const given = members.find(([name]) => name === chosen) ?? members.find(([name]) => name === '*');
        expect(given).toBeDefined();
        expect(given?.[1]).not.toBe(';q=0');
      }),
    );
  });
});

describe('compressing any answer', () => {
  it('loses no byte of it, and no field but those of the bytes', () => {
    const fields = fc.array(
      fc.tuple(
        fc.constantFrom('x-a', 'etag', 'vary', 'content-length', 'cache-control'),
        fc.constantFrom('"a"', '7000', 'no-store'),
      ),
    );
    return fc.assert(
      fc.asyncProperty(
        fc.string({ minLength: 1_024, maxLength: 2_000 }),
        fields,
        fc.constantFrom('gzip', 'br', 'identity'),
        async (body, pairs, accepted) => {
          const received = response(['content-type', 'text/plain', ...pairs.flat()], { body });
          const answer = await compressed(received, request(['accept-encoding', accepted]));
          expect(await decoded(answer)).toBe(Buffer.from(body).toString());
          expect(answer.headers.getAll('x-a')).toEqual(received.headers.getAll('x-a'));
          expect(new HeaderList(answer.headers.flat()).get('vary')).toContain('accept-encoding');
        },
      ),
    );
  });
});
