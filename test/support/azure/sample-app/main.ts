/** A function app for the tests of the host and of the HTTP trigger: core's handler is an echo with a few tricks. */
import { app } from '@azure/functions';
import { registerHttp } from '../../../../adapters/azure/register-http.ts';
import { readBody } from '../../../../core/http/body.ts';
import { HeaderList } from '../../../../core/http/header-list.ts';
import type { HttpHandler } from '../../../../core/ports/index.ts';

const pieces = ['one ', 'two ', 'three'].map((text) => ({ text, taken: Promise.withResolvers<void>() }));
let taken = 0;

/** After each piece waits until somebody says that it has come. Once. */
async function* piecesByTurns(): AsyncIterable<Uint8Array> {
  for (const piece of pieces) {
    yield Buffer.from(piece.text);
    await piece.taken.promise;
  }
}

const headSeen = Promise.withResolvers<void>();

async function* piecesOnceTold(): AsyncIterable<Uint8Array> {
  await headSeen.promise;
  yield Buffer.from('content');
}

async function* broken(): AsyncIterable<Uint8Array> {
  yield Buffer.from('half');
  await new Promise((resolve) => setTimeout(resolve, 20));
  throw new Error('upstream broke off');
}

let endlessBytes = 0;
let endlessAborted = false;

/** Content without end, made as fast as it is taken. */
async function* endless(signal: AbortSignal | undefined): AsyncIterable<Uint8Array> {
  signal?.addEventListener('abort', () => {
    endlessAborted = true;
  });
  const chunk = Buffer.alloc(65_536);
  for (;;) {
    endlessBytes += chunk.length;
    yield chunk;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const json = (value: unknown): { status: number; headers: HeaderList; body: string } => ({
  status: 200,
  headers: new HeaderList(['content-type', 'application/json']),
  body: JSON.stringify(value),
});

const handler: HttpHandler = async (request, context) => {
  const path = request.target.split('?')[0];
  if (path === '/throws') throw new Error('secret message');
  if (path === '/status') return { status: 999, headers: new HeaderList(), body: undefined };
  if (path === '/field') return { status: 200, headers: new HeaderList(['x-bad', 'line\nend']), body: undefined };
  if (path === '/stream') return { status: 200, headers: new HeaderList(['content-type', 'text/plain']), body: piecesByTurns() };
  if (path === '/head-seen') {
    headSeen.resolve();
    return json(true);
  }
  if (path === '/stream-taken') {
    pieces[taken++]?.taken.resolve();
    return json(taken);
  }
  if (path === '/broken') return { status: 200, headers: new HeaderList(), body: broken() };
  if (path === '/endless') return { status: 200, headers: new HeaderList(), body: endless(context.signal) };
  if (path === '/endless-end') return json({ produced: endlessBytes, aborted: endlessAborted });
  if (path === '/head-first') return { status: 200, headers: new HeaderList(['x-a', 'caf\xe9']), body: piecesOnceTold() };
  if (path === '/empty') return { status: 204, headers: new HeaderList(), body: undefined };
  if (path === '/cookies') {
    const cookies = request.headers.get('x-set-cookie')?.split('|') ?? [];
    return { status: 200, headers: new HeaderList(cookies.flatMap((cookie) => ['set-cookie', cookie])), body: 'cookies' };
  }
  if (path === '/bytes') {
    return { status: 200, headers: new HeaderList(['x-kind', 'bytes']), body: await readBody(request.body, 10_000_000) };
  }
  const { method, scheme, authority, target, headers } = request;
  const body = Buffer.from(await readBody(request.body, 10_000_000)).toString();
  const { source, requestId, clientAddress, coldStart, deadline, traceId } = context;
  const facts = { source, requestId, clientAddress, coldStart, traceId, remainingMs: deadline - Date.now() };
  return json({ method, scheme, authority, target, headers: headers.flat(), body, context: facts });
};

registerHttp(app, handler);

// What the platform does with a function that throws, for comparison.
app.http('bare', {
  methods: ['GET'],
  authLevel: 'anonymous',
  route: 'bare/throws',
  handler: () => {
    throw new Error('nobody answers');
  },
});

app.timer('ticks', {
  schedule: '0 * * * * *',
  handler: (timer, context) => {
    context.log(`tick, past due: ${timer.isPastDue}`);
  },
});

app.timer('fails', {
  schedule: '0 * * * * *',
  handler: () => {
    throw new Error('the timer failed');
  },
});
