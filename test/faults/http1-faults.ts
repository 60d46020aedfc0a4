import { STATUS_CODES } from 'node:http';
import type { Http1Asked, Http1Peer } from '../support/hostile-http1-backend.ts';
import { below, pick } from '../support/seeded-random.ts';
import { contentOf } from './owned-content.ts';

/** What a backend does with a request. Each with a share of chance. */
export type Http1Fault = (peer: Http1Peer, asked: Http1Asked, random: () => number) => void;

/** `/<route>/<token>/<fault>.<fault>`: what is asked of the backend, one fault a try, the last one for all that follow. */
export interface Wish {
  readonly route: string;
  readonly token: string;
  readonly faults: readonly string[];
}

export function targetOf({ route, token, faults }: Wish): string {
  return `/${route}/${token}/${faults.join('.')}`;
}

export function wishOf(target: string): Wish | undefined {
  const [, route, token, faults] = /\/(\w+)\/(\w+)\/([\w.-]+)$/.exec(target) ?? [];
  return route === undefined || token === undefined || faults === undefined
    ? undefined
    : { route, token, faults: faults.split('.') };
}

type Framing = 'chunked' | 'close' | 'length';

interface Written {
  readonly status?: number;
  readonly framing?: Framing;
  readonly fields?: readonly string[];
  readonly length?: number;
}

/** A good answer, as text. */
function answer(
  { method, target }: Http1Asked,
  { status = 200, framing = 'length', fields = [], length = 40 }: Written = {},
): string {
  const token = wishOf(target)?.token ?? 'none';
  const content = contentOf(token, length);
  const framed =
    framing === 'length' ? [`Content-Length: ${content.length}`] : framing === 'chunked' ? ['Transfer-Encoding: chunked'] : [];
  const head = [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`, `X-Token: ${token}`, 'Content-Type: text/plain', ...framed];
  const text = `${[...head, ...fields].join('\r\n')}\r\n\r\n`;
  if (method === 'HEAD') return text;
  return text + (framing === 'chunked' ? chunks(content) : content);
}

function chunks(content: string, trailers = ''): string {
  const middle = Math.ceil(content.length / 3);
  const parts = [content.slice(0, middle), content.slice(middle)];
  return `${parts.map((part) => `${part.length.toString(16)};part="a;b"\r\n${part}\r\n`).join('')}0\r\n${trailers}\r\n`;
}

const whole =
  (act: Http1Fault): Http1Fault =>
  (peer, asked, random) =>
    asked.whenWhole(() => act(peer, asked, random));

const later =
  (act: Http1Fault, withinMs = 60): Http1Fault =>
  (peer, asked, random) =>
    void setTimeout(() => act(peer, asked, random), below(random, withinMs));

const says = (written: Written): Http1Fault => whole((peer, asked) => peer.write(answer(asked, written)));

/** `HEAD` stands for the beginning of a good answer, `TOKEN` for the request's. */
const writes = (text: string): Http1Fault =>
  whole((peer, asked) => {
    const token = wishOf(asked.target)?.token ?? 'none';
    peer.write(text.replace('HEAD', 'HTTP/1.1 200 OK\r\nX-Token: TOKEN').replace('TOKEN', token));
  });

/** Some bytes of a good answer, from none to all but one, and then what is to come of it. */
const cut = (then: (peer: Http1Peer, random: () => number) => void, framings: readonly Framing[]): Http1Fault =>
  whole((peer, asked, random) => {
    const text = answer(asked, { framing: pick(random, framings), length: pick(random, [0, 20, 3_000]) });
    const headLength = text.indexOf('\r\n\r\n') + 4;
    const at = random() < 0.5 ? below(random, headLength) : headLength + below(random, Math.max(1, text.length - headLength));
    const begun = text.slice(0, Math.min(at, text.length - 1));
    if (begun !== '') peer.write(begun);
    if (random() < 0.5) then(peer, random);
    else setTimeout(() => then(peer, random), below(random, 20));
  });

const noise = (random: () => number): string =>
  String.fromCharCode(...Array.from({ length: 1 + below(random, 200) }, () => below(random, 256)));

const drops = (peer: Http1Peer, text: string, size: number): void => {
  let at = 0;
  const timer = setInterval(() => {
    peer.write(text.slice(at, at + size));
    at += size;
    if (at >= text.length || !peer.socket.writable) clearInterval(timer);
  }, 2);
};

/** Asked or not. From then on what is said comes back, and is no request. */
const switches = (then: (peer: Http1Peer, random: () => number) => void): Http1Fault =>
  whole((peer, asked, random) => {
    const token = wishOf(asked.target)?.token ?? 'none';
    peer.write(`HTTP/1.1 101 Switching\r\nX-Token: ${token}\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n`);
    peer.read = (chunk) => peer.write(chunk);
    then(peer, random);
  });

export const http1Faults: Readonly<Record<string, Http1Fault>> = {
  good: says({}),
  'good-chunked': says({ framing: 'chunked' }),
  'good-large': says({ length: 300_000 }),
  'good-large-chunked': says({ length: 300_000, framing: 'chunked' }),
  'good-late': whole(later((peer, asked) => peer.write(answer(asked)))),
  'good-with-trailers': whole((peer, asked) => {
    const text = answer(asked, { framing: 'chunked', fields: ['Trailer: X-Sum'] });
    peer.write(asked.method === 'HEAD' ? text : `${text.slice(0, -2)}X-Sum: 1\r\nContent-Length: 5\r\n\r\n`);
  }),
  'good-until-the-end': whole((peer, asked) => {
    peer.write(answer(asked, { framing: 'close' }));
    peer.socket.end();
  }),
  'good-and-old': whole((peer, asked) => {
    peer.write(answer(asked, { framing: 'close' }).replace('HTTP/1.1', 'HTTP/1.0'));
    peer.socket.end();
  }),
  'good-in-drops': whole((peer, asked, random) =>
    drops(peer, answer(asked, { framing: pick(random, ['length', 'chunked'] as const) }), 15),
  ),
  'good-and-closes': whole((peer, asked) => {
    peer.write(answer(asked, { fields: ['Connection: close'] }));
    peer.socket.end();
  }),
  'good-and-closes-unasked': whole((peer, asked) => {
    peer.write(answer(asked));
    peer.socket.end();
  }),
  'good-and-closes-soon': whole((peer, asked, random) => {
    peer.write(answer(asked));
    setTimeout(() => peer.socket.end(), below(random, 10));
  }),
  'good-and-resets-soon': whole((peer, asked, random) => {
    peer.write(answer(asked));
    setTimeout(() => peer.socket.resetAndDestroy(), 1 + below(random, 10));
  }),
  'good-and-says-close-but-stays': says({ fields: ['Connection: close'] }),
  'good-with-a-short-life': says({ fields: ['Keep-Alive: timeout=1, max=2'] }),
  'good-before-the-content': (peer, asked) => peer.write(answer(asked)),
  'good-before-the-content-and-closes': (peer, asked) => {
    peer.write(answer(asked, { status: 403, fields: ['Connection: close'] }));
    peer.socket.end();
  },
  'good-before-the-content-and-resets': (peer, asked) => {
    peer.write(answer(asked, { status: 403 }));
    setTimeout(() => peer.socket.resetAndDestroy(), 5);
  },
  'good-before-the-content-and-reads-no-more': (peer, asked) => {
    peer.write(answer(asked, { status: 403 }));
    peer.socket.pause();
  },
  'begins-before-the-content': (peer, asked) => {
    const text = answer(asked);
    peer.write(text.slice(0, -10));
    asked.whenWhole(() => peer.write(text.slice(-10)));
  },
  'asks-for-the-content': (peer, asked) => {
    peer.write('HTTP/1.1 100 Continue\r\n\r\n');
    asked.whenWhole(() => peer.write(answer(asked)));
  },
  'asks-for-the-content-twice': (peer, asked) => {
    peer.write('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n');
    asked.whenWhole(() => peer.write(answer(asked)));
  },
  'asks-for-the-content-and-resets': (peer, _asked, random) => {
    peer.write('HTTP/1.1 100 Continue\r\n\r\n');
    setTimeout(() => peer.socket.resetAndDestroy(), below(random, 10));
  },
  'some-informational': whole((peer, asked, random) => {
    const hints = Array.from({ length: 5 }, () => `HTTP/1.1 ${pick(random, [102, 103, 110])} X\r\nLink: </a>\r\n\r\n`);
    drops(peer, hints.join('') + answer(asked), 60);
  }),
  'too-many-informational': whole((peer, asked) => peer.write('HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(100) + answer(asked))),
  'informational-and-reset': whole((peer) => {
    peer.write('HTTP/1.1 103 Early Hints\r\n\r\n');
    setTimeout(() => peer.socket.resetAndDestroy(), 5);
  }),
  'informational-and-silence': writes('HTTP/1.1 103 Early Hints\r\n\r\n'),
  'status-204': writes('HTTP/1.1 204 No Content\r\nX-Token: TOKEN\r\n\r\n'),
  'status-204-with-content': says({ status: 204 }),
  'status-205': says({ status: 205, length: 0 }),
  'status-304': writes('HTTP/1.1 304 Not Modified\r\nX-Token: TOKEN\r\nContent-Length: 100\r\n\r\n'),
  'status-304-chunked': writes('HTTP/1.1 304 Not Modified\r\nX-Token: TOKEN\r\nTransfer-Encoding: chunked\r\n\r\n'),
  'status-500': says({ status: 500 }),
  'status-503': says({ status: 503 }),
  'status-503-large': says({ status: 503, length: 300_000 }),
  'status-503-cut': whole((peer, asked) => {
    peer.write(answer(asked, { status: 503, framing: 'chunked' }).slice(0, -8));
    peer.socket.end();
  }),
  'status-503-stalls': whole((peer, asked) => peer.write(answer(asked, { status: 503 }).slice(0, -5))),
  'status-503-and-waits': says({ status: 503, fields: ['Retry-After: 0'] }),
  resets: whole((peer) => void peer.socket.resetAndDestroy()),
  'resets-at-the-head': (peer) => void peer.socket.resetAndDestroy(),
  'resets-late': later((peer) => void peer.socket.resetAndDestroy()),
  ends: whole((peer) => void peer.socket.end()),
  'ends-late': whole(later((peer) => void peer.socket.end())),
  'is-cut-and-resets': cut((peer) => void peer.socket.resetAndDestroy(), ['chunked', 'length']),
  // at once: an end that is due from the answer before would make it whole
  'is-cut-without-length-and-resets': whole((peer, asked) => {
    peer.write(answer(asked, { framing: 'close', length: 3_000 }).slice(0, -10));
    peer.socket.resetAndDestroy();
  }),
  'is-cut-and-ends': cut((peer) => void peer.socket.end(), ['chunked', 'length']),
  'is-cut-and-stalls': cut(() => undefined, ['chunked', 'length']),
  'is-cut-and-garbled': cut((peer, random) => peer.write(noise(random)), ['chunked']),
  'stalls-in-large': whole((peer, asked) => peer.write(answer(asked, { length: 300_000 }).slice(0, -50_000))),
  'resets-in-large': whole((peer, asked, random) => {
    peer.write(answer(asked, { length: 300_000, framing: 'chunked' }).slice(0, -50_000));
    setTimeout(() => peer.socket.resetAndDestroy(), below(random, 20));
  }),
  garbage: whole((peer, _asked, random) => peer.write(noise(random))),
  'other-protocol': writes('220 mail.example ESMTP\r\n'),
  'more-than-it-said': whole((peer, asked) => peer.write(`${answer(asked)}more`)),
  'two-answers': whole((peer, asked) => peer.write(answer(asked) + answer(asked))),
  'garbage-behind': whole((peer, asked, random) => peer.write(answer(asked, { framing: 'chunked' }) + noise(random))),
  'two-lengths': whole((peer, asked) => peer.write(answer(asked, { fields: ['Content-Length: 3'] }))),
  'both-framings': whole((peer, asked) => peer.write(answer(asked, { fields: ['Transfer-Encoding: chunked'] }))),
  'unknown-coding': writes(`HEAD\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`),
  'bad-chunk': writes(`HEAD\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n`),
  'bad-chunk-end': writes(`HEAD\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n`),
  'huge-chunk': writes(`HEAD\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffff\r\nabc`),
  'huge-head': writes(`HEAD\r\nX-Long: ${'x'.repeat(70_000)}\r\n\r\n`),
  'endless-head': whole((peer) => drops(peer, `HTTP/1.1 200 OK\r\n${'X-A: b\r\n'.repeat(10_000)}`, 2_000)),
  'no-such-status': writes('HTTP/1.1 099 No\r\nContent-Length: 0\r\n\r\n'),
  'great-status': writes('HTTP/1.1 999 No\r\nContent-Length: 0\r\n\r\n'),
  'folded-field': writes(`HEAD\r\nX-A: b\r\n c\r\nContent-Length: 0\r\n\r\n`),
  'bare-line-feeds': writes('HTTP/1.1 200 OK\nContent-Length: 0\n\n'),
  'null-in-field': writes(`HEAD\r\nX-A: \0\r\nContent-Length: 0\r\n\r\n`),
  switches: switches((peer) => peer.write('hello')),
  'switches-and-resets': switches((peer, random) => {
    peer.write('hello');
    setTimeout(() => peer.socket.resetAndDestroy(), below(random, 20));
  }),
  'switches-and-ends': switches((peer) => {
    peer.write('hello');
    peer.socket.end();
  }),
  'switches-to-nothing': switches(() => undefined),
  silence: () => undefined,
  'takes-nothing': (peer) => void peer.socket.pause(),
  'takes-nothing-and-resets': (peer, _asked, random) => {
    peer.socket.pause();
    setTimeout(() => peer.socket.resetAndDestroy(), below(random, 60));
  },
};

/** How a connection begins, where it does not begin well. */
export const http1Beginnings: Readonly<Record<string, (peer: Http1Peer) => void>> = {
  'ends at once': (peer) => void peer.socket.end(),
  'resets at once': (peer) => void peer.socket.resetAndDestroy(),
  'speaks first': (peer) => peer.write('220 mail.example ESMTP\r\n'),
  'takes nothing': (peer) => void peer.socket.pause(),
};
