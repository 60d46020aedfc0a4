import { describe, expect, it, onTestFinished } from 'vitest';
import { HeaderList } from '../../core/http/header-list.ts';
import type { Body, HttpHandler } from '../../core/ports/index.ts';
import { fronts, streamingFronts } from '../support/fronts.ts';
import { MemoryLogger } from '../support/memory-logger.ts';

/** Node writes a head as UTF-8 when text goes with it, or nothing yet; fields may hold any byte (RFC 9110 section 5.5). */
const contents: Readonly<Record<string, () => Body>> = {
  'no content': () => undefined,
  text: () => 'caf\xe9',
  'long text': () => 'caf\xe9'.repeat(100_000),
  bytes: () => Buffer.from('caf\xe9'),
  'a stream': async function* () {
    await new Promise((resolve) => setImmediate(resolve));
    yield Buffer.from('caf\xe9');
  },
};

describe.each(Object.entries({ ...fronts, ...streamingFronts }))('by way of %s', (_, open) => {
  it.each(Object.entries(contents))('the bytes of a field come as they are beside %s', async (_content, body) => {
    const handler: HttpHandler = () => ({ status: 200, headers: new HeaderList(['x-latin', 'caf\xe9 \xff']), body: body() });
    const front = await open(handler, new MemoryLogger());
    onTestFinished(() => front.close());
    const { status, headers } = await front.ask('/');
    expect([status, headers[headers.indexOf('x-latin') + 1]]).toEqual([200, 'caf\xe9 \xff']);
  });
});
