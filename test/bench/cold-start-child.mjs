/**
 * A fresh process as a platform starts it: loads a bundle, answers one session read, prints when it was ready and when it had answered, in
 * milliseconds since the process began, and which of the bundle's files it had loaded. Plain JavaScript, and Node's modules by
 * `getBuiltinModule`, because type stripping and what an `import` of Node's own modules drags in (all of `fetch` with `node:http`) would be
 * a good part of what is measured.
 *
 * `node cold-start-child.mjs <platform> <bundle> <file with the input as JSON>`
 */
const { readFileSync } = process.getBuiltinModule('node:fs');
const { pathToFileURL } = process.getBuiltinModule('node:url');

const [platform, bundle, inputFile] = process.argv.slice(2);
const { event, path, headers } = JSON.parse(readFileSync(inputFile, 'utf8'));

/** Sends the request to a server in this process, as the platforms' runtimes do. */
function request(port, more) {
  return new Promise((resolve, reject) => {
    const sent = process
      .getBuiltinModule('node:http')
      .request({ host: '127.0.0.1', port, path, headers: { ...headers, ...more }, agent: false }, (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (chunk) => (body += chunk));
        response.on('end', () => resolve({ status: response.statusCode, body }));
      });
    sent.on('error', reject).end();
  });
}

const platforms = {
  aws: {
    prepare() {
      // What Lambda's runtime defines before it loads a function.
      globalThis.awslambda = { streamifyResponse: (handler) => handler, HttpResponseStream: { from: (stream) => stream } };
    },
    async answer({ handler }) {
      const context = { awsRequestId: 'cold-start', getRemainingTimeInMillis: () => 30_000 };
      const { statusCode, body } = await handler(event, context);
      return { status: statusCode, body };
    },
  },

  azure: {
    prepare() {
      class Disposable {}
      this.functions = new Map();
      const core = {
        version: '3.13.0',
        hostVersion: '4.1044.0',
        Disposable,
        setProgrammingModel: (model) => (this.model = model),
        getProgrammingModel: () => this.model,
        registerFunction: (metadata, callback) => this.functions.set(metadata.name, { metadata, callback }) && new Disposable(),
        registerHook: () => new Disposable(),
        log: () => undefined,
      };
      globalThis.functionsCore = core;
      process.getBuiltinModule('node:module').registerHooks({
        resolve: (specifier, context, next) =>
          specifier === '@azure/functions-core'
            ? { url: 'functions-core:module', format: 'commonjs', shortCircuit: true }
            : next(specifier, context),
        load: (url, context, next) =>
          url === 'functions-core:module'
            ? { format: 'commonjs', source: 'module.exports = globalThis.functionsCore;', shortCircuit: true }
            : next(url, context),
      });
    },
    async answer() {
      const { metadata, callback } = this.functions.get('http');
      const { HttpUri } = await this.model.getCapabilities({});
      const invocationId = '3f2c7f3e-6a0e-4c8c-9c0a-0d9a1d0e7d11';
      const forwarded = { 'x-forwarded-host': 'api.example.com', 'x-forwarded-proto': 'https', 'x-ms-invocation-id': invocationId };
      const answered = request(Number(new URL(HttpUri).port), forwarded);
      const [name] = Object.entries(metadata.bindings).find(([, binding]) => binding.type === 'httpTrigger');
      const invocation = this.model.getInvocationModel({
        invocationId,
        metadata,
        request: {
          invocationId,
          retryContext: null,
          triggerMetadata: { Headers: { json: JSON.stringify({ ...headers, ...forwarded }) }, Query: { json: '{}' } },
          inputData: [{ name, data: { json: '{}' } }],
        },
        state: undefined,
        log: () => undefined,
      });
      const { context, inputs } = await invocation.getArguments();
      await invocation.getResponse(context, await invocation.invokeFunction(context, inputs, callback));
      return answered;
    },
  },

  gcp: {
    prepare() {},
    async answer({ portolan }) {
      const server = process.getBuiltinModule('node:http').createServer(portolan);
      await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
      return request(server.address().port);
    },
  },
};

/** The scripts this process has loaded from a file's folder, by the engine's own account. */
function scriptsBeside(file) {
  const folder = new URL('.', pathToFileURL(file)).href;
  const scripts = new Set();
  const session = new (process.getBuiltinModule('node:inspector').Session)();
  session.connect();
  session.on('Debugger.scriptParsed', ({ params: { url } }) => scripts.add(url));
  session.post('Debugger.enable');
  return [...scripts].filter((url) => url.startsWith(folder));
}

const runtime = platforms[platform];
runtime.prepare();
const began = performance.now();
const exported = await import(pathToFileURL(bundle).href);
const ready = performance.now();
const { status, body } = await runtime.answer(exported);
const answered = performance.now();
const { user, system } = process.cpuUsage();
const result = { status, body, began, ready, answered, processor: (user + system) / 1_000, loaded: scriptsBeside(bundle) };
process.stdout.write(`\n${JSON.stringify(result)}\n`, () => process.exit(0));
