import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RouteConfiguration } from '../../core/proxy/configuration.ts';
import { Origin } from './origin.ts';
import type { OriginScript } from './origin.ts';
import { readResponses, valueOf, valuesOf } from './wire.ts';
import type { Message } from './wire.ts';

/** A proxy under test, in front of `127.0.0.1:originPort`. */
export type StartFront = (
  originPort: number,
  routes: readonly RouteConfiguration[] | undefined,
) => Promise<{ readonly port: number; close(): Promise<void> }>;

/** One thing an intermediary must do. `run` throws when it does not. */
export interface Check {
  readonly id: string;
  readonly title: string;
  readonly origin?: OriginScript;
  /** Default: everything goes to the upstream `origin`. `hurried` is the same with short time-outs. A front that has no routes ignores them. */
  readonly routes?: readonly RouteConfiguration[];
  readonly run: (arena: Arena) => Promise<void>;
}

export interface Answer extends Message {
  readonly status: number;
  field(name: string): string | undefined;
  all(name: string): readonly string[];
}

/** How long anything may take before it counts as hanging, in milliseconds: a slow machine may stand still for seconds. */
const defaultPatienceMs = 20_000;

/** The place of one check: a front of its own, an origin of its own. */
export class Arena {
  readonly origin: Origin;
  readonly port: number;
  readonly #connections: Connection[] = [];
  readonly #patienceMs: number;

  constructor(origin: Origin, port: number, patienceMs: number = defaultPatienceMs) {
    this.origin = origin;
    this.port = port;
    this.#patienceMs = patienceMs;
  }

  /** Waits until something has happened at the origin. Fails when it does not in time. */
  soon(what: string, condition: () => boolean): Promise<void> {
    return within(this.#patienceMs, what, () => this.origin.until(condition));
  }

  open(): Connection {
    const connection = new Connection(this.port, this.#patienceMs);
    this.#connections.push(connection);
    return connection;
  }

  /** Sends bytes on a connection of their own and answers what came until it closed. */
  async raw(text: string): Promise<string> {
    const connection = this.open();
    connection.write(text);
    await connection.closed();
    return connection.text;
  }

  /** Sends one request and answers the final response. The connection is closed afterwards. */
  readonly ask = async (start: string, fields: readonly string[] = [], body = ''): Promise<Answer> => {
    const connection = this.open();
    connection.write(requestText(start, fields, body));
    return connection.answer(start.split(' ')[0] ?? 'GET');
  };

  async close(): Promise<void> {
    for (const connection of this.#connections) connection.destroy();
    await this.origin.close();
  }
}

/** A client's connection. */
export class Connection {
  text = '';
  readonly #socket: Socket;
  #isClosed = false;
  readonly #patienceMs: number;
  #waiting: (() => void)[] = [];

  constructor(port: number, patienceMs: number = defaultPatienceMs) {
    this.#patienceMs = patienceMs;
    this.#socket = connect(port, '127.0.0.1');
    this.#socket.setEncoding('latin1');
    this.#socket.setNoDelay(true);
    this.#socket.on('data', (chunk: string) => {
      this.text += chunk;
      this.#changed();
    });
    this.#socket.on('error', () => undefined);
    this.#socket.on('close', () => {
      this.#isClosed = true;
      this.#changed();
    });
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  write(text: string): void {
    this.#socket.write(text, 'latin1');
  }

  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Waits until the condition holds. Fails when it does not in time, or the connection closes before. */
  async until(condition: (text: string) => boolean, what: string): Promise<string> {
    await within(this.#patienceMs, what, async () => {
      while (!condition(this.text)) {
        if (this.#isClosed) throw new Error(`closed before ${what}: ${JSON.stringify(this.text.slice(0, 300))}`);
        await this.#next();
      }
    });
    return this.text;
  }

  async closed(): Promise<void> {
    await within(this.#patienceMs, 'the end of the connection', async () => {
      while (!this.#isClosed) await this.#next();
    });
  }

  /** The first final response that has not been taken yet, whole or as far as it got when the connection closed. */
  async answer(method = 'GET'): Promise<Answer> {
    let found: ReturnType<typeof readResponses>[number] | undefined;
    await within(this.#patienceMs, 'an answer', async () => {
      for (;;) {
        found = readResponses(this.text, method, this.#isClosed).find(({ status }) => status >= 200 || status === 101);
        if (found?.complete === true && (this.#isClosed || isFramed(found, method))) break;
        if (this.#isClosed) break;
        await this.#next();
      }
    });
    if (found === undefined) throw new Error(`no answer: ${JSON.stringify(this.text.slice(0, 300))}`);
    const { fields, rest } = found;
    this.text = rest;
    return { ...found, field: (name) => valueOf(fields, name), all: (name) => valuesOf(fields, name) };
  }

  async #next(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  #changed(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}

function isFramed({ status, fields }: { readonly status: number } & Message, method: string): boolean {
  return (
    method === 'HEAD' ||
    status === 204 ||
    status === 304 ||
    status === 101 ||
    valueOf(fields, 'content-length') !== undefined ||
    valueOf(fields, 'transfer-encoding') !== undefined
  );
}

/** A request as text, with a Host unless there is one, closing the connection unless told otherwise. */
export function requestText(start: string, fields: readonly string[] = [], body = ''): string {
  const has = (name: string): boolean => fields.some((line) => line.toLowerCase().startsWith(`${name}:`));
  const lines = [
    `${start} HTTP/1.1`,
    ...(has('host') ? [] : ['Host: api.example.com']),
    ...fields,
    ...(has('connection') ? [] : ['Connection: close']),
    ...(body === '' || has('content-length') || has('transfer-encoding') ? [] : [`Content-Length: ${body.length}`]),
  ];
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}

/** A response as text. */
export function responseText(status: number | string, fields: readonly string[] = [], body: string | undefined = 'ok'): string {
  const framed = fields.some((line) => /^(?:content-length|transfer-encoding):/i.test(line));
  return `HTTP/1.1 ${status}${typeof status === 'number' ? ' Reason' : ''}\r\n${[
    ...fields,
    ...(framed || body === undefined ? [] : [`Content-Length: ${body.length}`]),
  ]
    .map((line) => `${line}\r\n`)
    .join('')}\r\n${body ?? ''}`;
}

/** An origin that answers every request the same. */
export function answering(status: number | string = 200, fields: readonly string[] = [], body?: string): OriginScript {
  return { onRequest: (_seen, socket) => socket.write(responseText(status, fields, body), 'latin1') };
}

/** Fails when `work` takes longer. */
export async function within<Value>(milliseconds: number, what: string, work: () => Promise<Value>): Promise<Value> {
  const timer = new AbortController();
  const late = sleep(milliseconds, undefined, { signal: timer.signal }).then(() => {
    throw new Error(`no ${what} within ${milliseconds} ms`);
  });
  late.catch(() => undefined);
  try {
    return await Promise.race([work(), late]);
  } finally {
    timer.abort();
  }
}

/** Runs one check. Throws what it throws. */
export async function runCheck(check: Check, startFront: StartFront, patienceMs: number = defaultPatienceMs): Promise<void> {
  const origin = new Origin(check.origin ?? answering());
  const front = await startFront(await origin.listen(), check.routes);
  const arena = new Arena(origin, front.port, patienceMs);
  try {
    await within(2 * patienceMs, `end of ${check.id}`, () => check.run(arena));
  } finally {
    await arena.close();
    await front.close();
  }
}
