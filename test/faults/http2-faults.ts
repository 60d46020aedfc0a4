import { fieldBlock, flag, frame, frameType, settings, uint32 } from '../support/http2-frames.ts';
import type { Http2Peer } from '../support/hostile-http2-backend.ts';
import { below, pick } from '../support/seeded-random.ts';
import { contentOf as ownedContent } from './owned-content.ts';

/** What a backend does instead of answering a stream, or beside it. Each with a share of chance. */
export type Http2Fault = (peer: Http2Peer, stream: number, random: () => number) => void;

const { endStream } = flag;
const { data, headers, pushPromise, ping, goaway: goawayType, windowUpdate, continuation } = frameType;

/** No two answers have the same. */
function contentOf(peer: Http2Peer, stream: number, length = 0): string {
  return ownedContent(`${peer.connection}.${stream}`, length);
}

/** An error code that exists (RFC 9113 section 7), or one that does not. */
const codeOf = (random: () => number): number =>
  pick(random, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0xffff, 0xffffffff]);

const good: Http2Fault = (peer, stream, random) => {
  const content = contentOf(peer, stream, below(random, 2_000));
  peer.write(peer.head(stream, 200), peer.data(stream, content, endStream));
};

const part = (peer: Http2Peer, stream: number): Buffer =>
  Buffer.concat([peer.head(stream, 200), peer.data(stream, contentOf(peer, stream).slice(0, -2))]);

const later =
  (fault: Http2Fault): Http2Fault =>
  (peer, stream, random) => {
    setTimeout(() => fault(peer, stream, random), below(random, 20));
  };

/** After nothing, a head, or a part. */
const begun = (peer: Http2Peer, stream: number, random: () => number): void => {
  const so = below(random, 3);
  if (so === 1) peer.write(peer.head(stream, 200));
  else if (so === 2) peer.write(part(peer, stream));
};

export const streamFaults: Readonly<Record<string, Http2Fault>> = {
  good,
  'good, late': later(good),
  'good, when the request is whole': (peer, stream, random) => peer.whenWhole(stream, () => good(peer, stream, random)),
  'good, with trailers': (peer, stream) => {
    const content = contentOf(peer, stream, 100);
    peer.write(
      peer.head(stream, 200),
      peer.data(stream, content),
      frame(headers, flag.endHeaders | endStream, stream, fieldBlock(['x-sum', '1'])),
    );
  },
  'good, large': (peer, stream) => {
    const content = contentOf(peer, stream, 60_000);
    peer.write(peer.head(stream, 200));
    for (let at = 0; at < content.length; at += 8_192) peer.write(peer.data(stream, content.slice(at, at + 8_192)));
    peer.write(peer.data(stream, '', endStream));
  },
  'good, in drops': (peer, stream) => {
    const content = contentOf(peer, stream, 20);
    peer.write(peer.head(stream, 200));
    let at = 0;
    const timer = setInterval(() => {
      const next = content.slice(at, at + 8);
      at += 8;
      peer.write(peer.data(stream, next, at >= content.length ? endStream : 0));
      if (at >= content.length) clearInterval(timer);
    }, 3);
  },
  'good, and then the reset of what it does not want to read': (peer, stream, random) => {
    good(peer, stream, random);
    peer.write(peer.reset(stream, 0));
  },
  'a reset': (peer, stream, random) => {
    begun(peer, stream, random);
    peer.write(peer.reset(stream, codeOf(random)));
  },
  'a reset without an error': (peer, stream, random) => {
    begun(peer, stream, random);
    peer.write(peer.reset(stream, 0));
  },
  'a reset, late': later((peer, stream, random) => {
    begun(peer, stream, random);
    peer.write(peer.reset(stream, codeOf(random)));
  }),
  'two resets': (peer, stream) => peer.write(peer.reset(stream, 2), peer.reset(stream, 0)),
  'GOAWAY, and an answer': (peer, stream, random) => {
    peer.write(peer.goaway(stream + 2 * below(random, 3), 0));
    good(peer, stream, random);
  },
  'GOAWAY before the stream': (peer, stream, random) => {
    begun(peer, stream, random);
    peer.write(peer.goaway(Math.max(0, stream - 2 * (1 + below(random, 3))), 0));
  },
  'GOAWAY with an error': (peer, stream, random) => {
    begun(peer, stream, random);
    peer.write(peer.goaway(stream, 1 + below(random, 13)));
  },
  'GOAWAY and the end of the connection': (peer, stream, random) => {
    begun(peer, stream, random);
    peer.write(peer.goaway(pick(random, [0, stream, 0x7fffffff]), 0));
    peer.socket.end();
  },
  'GOAWAY and silence': (peer, stream, random) => {
    begun(peer, stream, random);
    peer.write(peer.goaway(stream, 0));
  },
  'a storm of SETTINGS': (peer, stream, random) => {
    peer.write(...Array.from({ length: 200 }, () => settings([3, 1 + below(random, 50)])));
    good(peer, stream, random);
  },
  'SETTINGS that may not be': (peer, _stream, random) => {
    peer.write(
      pick(random, [
        settings([4, 0xffffffff]),
        settings([5, 1]),
        settings([2, 2]),
        frame(frameType.settings, 0, 0, Buffer.alloc(5)),
      ]),
    );
  },
  'no window, ever': (peer, stream) => {
    peer.generous = false;
    peer.write(settings([4, 0]));
    peer.whenWhole(stream, () => peer.write(peer.reset(stream, 0)));
  },
  'no window, and an answer': (peer, stream, random) => {
    peer.generous = false;
    good(peer, stream, random);
  },
  'no window, and a reset without an error': (peer, stream) => {
    peer.generous = false;
    setTimeout(() => peer.write(peer.reset(stream, 0)), 10);
  },
  'WINDOW_UPDATE of nothing': (peer, stream, random) => {
    begun(peer, stream, random);
    peer.write(frame(windowUpdate, 0, pick(random, [0, stream]), uint32(0)));
  },
  'WINDOW_UPDATE beyond the greatest': (peer, stream, random) => {
    begun(peer, stream, random);
    const update = frame(windowUpdate, 0, pick(random, [0, stream]), uint32(0x7fffffff));
    peer.write(update, update);
  },
  'a frame cut short': (peer, stream, random) => {
    begun(peer, stream, random);
    peer.write(frame(data, 0, stream, Buffer.alloc(100)).subarray(0, below(random, 100)));
    const so = below(random, 3);
    if (so === 1) peer.socket.end();
    else if (so === 2) peer.socket.resetAndDestroy();
  },
  'a storm of PING': (peer, stream, random) => {
    peer.write(...Array.from({ length: 500 }, () => frame(ping, 0, 0, Buffer.alloc(8))));
    good(peer, stream, random);
  },
  'DATA before HEADERS': (peer, stream) => peer.write(peer.data(stream, contentOf(peer, stream), endStream)),
  'DATA after the end': (peer, stream, random) => {
    good(peer, stream, random);
    peer.write(peer.data(stream, 'more', endStream));
  },
  'DATA on no stream': (peer, stream, random) => peer.write(peer.data(pick(random, [0, stream + 100]), 'more')),
  'HEADERS twice': (peer, stream, random) => {
    peer.write(peer.head(stream, 200));
    good(peer, stream, random);
  },
  'HEADERS without a status': (peer, stream) =>
    peer.write(frame(headers, flag.endHeaders | endStream, stream, fieldBlock(['x-a', '1']))),
  'a status that is none': (peer, stream, random) => {
    peer.write(peer.head(stream, pick(random, ['0', '20', '099', '600', '999', '2000', 'abc', '-1']), [], endStream));
  },
  'a field block that is none': (peer, stream) => peer.write(frame(headers, flag.endHeaders, stream, Buffer.alloc(20, 0xff))),
  'some 1xx': (peer, stream, random) => {
    peer.write(...Array.from({ length: 10 }, () => peer.head(stream, pick(random, [100, 102, 103]))));
    good(peer, stream, random);
  },
  'a storm of 1xx': (peer, stream, random) => {
    peer.write(...Array.from({ length: 200 }, () => peer.head(stream, pick(random, [100, 103]))));
    good(peer, stream, random);
  },
  'a 1xx that ends': (peer, stream, random) => peer.write(peer.head(stream, pick(random, [100, 101, 103]), [], endStream)),
  'a 1xx after the answer has begun': (peer, stream) => peer.write(part(peer, stream), peer.head(stream, 103)),
  '1xx and a reset': (peer, stream, random) => peer.write(peer.head(stream, 103), peer.reset(stream, codeOf(random))),
  'CONTINUATION without end': (peer, stream) => {
    peer.write(frame(headers, 0, stream, fieldBlock([':status', '200'])));
    for (let at = 0; at < 50; at++) peer.write(frame(continuation, 0, stream, fieldBlock([`x-${at}`, 'y'.repeat(100)])));
  },
  'CONTINUATION of nothing': (peer, stream) => peer.write(frame(continuation, flag.endHeaders, stream, fieldBlock(['x-a', '1']))),
  'something else within a field section': (peer, stream, random) => {
    peer.write(frame(headers, 0, stream, fieldBlock([':status', '200'])));
    good(peer, stream, random);
  },
  PUSH_PROMISE: (peer, stream, random) => {
    const promised = fieldBlock([':method', 'GET'], [':scheme', 'http'], [':authority', 'a'], [':path', '/']);
    peer.write(frame(pushPromise, flag.endHeaders, stream, Buffer.concat([uint32(2), promised])));
    good(peer, stream, random);
  },
  'the end of its side': (peer, stream, random) => {
    begun(peer, stream, random);
    peer.socket.end();
  },
  'the end of its side, late': later((peer, stream, random) => {
    begun(peer, stream, random);
    peer.socket.end();
  }),
  'the end of the connection': later((peer, stream, random) => {
    begun(peer, stream, random);
    peer.socket.destroy();
  }),
  'a reset connection': later((peer, stream, random) => {
    begun(peer, stream, random);
    peer.socket.resetAndDestroy();
  }),
  silence: (peer, stream, random) => begun(peer, stream, random),
  'a silent connection': (peer, stream, random) => {
    begun(peer, stream, random);
    peer.socket.pause();
  },
  'more content than it said': (peer, stream) =>
    peer.write(peer.head(stream, 200, [['content-length', '3']]), peer.data(stream, 'much', endStream)),
  'less content than it said': (peer, stream) =>
    peer.write(peer.head(stream, 200, [['content-length', '9']]), peer.data(stream, 'few', endStream)),
  'no content, and no end': (peer, stream, random) => peer.write(peer.head(stream, pick(random, [204, 304]))),
  'content where there is none': (peer, stream) => peer.write(peer.head(stream, 204), peer.data(stream, 'some', endStream)),
  noise: (peer, stream, random) => {
    begun(peer, stream, random);
    peer.write(Buffer.from(Array.from({ length: 1 + below(random, 200) }, () => below(random, 256))));
  },
  'frames that nobody knows': (peer, stream, random) => {
    peer.write(
      frame(0xf0, 0xff, stream, Buffer.alloc(10)),
      frame(0xb, 0, 0),
      frame(goawayType, 0, stream, uint32(0, 0)).subarray(0, 0),
    );
    good(peer, stream, random);
  },
};

/** How a connection begins. */
export const connectionFaults: Readonly<Record<string, (peer: Http2Peer, random: () => number) => void>> = {
  good: (peer) => peer.write(settings()),
  'few streams': (peer, random) => peer.write(settings([3, 1 + below(random, 4)])),
  'small windows': (peer, random) => peer.write(settings([4, below(random, 200)])),
  'no streams': (peer) => peer.write(settings([3, 0])),
  silence: () => undefined,
  'SETTINGS, and none acknowledged': (peer) => {
    peer.acknowledges = false;
    peer.write(settings());
  },
  late: (peer, random) => void setTimeout(() => peer.write(settings()), below(random, 30)),
  'GOAWAY at once': (peer) => peer.write(settings(), peer.goaway(0, 0)),
  'GOAWAY first': (peer) => peer.write(peer.goaway(0, 0)),
  'an error at once': (peer) => peer.write(settings(), peer.goaway(0, 11)),
  'the end at once': (peer) => void peer.socket.end(),
  'SETTINGS and the end': (peer) => {
    peer.write(settings());
    peer.socket.end();
  },
  'a reset at once': (peer) => void peer.socket.resetAndDestroy(),
  'HTTP/1.1': (peer) => peer.write(Buffer.from('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n')),
};
