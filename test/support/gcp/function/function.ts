/** A function that tells what reached it, for tests of the adapter under the real framework. */
import { cloudFunction } from '../../../../adapters/gcp/cloud-function.ts';
import type { CloudFunction } from '../../../../adapters/gcp/cloud-function.ts';
import { receiveAsSent } from '../../../../adapters/gcp/receive-as-sent.ts';
import { readBody } from '../../../../core/http/body.ts';
import { HeaderList } from '../../../../core/http/header-list.ts';
import type { HttpHandler } from '../../../../core/ports/index.ts';

if (process.env['RECEIVE'] === 'as-sent') receiveAsSent();

const events: string[] = [];
const utf8 = new TextEncoder();

const handler: HttpHandler = async (request, context) => {
  const [path] = request.target.split('?');
  switch (path) {
    case '/events':
      return { status: 200, headers: new HeaderList(), body: events.join(' ') };
    case '/chunks':
      return { status: 200, headers: HeaderList.of(['content-type', 'text/plain']), body: untilGone(context.signal) };
    case '/broken':
      return { status: 200, headers: HeaderList.of(['content-type', 'text/plain']), body: broken() };
    case '/endless':
      return { status: 200, headers: new HeaderList(), body: endless() };
    case '/later':
      context.waitUntil(work('later'));
      return { status: 200, headers: new HeaderList(), body: 'answer' };
    case '/later-stream':
      context.waitUntil(work('later-stream'));
      return {
        status: 200,
        headers: new HeaderList(),
        body: (async function* () {
          yield utf8.encode('answer');
        })(),
      };
    case '/fields-that-cannot-be':
      return { status: 200, headers: HeaderList.of(['x', 'a\nb']), body: 'x' };
    case '/throws':
      throw new Error('a secret');
    case '/upload':
      return { status: 200, headers: new HeaderList(), body: upload(request.body as AsyncIterable<Uint8Array>) };
    case '/peeks':
      return { status: 200, headers: new HeaderList(), body: `${await firstLength(request.body as AsyncIterable<Uint8Array>)}` };
    case '/refuses':
      return { status: 413, headers: new HeaderList(), body: 'no' };
    default: {
      const { method, scheme, authority, target, headers, body } = request;
      const { source, requestId, clientAddress, deadline, traceId, coldStart } = context;
      const content = body === undefined ? null : Buffer.from(await readBody(body, 50_000_000)).toString('base64');
      const kind =
        body === undefined ? 'none' : body instanceof Uint8Array ? 'bytes' : typeof body === 'string' ? 'text' : 'stream';
      return {
        status: 200,
        headers: HeaderList.of(['content-type', 'application/json'], ['set-cookie', 'a=1; Path=/'], ['set-cookie', 'b=2']),
        body: JSON.stringify({
          method,
          scheme,
          authority,
          target,
          headers: headers.flat(),
          content,
          kind,
          context: { source, requestId, clientAddress, remainingMs: deadline - Date.now(), traceId, coldStart },
        }),
      };
    }
  }
};

async function* untilGone(signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  signal?.addEventListener('abort', () => events.push('aborted'));
  try {
    yield utf8.encode('first ');
    // The test asks for the next one.
    await new Promise<void>((resolve) => next.push(resolve));
    yield utf8.encode('second');
  } finally {
    events.push('closed');
  }
}

const next: (() => void)[] = [];

async function* broken(): AsyncGenerator<Uint8Array> {
  yield utf8.encode('half of ');
  await new Promise((resolve) => setImmediate(resolve));
  throw new Error('a secret');
}

async function* endless(): AsyncGenerator<Uint8Array> {
  const chunk = new Uint8Array(65_536);
  for (let sent = 1; ; sent++) {
    events[0] = `sent:${sent}`;
    yield chunk;
  }
}

async function* upload(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of body) yield utf8.encode(`${chunk.length} `);
}

/** Of the first chunk; reads no further. */
async function firstLength(body: AsyncIterable<Uint8Array>): Promise<number> {
  for await (const chunk of body) return chunk.length;
  return 0;
}

async function work(name: string): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  events.push(name);
}

export const portolan: CloudFunction = cloudFunction((request, context) => {
  if (request.target === '/next') {
    next.shift()?.();
    return { status: 204, headers: new HeaderList(), body: undefined };
  }
  return handler(request, context);
});
