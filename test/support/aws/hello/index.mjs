// A tiny function on our Lambda handlers, for tests of the harness and of the handlers under the real runtime.
import { lambdaHandler, lambdaStreamHandler } from '../../../../adapters/aws/lambda-handler.ts';
import { bodyBytes } from '../../../../core/http/body.ts';
import { HeaderList } from '../../../../core/http/header-list.ts';

async function hello(request, context) {
  const headers = new HeaderList([
    'content-type',
    'application/json',
    'set-cookie',
    'a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT',
    'set-cookie',
    'b=2',
  ]);
  switch (request.target.split('?')[0]) {
    case '/throw':
      throw new RangeError('thrown');
    case '/binary':
      return { status: 200, headers: new HeaderList(['content-type', 'text/html']), body: Uint8Array.of(0, 255, 128) };
    case '/empty':
      return { status: 204, headers: new HeaderList(['x-a', '1']), body: undefined };
    case '/slow':
      return { status: 200, headers: new HeaderList(), body: slow() };
    case '/broken':
      return { status: 200, headers: new HeaderList(), body: broken() };
    default:
      return {
        status: 200,
        headers,
        body: JSON.stringify({
          method: request.method,
          scheme: request.scheme,
          authority: request.authority,
          target: request.target,
          tag: request.headers.getAll('x-tag'),
          cookie: request.headers.get('cookie'),
          body: Buffer.from(await bodyBytes(request.body)).toString('base64'),
          source: context.source,
          requestId: context.requestId,
          clientAddress: context.clientAddress,
          traceId: context.traceId,
          coldStart: context.coldStart,
          remainingMs: context.deadline - Date.now(),
          setting: process.env.SETTING,
        }),
      };
  }
}

async function* slow() {
  for (const chunk of ['one', 'two', 'three']) {
    yield Buffer.from(chunk);
    // Goes on only when told to, through a file the test makes: no sleeping.
    await told(chunk);
  }
}

async function told(chunk) {
  const { existsSync } = await import('node:fs');
  while (!existsSync(`${process.env.SIGNALS}/${chunk}`)) await new Promise((resolve) => setTimeout(resolve, 5));
}

async function* broken() {
  yield Buffer.from('half');
  throw new Error('secret reason');
}

export const handler = lambdaHandler(hello);
export const streamHandler = lambdaStreamHandler(hello);
