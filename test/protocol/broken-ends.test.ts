import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { requestText, responseText } from '../probe/arena.ts';
import { Origin } from '../probe/origin.ts';
import type { OriginScript } from '../probe/origin.ts';
import { readResponses } from '../probe/wire.ts';
import { clientPreface, flag, frame, frameType, settings, uint32 } from '../support/http2-frames.ts';
import { startStack } from './stack.ts';
import type { Stack, StackOptions } from './stack.ts';

/** Exchanges over HTTP/1.1 that do not end as they should: the client sees that they have not, the log says so once, and nothing stays. */

interface Scene {
  readonly stack: Stack;
  readonly origin: Origin;
}

async function scene(script: OriginScript, options: StackOptions = {}): Promise<Scene> {
  const origin = new Origin(script);
  const stack = await startStack(`http://127.0.0.1:${await origin.listen()}`, options);
  onTestFinished(() => origin.close());
  return { stack, origin };
}

class Client {
  readonly socket: Socket;
  text = '';
  ended: 'fin' | 'open' | 'reset' = 'open';

  constructor({ stack }: Scene) {
    this.socket = connect({ port: stack.port, host: '127.0.0.1', allowHalfOpen: true });
    this.socket.setEncoding('latin1');
    this.socket.on('data', (chunk: string) => (this.text += chunk));
    this.socket.on('end', () => (this.ended = 'fin'));
    this.socket.on('error', () => (this.ended = 'reset'));
    onTestFinished(() => void this.socket.destroy());
  }

  /** How the connection ended. */
  async end(): Promise<'fin' | 'open' | 'reset'> {
    await vi.waitUntil(() => this.ended !== 'open', generous);
    return this.ended;
  }
}

const generous = { timeout: 20_000 };
/** Patience beyond any test's: who waits for it does not end. */
const patient = { closeTimeoutMs: 600_000 };

const statusesIn = ({ stack }: Scene): readonly unknown[] =>
  stack.gateway.lines().map((line) => [line['http.response.status_code'], line['error.type']]);

describe('Half an answer to HTTP/1.0, which has no chunks, is no orderly end of the connection', () => {
  const half = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n';
  const old = 'GET /half HTTP/1.0\r\nHost: a\r\n\r\n';

  it('when the backend breaks it off', async () => {
    const here = await scene({
      onRequest: (_seen, socket) => {
        socket.write(half);
        setTimeout(() => socket.destroy(), 20);
      },
    });
    const client = new Client(here);
    client.socket.write(old);
    expect(await client.end()).toBe('reset');
    expect(client.text).toMatch(/\r\n\r\nhalf$/);
    expect(statusesIn(here)).toEqual([[200, 'http_response_incomplete']]);
  });

  it('when the client has ended its side', async () => {
    const here = await scene({ onRequest: (_seen, socket) => void socket.write(half) });
    const client = new Client(here);
    client.socket.write(old);
    await expect.poll(() => client.text, generous).toContain('half');
    client.socket.end();
    expect(await client.end()).toBe('reset');
    expect(statusesIn(here)).toEqual([[200, 'client_gone']]);
  });

  it('when the client takes nothing for as long as may be', async () => {
    const here = await scene(
      {
        onRequest: (_seen, socket) =>
          void socket.write(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1f00000\r\n${'x'.repeat(0x1f00000)}`),
      },
      { server: { limits: { sendTimeoutMs: 200 } } },
    );
    const client = new Client(here);
    client.socket.pause();
    client.socket.write(old);
    await expect.poll(() => statusesIn(here), generous).toEqual([[200, 'client_gone']]);
    client.socket.resume();
    expect(await client.end()).toBe('reset');
  });

  it('when the server stops and waits no longer', async () => {
    const here = await scene(
      { onRequest: (_seen, socket) => void socket.write(half) },
      { server: { limits: { closeTimeoutMs: 50 } } },
    );
    const client = new Client(here);
    client.socket.write(old);
    await expect.poll(() => client.text, generous).toContain('half');
    await here.stack.close();
    expect(await client.end()).toBe('reset');
  });

  it('and a whole one is', async () => {
    const here = await scene({ onRequest: (_seen, socket) => void socket.write(`${half}0\r\n\r\n`) });
    const client = new Client(here);
    client.socket.write(old);
    expect(await client.end()).toBe('fin');
    expect(client.text).toMatch(/\r\n\r\nhalf$/);
  });
});

describe('Behind a request that is not answered yet', () => {
  it('an answer that breaks off before its turn ends the connection when it comes, and nothing of it is told', async () => {
    let release: (() => void) | undefined;
    const here = await scene({
      onRequest: ({ target }, socket) => {
        if (target === '/first') release = () => void socket.write(responseText(200, [], 'first'));
        else {
          socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n');
          setTimeout(() => socket.destroy(), 20);
        }
      },
    });
    const client = new Client(here);
    const keep = ['Connection: keep-alive'];
    client.socket.write(requestText('GET /first', keep) + requestText('GET /second', keep));
    await expect.poll(() => statusesIn(here), generous).toEqual([[200, 'http_response_incomplete']]);
    release?.();
    await client.end();
    expect(client.text).toMatch(/\r\n\r\nfirst$/);
  });

  it('CONNECT gives up all answers that wait, and the server stops without patience', async () => {
    const here = await scene({ onRequest: () => undefined }, { server: { limits: patient } });
    const client = new Client(here);
    const keep = ['Connection: keep-alive'];
    client.socket.write(requestText('GET /first', keep) + requestText('GET /second', keep));
    await here.origin.until(() => here.origin.requests.length === 2);
    client.socket.write('CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n');
    await client.end();
    await expect.poll(() => here.origin.sockets.every(({ destroyed }) => destroyed), generous).toBe(true);
    expect(statusesIn(here)).toEqual([
      [405, 'http_request_error'],
      [499, 'client_gone'],
      [499, 'client_gone'],
    ]);
    await here.stack.close();
  });
});

describe('A connection that Node has let go of', () => {
  it('ends after the refusal of CONNECT, whether or not its client ends it', async () => {
    const here = await scene({}, { server: { limits: patient } });
    const client = new Client(here);
    client.socket.write('CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n');
    expect(await client.end()).toBe('fin');
    expect(client.text).toContain(' 405 ');
    await here.stack.close();
  });

  const bytes = 40_000_000;
  const large: OriginScript = {
    onRequest: (_seen, socket) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${bytes}\r\n\r\n`);
      socket.write(Buffer.alloc(bytes, 'x'));
    },
  };
  const wish = 'GET /large HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n';

  it('still takes all of the answer that refuses another protocol', async () => {
    const here = await scene(large);
    const client = new Client(here);
    client.socket.pause();
    client.socket.write(wish);
    // until nobody on the way has room
    await expect
      .poll(() => here.stack.gateway.lines().length + (here.origin.sockets[0]?.writableLength ?? 0), generous)
      .toBeGreaterThan(0);
    let waiting = 0;
    for (let same = 0; same < 5;) {
      await new Promise((later) => setImmediate(later));
      const now = here.origin.sockets[0]?.writableLength ?? 0;
      same = now === waiting ? same + 1 : 0;
      waiting = now;
    }
    client.socket.resume();
    expect(await client.end()).toBe('fin');
    expect(client.text.length - client.text.indexOf('\r\n\r\n') - 4).toBe(bytes);
    expect(statusesIn(here)).toEqual([[200, undefined]]);
  });

  it('ends when its client takes nothing of the answer that refuses another protocol, and frees its backend', async () => {
    const here = await scene(large, { server: { limits: { ...patient, sendTimeoutMs: 200 } } });
    const client = new Client(here);
    client.socket.pause();
    client.socket.write(wish);
    await expect.poll(() => statusesIn(here), generous).toEqual([[200, 'client_gone']]);
    await expect.poll(() => here.origin.sockets.every(({ destroyed }) => destroyed), generous).toBe(true);
    await here.stack.close();
  });

  it('ends when its client ends it within an answer that refuses another protocol', async () => {
    const here = await scene({
      onRequest: (_seen, socket) => void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf'),
    });
    const client = new Client(here);
    client.socket.write(wish);
    await expect.poll(() => client.text, generous).toContain('half');
    client.socket.end();
    await client.end();
    expect(statusesIn(here)).toEqual([[200, 'client_gone']]);
  });
});

// The session lets go of its socket between its time-out and the look after it: what threw there threw at nobody.
describe('An idle HTTP/2 connection whose client leaves while the process stands still', () => {
  it.each([
    ['with a GOAWAY', frame(frameType.goaway, 0, 0, uint32(0, 0))],
    ['without a word', Buffer.alloc(0)],
  ])('%s, ends by itself', async (_how, lastWords) => {
    const idleMs = 200;
    const here = await scene({}, { server: { limits: { ...patient, keepAliveTimeoutMs: idleMs } } });
    const uncaught = vi.fn();
    process.on('uncaughtExceptionMonitor', uncaught);
    onTestFinished(() => void process.off('uncaughtExceptionMonitor', uncaught));
    const client = new Client(here);
    client.socket.write(Buffer.concat([clientPreface, settings(), frame(frameType.settings, flag.ack, 0)]));
    await expect.poll(() => client.text.length, generous).toBeGreaterThan(0);
    // behind this turn's look at the sockets, so that the time-out comes before the next one
    await new Promise((later) => setImmediate(later));
    client.socket.write(lastWords);
    // which the system tells the server at once
    client.socket.destroy();
    const until = performance.now() + 2 * idleMs;
    while (performance.now() < until);
    await new Promise((later) => setImmediate(() => setImmediate(later)));
    await here.stack.close();
    expect(uncaught).not.toHaveBeenCalled();
  });
});

describe('An HTTP/2 connection', () => {
  const begun = Buffer.concat([clientPreface, settings(), frame(frameType.settings, flag.ack, 0)]);
  /** Whether the server has let go of it: what its client still says is answered with a reset. */
  const letGo = (client: Client) => (): boolean => {
    client.socket.write('x');
    return client.ended === 'reset';
  };

  it.each([
    ['that has been idle', Buffer.alloc(0)],
    ['whose client takes its leave', frame(frameType.goaway, 0, 0, uint32(0, 0))],
  ])('%s ends, though its client never ends its side', async (_which, lastWords) => {
    const here = await scene({}, { server: { limits: { ...patient, keepAliveTimeoutMs: 200 } } });
    const client = new Client(here);
    client.socket.write(Buffer.concat([begun, lastWords]));
    expect(await client.end()).toBe('fin');
    await expect.poll(letGo(client), generous).toBe(true);
    await here.stack.close();
  });

  it('ends when it is idle, though it was not when its time first seemed over', async () => {
    const idleMs = 200;
    const here = await scene({}, { server: { limits: { ...patient, keepAliveTimeoutMs: idleMs } } });
    const client = new Client(here);
    client.socket.write(begun);
    await expect.poll(() => client.text.length, generous).toBeGreaterThan(0);
    await new Promise((later) => setImmediate(later));
    client.socket.write(frame(frameType.ping, 0, 0, uint32(1, 2)));
    for (const until = performance.now() + 2 * idleMs; performance.now() < until;);
    expect(await client.end()).toBe('fin');
    client.socket.end();
    await here.stack.close();
  });
});

describe('A request that is refused while it is under way', () => {
  it.each([
    ['for content that is no chunk', 400, 'zz\r\n', undefined],
    ['for content that its client ends', 400, '', 'end'],
    ['for content that does not come in time', 408, '', undefined],
  ] as const)('%s has one answer and one line: %i', async (_why, status, more, then) => {
    const short = { requestTimeoutMs: 500, headersTimeoutMs: 500 };
    const here = await scene({}, { server: { limits: status === 408 ? short : {} } });
    const client = new Client(here);
    client.socket.write('POST /own HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n');
    await here.origin.until(() => here.origin.heads.length === 1);
    client.socket.write(more);
    if (then === 'end') client.socket.end();
    await client.end();
    expect(client.text.match(/HTTP\/1\.1 \d+/g)).toEqual([`HTTP/1.1 ${status}`]);
    expect(client.text).toMatch(/"status":\d+,[^{}]*}$/);
    expect(here.stack.gateway.lines()).toMatchObject([
      { 'url.path': '/own', 'http.response.status_code': status, 'error.type': 'http_request_error' },
    ]);
    expect(here.origin.requests).toHaveLength(0);
  });

  it('is told with the client, though that has reset its connection', async () => {
    const here = await scene({ onRequest: () => undefined });
    const client = new Client(here);
    await once(client.socket, 'connect');
    // long enough for the server to accept it, not to read from it
    await new Promise((later) => setImmediate(later));
    client.socket.write(requestText('GET /gone', ['Connection: keep-alive']), () => client.socket.resetAndDestroy());
    await expect.poll(() => here.stack.gateway.lines(), generous).toHaveLength(1);
    expect(here.stack.gateway.lines()[0]).toMatchObject({ 'client.address': '127.0.0.1', 'error.type': 'client_gone' });
  });
});

describe('An answer to a request that is still arriving', () => {
  const length = 30_000_000;

  it.each([
    ['is the refusal of a route', 413, { route: { maxRequestBytes: 1_000 } }],
    ['is the refusal of the server', 413, { server: { limits: { maxBodyBytes: 1_000 } } }],
    ['is the backend’s', 403, { route: { maxRequestBytes: 2 * length }, server: { limits: { maxBodyBytes: 2 * length } } }],
  ] as const)('%s, and reaches a client that reads nothing before it has written all of it', async (_whose, status, options) => {
    const early: OriginScript = { onHead: (_seen, socket) => socket.write(responseText(403, [], 'no')) };
    const here = await scene(early, options);
    const client = new Client(here);
    client.socket.pause();
    client.socket.write(`POST /large HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n`);
    await expect.poll(() => statusesIn(here).length, generous).toBe(1);
    client.socket.write(Buffer.alloc(length), () => client.socket.resume());
    expect(await client.end()).toBe('fin');
    expect(client.text).toContain(`HTTP/1.1 ${status} `);
    await here.stack.close();
  });

  it.each([
    ['has content that is no chunk', 400, 'POST /own HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n'],
    ['has a method that nobody knows', 501, `FOO /own HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n`],
    ['has a header section that is too large', 431, `POST /own HTTP/1.1\r\nHost: a\r\nX-Large: ${'x'.repeat(20_000)}`],
    ['expects what nobody does', 417, `POST /own HTTP/1.1\r\nHost: a\r\nExpect: magic\r\nContent-Length: ${length}\r\n\r\n`],
    ['asks for a tunnel', 405, 'CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n'],
  ] as const)('is its refusal, where it %s: it reaches such a client, too', async (_why, status, head) => {
    const here = await scene({});
    const client = new Client(here);
    client.socket.pause();
    client.socket.write(head);
    await expect.poll(() => statusesIn(here).length, generous).toBe(1);
    client.socket.write(Buffer.alloc(length), () => client.socket.resume());
    expect(await client.end()).toBe('fin');
    expect(client.text).toContain(`HTTP/1.1 ${status} `);
    await here.stack.close();
  });

  it('is the last on its connection: what follows the rest of it is not carried out', async () => {
    const here = await scene({ onHead: (_seen, socket) => socket.write(responseText(403, [], 'no')) });
    const client = new Client(here);
    client.socket.write('POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n');
    expect(await client.end()).toBe('fin');
    client.socket.end(`12345${requestText('GET /next')}`);
    await new Promise((resolve) => client.socket.once('close', resolve));
    await here.stack.close();
    expect(here.origin.heads.map(({ target }) => target)).toEqual(['/early']);
    expect(statusesIn(here)).toEqual([[403, undefined]]);
  });
});

describe('A client that waits to be asked for its content', () => {
  const expects = (path: string): string => `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n`;

  /** A backend that asks for content, and holds the answer to `/first` back until it is released. */
  const behindAnother = async (): Promise<Scene & { release: (() => void) | undefined }> => {
    let release: (() => void) | undefined;
    const here = await scene({
      onHead: ({ target }, socket) => {
        if (target !== '/first') socket.write('HTTP/1.1 100 Continue\r\n\r\n');
      },
      onRequest: ({ target }, socket) => {
        const answer = (): void => void socket.write(responseText(200, [], `own ${target}`));
        if (target === '/first') release = answer;
        else answer();
      },
    });
    return {
      ...here,
      get release() {
        return release;
      },
    };
  };

  it('is not asked when the backend does not want it', async () => {
    const here = await scene(
      { onHead: (_seen, socket) => socket.write(responseText(403, [], 'no')) },
      // content that may be sent twice is not touched anyway
      { upstream: { retry: { retries: 0 } } },
    );
    const client = new Client(here);
    client.socket.write(expects('/refused'));
    await client.end();
    expect(client.text).toMatch(/^HTTP\/1\.1 403 /);
  });

  it('is not told so within the answer, when it has not waited and an earlier answer has', async () => {
    const here = await behindAnother();
    const client = new Client(here);
    client.socket.write(`${requestText('GET /first', ['Connection: keep-alive'])}${expects('/second')}12345`);
    await expect.poll(() => statusesIn(here), generous).toHaveLength(1);
    here.release?.();
    await expect.poll(() => client.text, generous).toContain('own /second');
    expect(readResponses(client.text, 'GET', true).map(({ status, body, rest }) => [status, body, rest === ''])).toEqual([
      [200, 'own /first', false],
      [200, 'own /second', true],
    ]);
  });

  it('is asked when its turn comes', async () => {
    const here = await behindAnother();
    const client = new Client(here);
    client.socket.write(`${requestText('GET /first', ['Connection: keep-alive'])}${expects('/second')}`);
    await here.origin.until(() => here.origin.heads.length === 2 && here.release !== undefined);
    here.release?.();
    await expect.poll(() => client.text, generous).toMatch(/own \/firstHTTP\/1\.1 100 Continue\r\n\r\n$/);
    client.socket.write('12345');
    await expect.poll(() => client.text, generous).toMatch(/own \/second$/);
  });
});
