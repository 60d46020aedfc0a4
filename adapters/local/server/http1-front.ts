import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { problemResponse } from '../../../core/http/problem.ts';
import { rejectedResponse } from '../../../core/http/reject.ts';
import { RequestRejected } from '../../../core/ports/index.ts';
import type { Body, HeaderFields, HttpResponse } from '../../../core/ports/index.ts';
import { unlessMoved } from '../../node/unless-moved.ts';
import { closeInStages, closesInStages, endInStages } from './close-in-stages.ts';
import { readHead } from './http-message.ts';
import type { Framing, ReceivedHead } from './http-message.ts';
import { IncomingContent } from './incoming-content.ts';
import { isArriving, owedAnswer } from './owed-answer.ts';
import { rawAnswer, rawInformational } from './raw-answer.ts';
import { writeResponse } from './response-writer.ts';
import { Serving, tooLarge } from './server-exchange.ts';
import type { Received } from './server-exchange.ts';
import { isLast } from './upgrades.ts';
import { giveUpWith } from './waiting-answers.ts';

/** Content up to this is waited for within one turn of the loop: what came with its head is given as bytes. */
const bufferedBodyBytes = 65_536;

const handshakeTimedOut = 'ERR_TLS_HANDSHAKE_TIMEOUT';

/**
 * Answers what Node's HTTP/1.1 server parses. Upgrades are somebody else's: see `Upgrades`.
 *
 * @returns what closes the connections that Node has let go of, and does not close itself
 */
export function serveHttp1(server: Server, serving: Serving, encrypted: boolean): () => void {
  const { sendTimeoutMs } = serving.limits;
  const letGo = new Set<Duplex>();
  const dispatch = (message: IncomingMessage, response: ServerResponse, expectsContinue: boolean): void => {
    if (!message.socket.writable) {
      // behind the last answer of a connection, whose request was still arriving
      message.socket.destroy();
      return;
    }
    new Http1Exchange(serving, message, response, encrypted, expectsContinue).start();
  };
  // Node remembers it from now on: of a connection that is reset nobody could tell any more whose it was
  server.on(encrypted ? 'secureConnection' : 'connection', (socket: Socket) => void socket.remoteAddress);
  server.on('request', (message: IncomingMessage, response: ServerResponse) => {
    dispatch(message, response, false);
  });
  server.on('checkContinue', (message: IncomingMessage, response: ServerResponse) => {
    dispatch(message, response, true);
  });
  server.on('checkExpectation', (message: IncomingMessage, response: ServerResponse) => {
    serving.refused({ status: 417, detail: 'Expectation failed' }, message.socket.remoteAddress, message.method);
    const refusal = problemResponse({ status: 417, type: 'expectation-failed', title: 'Expectation failed' });
    closeInStages(message, response);
    writeResponse(response, refusal, { head: false, close: true, serving });
  });
  server.on('connect', (message: IncomingMessage, socket: Duplex) => {
    serving.refused({ status: 405, detail: 'Method not allowed' }, message.socket.remoteAddress, message.method);
    socket.on('error', () => socket.destroy());
    letGo.add(socket);
    socket.once('close', () => letGo.delete(socket));
    // Node has let go of the connection: the answers before ours can neither be waited for nor overtaken
    if (owedAnswer(socket) !== undefined) socket.destroy();
    else
      endInStages(
        socket,
        rawAnswer(problemResponse({ status: 405, type: 'method-not-allowed', title: 'Method not allowed' }, ['allow', ''])),
        sendTimeoutMs,
      );
  });
  // a client that has kept still, or takes nothing of its answer
  server.on('timeout', (socket: Socket) => {
    unlessMoved(socket, () => socket.destroy());
  });
  const refused = new WeakSet<Duplex>();
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    const isOver = error.code === 'ECONNRESET' || error.code === handshakeTimedOut;
    // said by what follows the error, too: its client has not heard of it yet
    if (!isOver && (refused.has(socket) || closesInStages(socket))) return;
    if (isOver || !socket.writable) {
      // without TLS nothing can be said, and Node leaves the end to us
      socket.destroy();
    } else {
      refused.add(socket);
      refuse(socket, error, serving);
    }
  });
  return () => {
    for (const socket of letGo) socket.destroy();
  };
}

/** Answers what is no request, after the requests before it have been answered. */
function refuse(socket: Duplex, error: NodeJS.ErrnoException, serving: Serving): void {
  if (!socket.writable) return;
  const owed = owedAnswer(socket);
  if (owed !== undefined && !isArriving(owed)) {
    // an earlier request was in order, and may have been carried out: its answer is not this one
    owed.once('close', () => {
      refuse(socket, error, serving);
    });
    return;
  }
  // an answer that has been given whole ends its connection when it has left
  if (owed?.writableEnded === true) return;
  const rejection = rejectionOf(error);
  if (owed?.headersSent === true) {
    socket.destroy();
  } else if (owed?.emit(contentRefused, rejection) !== true) {
    const { remoteAddress, bytesRead } = socket as Duplex & Partial<Pick<Socket, 'bytesRead' | 'remoteAddress'>>;
    // a connection that was opened in advance and never used is no request
    if (bytesRead !== 0) serving.refused(rejection, remoteAddress);
    endInStages(socket, rawAnswer(rejectedResponse(rejection)), serving.limits.sendTimeoutMs);
  }
}

/**
 * An event of the answer to a request whose content is wrong, or late: who reads it answers so, and there is one answer and one line. Nobody listens where nobody
 * has been asked yet. (A map from answers to exchanges cost a third of a request: what is weak is dear to collect.)
 */
const contentRefused = Symbol('contentRefused');

/** One request over HTTP/1.1. */
class Http1Exchange implements Received {
  readonly encrypted: boolean;
  readonly protocolVersion: string;
  readonly canUpgrade: boolean = false;
  body: Body;
  trailers: Received['trailers'];
  readonly #serving: Serving;
  readonly #message: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #expectsContinue: boolean;
  #head: ReceivedHead | undefined;
  #gone: (() => void) | undefined;

  constructor(serving: Serving, message: IncomingMessage, response: ServerResponse, encrypted: boolean, expectsContinue: boolean) {
    this.#serving = serving;
    this.#message = message;
    this.#response = response;
    this.#expectsContinue = expectsContinue;
    this.encrypted = encrypted;
    this.protocolVersion = message.httpVersionMinor === 0 ? '1.0' : '1.1';
  }

  get request(): ReceivedHead['request'] {
    return (this.#head as ReceivedHead).request;
  }

  get peer(): string | undefined {
    return this.#message.socket.remoteAddress;
  }

  get sendInformational(): Received['sendInformational'] {
    return this.#message.httpVersionMinor === 0 ? undefined : this.#sendInformational;
  }

  start(): void {
    const serving = this.#serving;
    const { maxBodyBytes } = serving.limits;
    serving.begin();
    if (this.#response.socket === null) giveUpWith(this.#message.socket, this.#response);
    this.#response.on('close', () => {
      serving.end();
      if (!this.#response.writableFinished) this.#gone?.();
    });
    let head: ReceivedHead;
    try {
      head = readHead(this.#message);
      if (head.framing.kind === 'length' && head.framing.length > maxBodyBytes) throw tooLarge(maxBodyBytes);
    } catch (error) {
      if (!(error instanceof RequestRejected)) throw error;
      serving.refused(error, this.peer, this.#message.method);
      // what follows on this connection cannot be trusted to be a request
      this.#write(rejectedResponse(error), true);
      return;
    }
    this.#head = head;
    const { framing } = head;
    if (framing.kind === 'none') {
      serving.handle(this, this.#answer);
      return;
    }
    const content = new IncomingContent(this.#message, maxBodyBytes, this.#expectsContinue ? this.#response : undefined);
    this.#response.on(contentRefused, (rejection: RequestRejected) => {
      content.body.fail(rejection);
    });
    this.trailers = () => content.body.trailers;
    if (isShort(framing) && !this.#expectsContinue) {
      content.collect((body) => {
        this.body = body;
        serving.handle(this, this.#answer);
      });
      return;
    }
    this.body = content.body;
    serving.handle(this, this.#answer);
  }

  watchClient(gone: () => void): void {
    this.#gone = gone;
    if (this.#response.closed && !this.#response.writableFinished) gone();
  }

  readonly #answer = (response: HttpResponse): void => {
    const unread = this.#head?.framing.kind !== 'none' && !this.#message.complete;
    this.#write(response, this.#serving.leaving || unread || isLast(this.#message));
  };

  #write(response: HttpResponse, close: boolean): void {
    if (close) closeInStages(this.#message, this.#response);
    writeResponse(this.#response, response, { head: this.#message.method === 'HEAD', close, serving: this.#serving });
  }

  /** Not while an earlier request's answer is still being written: a 1xx may be left out, and must not overtake. */
  readonly #sendInformational = (status: number, headers: HeaderFields): void => {
    const { socket, headersSent, destroyed } = this.#response;
    if (socket === null || headersSent || destroyed) return;
    const text = rawInformational(status, headers);
    if (text !== undefined) socket.write(text, 'latin1');
  };
}

function isShort(framing: Framing): boolean {
  return framing.kind === 'length' && framing.length <= bufferedBodyBytes;
}

interface ParseError extends NodeJS.ErrnoException {
  readonly rawPacket?: Buffer;
  /** Where in it the error is. */
  readonly bytesParsed?: number;
}

const requestLine = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+ \S+ HTTP\/1\.\d\r\n/;

/** Node's parser knows a list of methods (`http.METHODS`) and takes no other: those are not implemented here, and nothing else is wrong. */
function rejectionOf({ code, rawPacket, bytesParsed = 0 }: ParseError): RequestRejected {
  if (code === 'HPE_HEADER_OVERFLOW') return new RequestRejected(431, 'The header section is too large');
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return new RequestRejected(408, 'The request did not arrive in time');
  // other requests may stand before it
  const start = rawPacket === undefined ? 0 : rawPacket.lastIndexOf('\n', bytesParsed) + 1;
  if (
    code === 'HPE_INVALID_METHOD' &&
    rawPacket !== undefined &&
    requestLine.test(rawPacket.toString('latin1', start, start + 4_096))
  ) {
    return new RequestRejected(501, 'The method is not implemented');
  }
  return new RequestRejected(400, 'The request is no well-formed HTTP/1.1');
}
