import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { Agent, createServer, request as httpRequest } from 'node:http';
import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { AppFunction, Binding, FromWorker, ToWorker, TypedData } from './functions-protocol.ts';

export interface FunctionsHostOptions {
  /** A function app: `host.json`, and a `package.json` whose `main` registers the functions. */
  readonly folder: string;
  /** Added to the environment of the app. */
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * A local host for Azure function apps: the real `@azure/functions` in a process of its own, routes and timers as the app registers them.
 * Only apps with HTTP streams on (`app.setup({ enableHttpStream: true })`), which is how the platform forwards HTTP to ours.
 *
 * A client whose invocation failed without an answer is cut off after a second, and `unanswered` counts it: the platform itself would keep
 * the client waiting.
 */
export interface FunctionsHost {
  /** `http://127.0.0.1:<port>`. */
  readonly url: string;
  readonly functions: readonly AppFunction[];
  /** From the start of the process to the app's registration, in milliseconds. */
  readonly initMs: number;
  /** How many invocations failed and left their client without an end. */
  readonly unanswered: number;
  /** What the app and the library logged, and what the process printed. */
  readonly output: readonly string[];
  /** Fires a timer and waits for its function. @throws {Error} it failed, or there is no such timer */
  fireTimer(name: string): Promise<void>;
  stop(): Promise<void>;
}

/** @throws {Error} the app could not be loaded; the message says why */
export async function startFunctionsHost({ folder, env = {} }: FunctionsHostOptions): Promise<FunctionsHost> {
  const startedAt = performance.now();
  const output: string[] = [];
  const worker = fork(fileURLToPath(import.meta.resolve('./functions-worker.ts')), [folder], {
    execArgv: [],
    env: { ...process.env, NODE_OPTIONS: '', ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  worker.stdout?.on('data', (chunk: Buffer) => output.push(chunk.toString()));
  worker.stderr?.on('data', (chunk: Buffer) => output.push(chunk.toString()));
  const ready = await firstMessage(worker, output);
  const initMs = performance.now() - startedAt;
  const invocations = new Invocations(worker, output);
  const toWorker = { host: '127.0.0.1', port: workerPort(ready.capabilities), agent: new Agent({ keepAlive: true }) };
  let unanswered = 0;
  const server = createServer((request, response) => {
    void serve(request, response, httpFunctions(ready.functions, folder), invocations, toWorker).then((ended) => {
      if (!ended) unanswered++;
    });
  });
  // A client of a slow machine may be slow too.
  server.keepAliveTimeout = 0;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    functions: ready.functions,
    initMs,
    get unanswered() {
      return unanswered;
    },
    output,
    fireTimer: (name) => fireTimer(name, ready.functions, invocations),
    stop: async () => {
      server.closeAllConnections();
      server.close();
      toWorker.agent.destroy();
      if (worker.exitCode === null && worker.kill('SIGKILL')) await once(worker, 'exit');
    },
  };
}

async function firstMessage(worker: ChildProcess, output: readonly string[]): Promise<Extract<FromWorker, { kind: 'ready' }>> {
  const { promise, resolve, reject } = Promise.withResolvers<Extract<FromWorker, { kind: 'ready' }>>();
  const listen = (message: FromWorker): void => {
    if (message.kind === 'ready') resolve(message);
    if (message.kind === 'failed') reject(new Error(`The function app did not load: ${message.failure}`));
  };
  const exited = (): void => reject(new Error(`The function app ended: ${output.join('')}`));
  worker.on('message', listen);
  worker.once('exit', exited);
  try {
    return await promise;
  } catch (error) {
    worker.kill('SIGKILL');
    throw error;
  } finally {
    worker.off('message', listen);
    worker.off('exit', exited);
  }
}

/** Where the library listens for forwarded requests. */
function workerPort(capabilities: Readonly<Record<string, string>>): number {
  const { HttpUri } = capabilities;
  if (HttpUri === undefined) throw new Error('The app does not call app.setup({ enableHttpStream: true })');
  return Number(new URL(HttpUri).port);
}

/** The invocations under way in a worker. */
class Invocations {
  readonly #worker: ChildProcess;
  readonly #pending = new Map<string, (failure: string | undefined) => void>();

  constructor(worker: ChildProcess, output: string[]) {
    this.#worker = worker;
    worker.on('message', (message: FromWorker) => {
      if (message.kind === 'log') output.push(`${message.level} ${message.category} ${message.message}\n`);
      if (message.kind === 'done') this.#settle(message.invocationId, message.failure);
    });
    worker.once('exit', () => {
      for (const invocationId of this.#pending.keys()) this.#settle(invocationId, 'The worker ended');
    });
  }

  /** Resolves with the failure, if there was one. */
  run(name: string, invocationId: string, request: ToWorker['request']): Promise<string | undefined> {
    return new Promise((resolve) => {
      this.#pending.set(invocationId, resolve);
      this.#worker.send({ kind: 'invoke', invocationId, name, request } satisfies ToWorker);
    });
  }

  #settle(invocationId: string, failure: string | undefined): void {
    this.#pending.get(invocationId)?.(failure);
    this.#pending.delete(invocationId);
  }
}

interface HttpFunction {
  readonly name: string;
  readonly bindingName: string;
  readonly methods: ReadonlySet<string>;
  readonly route: RegExp;
}

function httpFunctions(functions: readonly AppFunction[], folder: string): HttpFunction[] {
  const prefix = routePrefix(folder);
  // As ASP.NET Core orders them, as far as it matters here: a catch-all comes last.
  const order = functions.toSorted((a, b) => Number(hasCatchAll(a)) - Number(hasCatchAll(b)));
  return order.flatMap(({ name, bindings }) =>
    bindingsOf(bindings, 'httpTrigger').map(([bindingName, { route = name, methods = ['GET', 'POST'] }]) => ({
      name,
      bindingName,
      methods: new Set(methods.map((method) => method.toUpperCase())),
      route: routePattern([prefix, route].filter((part) => part !== '').join('/')),
    })),
  );
}

function hasCatchAll({ bindings }: AppFunction): boolean {
  return Object.values(bindings).some(({ route = '' }) => route.includes('{*'));
}

function bindingsOf(bindings: AppFunction['bindings'], type: string): [string, Binding][] {
  return Object.entries(bindings).filter(([, binding]) => binding.type === type);
}

/** `api` unless `host.json` says otherwise (https://learn.microsoft.com/azure/azure-functions/functions-host-json#http). */
function routePrefix(folder: string): string {
  const file = join(folder, 'host.json');
  if (!existsSync(file)) return 'api';
  const host = JSON.parse(readFileSync(file, 'utf8')) as { extensions?: { http?: { routePrefix?: string } } };
  return host.extensions?.http?.routePrefix ?? 'api';
}

/** ASP.NET Core's route templates as far as apps use them here: literals, `{id}`, `{id?}`, `{*path}`. */
function routePattern(template: string): RegExp {
  const parts = template.split('/').map((part) => {
    const [, star = '', name, optional] = /^\{(\*{0,2})(\w+)(\?)?\}$/.exec(part) ?? [];
    if (name === undefined) return `/${part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')}`;
    if (star !== '') return `(?:/(?<${name}>.*))?`;
    return optional === undefined ? `/(?<${name}>[^/]+)` : `(?:/(?<${name}>[^/]+))?`;
  });
  return new RegExp(`^${parts.join('')}/?$`, 'is');
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  functions: readonly HttpFunction[],
  invocations: Invocations,
  toWorker: ToLibrary,
): Promise<boolean> {
  const [path = '/'] = (request.url ?? '/').split('?');
  const routed = functions.filter(({ route }) => route.test(path));
  const target = routed.find(({ methods }) => methods.has(request.method ?? ''));
  if (target === undefined) {
    response.writeHead(routed.length === 0 ? 404 : 405).end();
    return true;
  }
  const invocationId = randomUUID();
  const headers = platformHeaders(request);
  const forwarded = forward(request, response, toWorker, { ...headers, 'x-ms-invocation-id': invocationId });
  const params = Object.entries(target.route.exec(path)?.groups ?? {}).flatMap(([name, value]): [string, TypedData][] =>
    value === undefined ? [] : [[name, { string: decodeURIComponent(value) }]],
  );
  const failure = await invocations.run(target.name, invocationId, {
    triggerMetadata: { Headers: { json: JSON.stringify(headers) }, Query: { json: '{}' }, ...Object.fromEntries(params) },
    inputData: [{ name: target.bindingName, data: { json: '{}' } }],
    ...(typeof headers['traceparent'] === 'string' ? { traceContext: { traceParent: headers['traceparent'] } } : {}),
  });
  if (failure === undefined) return true;
  if (!response.closed) await Promise.race([once(response, 'close'), sleep(5_000, undefined, { ref: false })]);
  if (response.closed) return true;
  forwarded.destroy();
  response.destroy();
  return false;
}

/** The fields as the app sees them: repeated ones joined, and what App Service's front end adds. */
function platformHeaders(request: IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, values = []] of Object.entries(request.headersDistinct))
    headers[name] = values.join(name === 'cookie' ? '; ' : ',');
  const { remoteAddress, remotePort } = request.socket;
  headers['x-forwarded-for'] = [headers['x-forwarded-for'], `${remoteAddress}:${remotePort}`].filter(Boolean).join(', ');
  headers['x-forwarded-host'] = headers['host'] ?? '127.0.0.1';
  headers['x-forwarded-proto'] = 'http';
  return headers;
}

const hopByHop: ReadonlySet<string> = new Set(['connection', 'keep-alive', 'transfer-encoding']);

/** Connections to the library's own server, which the platform keeps. */
interface ToLibrary {
  readonly host: string;
  readonly port: number;
  readonly agent: Agent;
}

/** Streams a request to the library's own server and its answer back. */
function forward(
  request: IncomingMessage,
  response: ServerResponse,
  toWorker: ToLibrary,
  headers: Record<string, string>,
): ClientRequest {
  // Framing is kept: node:http would send the content of a DELETE unframed.
  const { connection: _, 'keep-alive': __, ...kept } = headers;
  const forwarded = httpRequest({
    ...toWorker,
    method: request.method,
    path: request.url,
    headers: kept,
  });
  forwarded.on('response', (answer) => {
    const fields = answer.rawHeaders.filter((_, at) => !hopByHop.has((answer.rawHeaders[at - (at % 2)] ?? '').toLowerCase()));
    response.writeHead(answer.statusCode ?? 502, fields).write('', 'latin1');
    // Not `pipeline`: a client that goes away must end the forwarded exchange, and a broken answer the client's.
    answer.pipe(response);
    answer.on('aborted', () => response.destroy());
  });
  forwarded.on('error', () => response.destroy());
  // What the app did not take when it had answered is not in the way of the next request.
  const readAway = (): void => {
    if (!forwarded.writableFinished) forwarded.destroy();
    request.unpipe(forwarded).resume();
  };
  forwarded.on('close', readAway);
  response.on('finish', readAway);
  response.on('close', () => {
    if (!response.writableFinished) forwarded.destroy();
  });
  request.pipe(forwarded);
  return forwarded;
}

async function fireTimer(name: string, functions: readonly AppFunction[], invocations: Invocations): Promise<void> {
  const bindings = functions.find((one) => one.name === name)?.bindings ?? {};
  const [binding] = bindingsOf(bindings, 'timerTrigger');
  if (binding === undefined) throw new Error(`The app registered no timer ${name}`);
  const now = new Date().toISOString();
  const timer = {
    Schedule: { AdjustForDST: true },
    ScheduleStatus: { Last: now, Next: now, LastUpdated: now },
    IsPastDue: false,
  };
  const failure = await invocations.run(name, randomUUID(), {
    triggerMetadata: {},
    inputData: [{ name: binding[0], data: { json: JSON.stringify(timer) } }],
  });
  if (failure !== undefined) throw new Error(failure);
}
