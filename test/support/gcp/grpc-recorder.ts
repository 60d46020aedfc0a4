import { once } from 'node:events';
import { connect, constants, createServer } from 'node:http2';
import type { ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';

/** One call: its path, `/package.Service/Method`, and the request's messages as they were sent. */
export interface RecordedCall {
  readonly path: string;
  readonly messages: readonly Buffer[];
}

/** Stands before a gRPC service, passes everything on, trailers too, and keeps what was called. */
export interface GrpcRecorder {
  /** `host:port`. */
  readonly address: string;
  readonly calls: readonly RecordedCall[];
  stop(): void;
}

/** @param target `host:port` of a service without TLS */
export async function startGrpcRecorder(target: string): Promise<GrpcRecorder> {
  const calls: RecordedCall[] = [];
  const sessions = new Set<ServerHttp2Session>();
  const upstream = connect(`http://${target}`);
  // A call that breaks is told by its own stream.
  upstream.on('error', () => undefined);
  const server = createServer();
  server.on('session', (session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
  });
  server.on('stream', (stream, { ':authority': _, ...headers }) => {
    const sent: Buffer[] = [];
    const forwarded = upstream.request(headers);
    stream.on('data', (chunk: Buffer) => sent.push(chunk));
    stream.once('end', () => calls.push({ path: String(headers[':path']), messages: messagesOf(Buffer.concat(sent)) }));
    stream.pipe(forwarded);
    forwarded.on('response', (answer, flags) => {
      // An answer of trailers only has no more to come.
      if ((flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0) {
        stream.respond(answer, { endStream: true });
        return;
      }
      stream.respond(answer, { waitForTrailers: true });
      let trailers = {};
      forwarded.on('trailers', (fields) => (trailers = fields));
      stream.on('wantTrailers', () => stream.sendTrailers(trailers));
      forwarded.pipe(stream);
    });
    const end = (): void => stream.close(constants.NGHTTP2_CANCEL);
    forwarded.on('error', end);
    stream.on('error', () => forwarded.close(constants.NGHTTP2_CANCEL));
    stream.on('aborted', () => forwarded.close(constants.NGHTTP2_CANCEL));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    stop() {
      for (const session of sessions) session.destroy();
      server.close();
      upstream.destroy();
    },
  };
}

/** Each message stands behind a flag of one byte and its length in four (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md). */
function messagesOf(body: Buffer): Buffer[] {
  const messages: Buffer[] = [];
  for (let at = 0; at + 5 <= body.length;) {
    const length = body.readUInt32BE(at + 1);
    messages.push(body.subarray(at + 5, at + 5 + length));
    at += 5 + length;
  }
  return messages;
}
