/**
 * The side of the Azure Functions worker that `@azure/functions` talks to, in a process of its own: it hands the library the module
 * `@azure/functions-core`, loads the function app, and runs invocations that the host sends (`functions-host.ts`). Written from what the
 * published library asks of it.
 *
 * Started with the folder of the app as its argument.
 */
import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { AppFunction, FromWorker, ToWorker } from './functions-protocol.ts';

/** What a worker asks of the programming model that the library registers. */
interface ProgrammingModel {
  readonly name: string;
  getCapabilities(capabilities: Record<string, string>): Promise<Record<string, string>>;
  getInvocationModel(context: object): InvocationModel;
}

interface InvocationModel {
  getArguments(): Promise<{ context: object; inputs: unknown[] }>;
  invokeFunction(context: object, inputs: unknown[], handler: Callback): Promise<unknown>;
  getResponse(context: object, result: unknown): Promise<object>;
}

type Callback = (...inputs: unknown[]) => unknown;

interface Registered {
  readonly metadata: AppFunction;
  readonly callback: Callback;
}

const registered = new Map<string, Registered>();
let model: ProgrammingModel | undefined;

class Disposable {
  readonly #dispose: () => void;
  constructor(dispose: () => void) {
    this.#dispose = dispose;
  }
  dispose(): void {
    this.#dispose();
  }
}

const send = (message: FromWorker): void => {
  process.send?.(message);
};

/** The module `@azure/functions-core`. */
const core = {
  version: '3.13.0',
  hostVersion: '4.1044.0',
  Disposable,
  setProgrammingModel: (chosen: ProgrammingModel): void => {
    model = chosen;
  },
  getProgrammingModel: (): ProgrammingModel | undefined => model,
  registerFunction: (metadata: AppFunction, callback: Callback): Disposable => {
    registered.set(metadata.name, { metadata, callback });
    return new Disposable(() => registered.delete(metadata.name));
  },
  registerHook: (): Disposable => new Disposable(() => {}),
  log: (level: string, category: string, message: string): void => send({ kind: 'log', level, category, message }),
};

function provideCore(): void {
  const name = '@azure/functions-core';
  const key = Symbol.for(name);
  Reflect.set(globalThis, key, core);
  registerHooks({
    resolve: (specifier, context, next) =>
      specifier === name ? { url: 'functions-core:module', format: 'commonjs', shortCircuit: true } : next(specifier, context),
    load: (url, context, next) =>
      url === 'functions-core:module'
        ? { format: 'commonjs', source: `module.exports = globalThis[Symbol.for('${name}')];`, shortCircuit: true }
        : next(url, context),
  });
}

async function invoke({ invocationId, name, request }: Extract<ToWorker, { kind: 'invoke' }>): Promise<void> {
  try {
    const { metadata, callback } = found(registered.get(name), name);
    const invocation = found(model, 'a programming model').getInvocationModel({
      invocationId,
      metadata,
      request: { invocationId, retryContext: null, ...request },
      state: undefined,
      log: core.log,
    });
    const { context, inputs } = await invocation.getArguments();
    const result = await invocation.invokeFunction(context, inputs, callback);
    await invocation.getResponse(context, result);
    send({ kind: 'done', invocationId });
  } catch (error) {
    send({ kind: 'done', invocationId, failure: error instanceof Error ? `${error.name}: ${error.message}` : String(error) });
  }
}

function found<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`The app registered no ${what}`);
  return value;
}

async function start(folder: string): Promise<void> {
  provideCore();
  const { main } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { main?: string };
  await import(pathToFileURL(join(folder, main ?? 'index.js')).href);
  const capabilities = await found(model, 'function').getCapabilities({});
  process.on('message', (message: ToWorker) => void invoke(message));
  send({ kind: 'ready', capabilities, functions: [...registered.values()].map(({ metadata }) => metadata) });
}

try {
  await start(resolve(process.argv[2] ?? '.'));
} catch (error) {
  send({ kind: 'failed', failure: error instanceof Error ? (error.stack ?? error.message) : String(error) });
}
