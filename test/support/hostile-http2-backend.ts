import type { Socket } from 'node:net';
import type { Frame } from './http2-frames.ts';
import { fieldBlock, flag, frame, FrameReader, frameType, settings, settingsAck, uint32 } from './http2-frames.ts';
import { SilentServer } from './silent-server.ts';

/** One connection of a backend that writes its frames by hand. */
export class Http2Peer {
  readonly socket: Socket;
  /** From 1. */
  readonly connection: number;
  /** Whether it gives windows for what it receives. */
  generous = true;
  /** Whether it says that it has heard the settings. */
  acknowledges = true;
  /** Streams whose requests are whole. */
  readonly ended: Set<number> = new Set<number>();
  readonly #whole = new Map<number, () => void>();
  readonly #onStream: (peer: Http2Peer, stream: number) => void;
  readonly #reader = new FrameReader(true);

  constructor(socket: Socket, connection: number, onStream: (peer: Http2Peer, stream: number) => void) {
    this.socket = socket;
    this.connection = connection;
    this.#onStream = onStream;
  }

  read(chunk: Uint8Array): void {
    for (const received of this.#reader.push(chunk)) this.#receive(received);
  }

  write(...frames: readonly Uint8Array[]): void {
    if (this.socket.writable) this.socket.write(Buffer.concat(frames));
  }

  head(stream: number, status: number | string, fields: readonly (readonly [string, string])[] = [], flags = 0): Buffer {
    return frame(frameType.headers, flag.endHeaders | flags, stream, fieldBlock([':status', String(status)], ...fields));
  }

  data(stream: number, text: string, flags = 0): Buffer {
    return frame(frameType.data, flags, stream, Buffer.from(text));
  }

  reset(stream: number, code: number): Buffer {
    return frame(frameType.rstStream, 0, stream, uint32(code));
  }

  goaway(last: number, code: number): Buffer {
    return frame(frameType.goaway, 0, 0, uint32(last, code));
  }

  /** Runs when the request of a stream is whole. */
  whenWhole(stream: number, work: () => void): void {
    if (this.ended.has(stream)) work();
    else this.#whole.set(stream, work);
  }

  #receive({ type, flags, stream, payload }: Frame): void {
    if (type === frameType.settings && (flags & flag.ack) === 0 && this.acknowledges) this.write(settingsAck);
    if (type === frameType.ping && (flags & flag.ack) === 0) this.write(frame(frameType.ping, flag.ack, 0, payload));
    if (type === frameType.data && payload.length > 0 && this.generous) {
      const window = uint32(payload.length);
      this.write(frame(frameType.windowUpdate, 0, 0, window));
      if ((flags & flag.endStream) === 0) this.write(frame(frameType.windowUpdate, 0, stream, window));
    }
    const ends = (type === frameType.data || type === frameType.headers) && (flags & flag.endStream) !== 0;
    if (ends) this.ended.add(stream);
    // a second field section is trailers
    if (type === frameType.headers && !this.#seen.has(stream)) {
      this.#seen.add(stream);
      this.#onStream(this, stream);
    }
    if (ends) {
      this.#whole.get(stream)?.();
      this.#whole.delete(stream);
    }
  }

  readonly #seen = new Set<number>();
}

export interface HostileScript {
  /** Default: SETTINGS. */
  readonly onConnection?: ((peer: Http2Peer) => void) | undefined;
  readonly onStream: (peer: Http2Peer, stream: number) => void;
}

/** A backend that speaks HTTP/2 as its script wants it, in the clear or over TLS. */
export function hostileHttp2Backend(
  { onConnection = greet, onStream }: HostileScript,
  tls?: { readonly cert: string; readonly key: string },
): SilentServer {
  return new SilentServer({
    onConnection: (socket, connection) => {
      const peer = new Http2Peer(socket, connection, onStream);
      socket.on('data', (chunk) => peer.read(chunk));
      onConnection(peer);
    },
    tls: tls && { ...tls, ALPNProtocols: ['h2'] },
  });
}

export function greet(peer: Http2Peer): void {
  peer.write(settings());
}
