import { describe, expect, test } from 'vitest';
import { httpV2Codec } from '../../adapters/aws/http-v2-codec.ts';
import type { LambdaHttpCodec } from '../../adapters/aws/lambda-http-codec.ts';
import { HeaderList } from '../../core/http/header-list.ts';
import type { HeaderFields, HttpRequest } from '../../core/ports/index.ts';
import { readCorpusFile } from '../corpus/format.ts';
import { httpEventCodecCases } from './http-codec.ts';

/** The first case that fails for a codec. */
async function firstFailure(codec: typeof httpV2Codec): Promise<string | undefined> {
  const harness = {
    name: 'planted',
    codec,
    corpus: readCorpusFile(codec.source),
    clientAddress: codec.clientAddress,
    status: ({ statusCode }: { statusCode: number }) => statusCode,
  };
  for (const { title, run } of httpEventCodecCases(harness)) {
    const passed = await run(undefined).then(
      () => true,
      () => false,
    );
    if (!passed) return title;
  }
  return undefined;
}

/** The codec, but its requests are changed on the way. */
function decoding<Event, Result>(
  codec: LambdaHttpCodec<Event, Result>,
  change: (request: HttpRequest, event: Event) => Partial<HttpRequest>,
): LambdaHttpCodec<Event, Result> {
  return {
    ...codec,
    decode: (event) => {
      const request = codec.decode(event);
      const { method, scheme, authority, target, headers, body } = request;
      return { method, scheme, authority, target, headers, body, ...change(request, event) };
    },
  };
}

function withGet(headers: HeaderFields, get: (name: string) => string | undefined): HeaderFields {
  return { get, getAll: (name) => headers.getAll(name), flat: () => headers.flat() };
}

type V2 = typeof httpV2Codec;

const faults: Readonly<Record<string, V2>> = {
  'folds dot segments': decoding(httpV2Codec, ({ target }) => {
    const url = new URL(target, 'http://x');
    return { target: url.pathname + url.search };
  }),
  'hands the decoded path on': decoding(httpV2Codec, (_, event) => ({
    target: event.rawPath + (event.rawQueryString === '' ? '' : `?${event.rawQueryString}`),
  })),
  'writes spaces as plus': decoding(httpV2Codec, ({ target }) => ({ target: target.replaceAll('%20', '+') })),
  'drops the query': decoding(httpV2Codec, ({ target }) => ({ target: target.split('?')[0] ?? '' })),
  'leaves the stage in the path': decoding(httpV2Codec, (_, event) => ({ target: event.rawPath })),
  'trusts X-Forwarded-For': { ...httpV2Codec, clientAddress: (event) => event.headers['x-forwarded-for']?.split(',')[0] },
  'forgets cookies apart': decoding(httpV2Codec, (_, event) => ({
    headers: new HeaderList(Object.entries(event.headers).flatMap(([name, value = '']) => [name, value])),
  })),
  'looks fields up in an object': decoding(httpV2Codec, ({ headers }, event) => ({
    headers: withGet(headers, (name) => event.headers[name] ?? headers.get(name)),
  })),
  'decodes base64 to text': decoding(httpV2Codec, ({ body }) => ({
    body: body instanceof Uint8Array ? Buffer.from(body).toString('utf8') : body,
  })),
  'does not decode base64': decoding(httpV2Codec, (_, event) => ({ body: event.body ?? undefined })),
  'takes absent content for empty': decoding(httpV2Codec, ({ body }) => ({ body: body ?? '' })),
  'changes the case of methods': decoding(httpV2Codec, ({ method }) => ({ method: method.toLowerCase() })),
  'says http': decoding(httpV2Codec, () => ({ scheme: 'http' })),
  'takes the Host field for the authority': decoding(httpV2Codec, ({ headers }) => ({ authority: headers.get('host') ?? '' })),
  'claims every event': { ...httpV2Codec, matches: (event): event is never => event !== null },
  'joins cookies': {
    ...httpV2Codec,
    encode: async (response, event) => {
      const { cookies, ...result } = await httpV2Codec.encode(response, event);
      return cookies === undefined ? result : { ...result, headers: { ...result.headers, 'set-cookie': cookies.join(', ') } };
    },
  },
  'judges text by the content type': {
    ...httpV2Codec,
    encode: async (response, event) => {
      const result = await httpV2Codec.encode(response, event);
      const text = response.headers.get('content-type')?.startsWith('text/') === true;
      return text && result.isBase64Encoded
        ? { ...result, body: Buffer.from(result.body, 'base64').toString('utf8'), isBase64Encoded: false }
        : result;
    },
  },
  'always sends base64': {
    ...httpV2Codec,
    encode: async (response, event) => {
      const result = await httpV2Codec.encode(response, event);
      return result.isBase64Encoded
        ? result
        : { ...result, body: Buffer.from(result.body).toString('base64'), isBase64Encoded: true };
    },
  },
  'keeps the old length': {
    ...httpV2Codec,
    encode: async (response, event) => {
      const result = await httpV2Codec.encode(response, event);
      const length = response.headers.get('content-length');
      return length === undefined ? result : { ...result, headers: { ...result.headers, 'content-length': length } };
    },
  },
  'lets the platform truncate': {
    ...httpV2Codec,
    encode: (response, event) =>
      response.body instanceof Uint8Array
        ? { statusCode: response.status, headers: {}, body: Buffer.from(response.body).toString('base64'), isBase64Encoded: true }
        : httpV2Codec.encode(response, event),
  },
  'sends half of a broken answer': {
    ...httpV2Codec,
    encode: async (response, event) => {
      try {
        return await httpV2Codec.encode(response, event);
      } catch {
        return { statusCode: response.status, headers: {}, body: 'half', isBase64Encoded: false };
      }
    },
  },
};

describe('the codec suite', () => {
  test('passes for the codec as it is', async () => {
    expect(await firstFailure(httpV2Codec)).toBeUndefined();
  });

  test.each(Object.entries(faults))('catches a codec that %s', async (_, codec) => {
    expect(await firstFailure(codec)).toBeDefined();
  });
});
