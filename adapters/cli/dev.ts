import type { Command } from 'commander';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import type { Configuration } from '../../core/config/configuration.ts';
import { createEgressPolicy } from '../../core/egress/egress-policy.ts';
import { devConfiguration, startLocal } from '../local/start-local.ts';
import type { Local, LocalOptions } from '../local/start-local.ts';
import { batchedStdoutSink } from '../node/console-logger.ts';
import { stopOnSignal } from '../node/stop-on-signal.ts';
import { CommandError } from './command-error.ts';
import { handlersBeside } from './handlers-beside.ts';
import { ownCommand } from './own-command.ts';
import { configurationFile, readConfiguration } from './read-configuration.ts';
import { sampleRoutes, startSampleBackend } from './sample-backend.ts';

interface DevOptions {
  readonly port: string;
  readonly gatewayPort: string;
  readonly host: string;
  readonly data: string;
  readonly config?: string;
  readonly quiet?: boolean;
  readonly drainSeconds: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly http2: boolean;
}

/** `portolan dev`: the control API, the forward gateway and the reverse proxy on this machine. */
export function addDevCommand(program: Command): void {
  program
    .command('dev')
    .description('run Portolan on this machine: sessions with their forward gateway, routes to backends, embedded store')
    .option('--port <port>', 'control API', '8787')
    .option('--gateway-port <port>', 'forward gateway', '8788')
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--data <folder>', 'data folder', '.portolan')
    .option('--config <file>', 'YAML or JSON; default: portolan.yaml if it is there, else both jobs with a sample backend')
    .option('--tls-cert <file>', 'certificate chain (PEM): speak TLS, with --tls-key; default in the clear')
    .option('--tls-key <file>', 'private key of the certificate (PEM)')
    .option('--no-http2', 'HTTP/1.1 alone; default HTTP/2 too, by ALPN or with prior knowledge')
    .option('--quiet', 'no log lines')
    .option('--drain-seconds <n>', 'how long requests under way may go on when it is stopped', '25')
    .action(async (options: DevOptions) => {
      const file = configurationFile(options.config);
      const handlers = file === undefined ? {} : ((await handlersBeside(file)) ?? {});
      const read = file === undefined ? undefined : readConfiguration(file, { hasGateway: true, handlers: Object.keys(handlers) });
      for (const warning of read?.warnings ?? []) process.stderr.write(`warning: ${warning}\n`);
      const tls = readTls(options);
      const backend = read === undefined ? await startSampleBackend() : undefined;
      const configuration = read?.configuration ?? { ...devConfiguration, ...(backend && sampleRoutes(backend)) };
      const local = await start(options, configuration, handlers, tls).catch(async (error: unknown) => {
        // or it would keep the process alive
        await backend?.close();
        throw error;
      });
      process.stdout.write(greeting(local, options, configuration, file));
      stopOnSignal(drainMs(options), async () => {
        process.stdout.write(`\nStopping: what is under way may go on for ${options.drainSeconds} s; once more, and it is cut.\n`);
        await local.close();
        await backend?.close();
      });
    });
}

/** The forward gateway stays in the clear: whoever uses it speaks TLS with origins through it. */
function readTls({ tlsCert, tlsKey }: DevOptions): LocalOptions['tls'] {
  if (tlsCert === undefined && tlsKey === undefined) return undefined;
  if (tlsCert === undefined || tlsKey === undefined) throw new CommandError(2, '--tls-cert and --tls-key go together');
  const tls = { cert: readPem('--tls-cert', tlsCert), key: readPem('--tls-key', tlsKey) };
  try {
    createSecureContext(tls);
  } catch {
    // OpenSSL's own words may quote what it read
    throw new CommandError(2, `${tlsCert} and ${tlsKey} are no certificate with its private key in PEM`);
  }
  return tls;
}

function readPem(option: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new CommandError(2, `${option}: ${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`);
  }
}

async function start(
  options: DevOptions,
  configuration: Configuration,
  handlers: LocalOptions['handlers'],
  tls: LocalOptions['tls'],
): Promise<Local> {
  try {
    return await startLocal({
      configuration,
      dataFolder: options.data,
      host: options.host,
      port: portNumber('--port', options.port),
      gatewayPort: portNumber('--gateway-port', options.gatewayPort),
      logSink: options.quiet === true ? () => undefined : batchedStdoutSink(),
      env: process.env,
      handlers,
      closeTimeoutMs: drainMs(options),
      tls,
      http2: options.http2,
    });
  } catch (error) {
    const sentence = sentenceFor(error as NodeJS.ErrnoException & { readonly port?: number }, options);
    throw sentence === undefined ? error : new CommandError(2, sentence);
  }
}

/** What to change; `undefined` for anything else than an address that cannot be listened on and a folder that cannot be used. */
function sentenceFor(
  { code, syscall, port }: NodeJS.ErrnoException & { readonly port?: number },
  { host, data }: DevOptions,
): string | undefined {
  if (syscall === 'listen' || syscall === 'getaddrinfo') {
    if (code === 'EADDRINUSE')
      return `Port ${port ?? ''} is taken: stop what uses it, or choose others with --port and --gateway-port.`;
    if (code === 'EACCES') return `This user may not listen on port ${port ?? ''}: choose others with --port and --gateway-port.`;
    return `--host ${host} is no address of this machine (${code ?? 'unknown'}).`;
  }
  if (['EACCES', 'EEXIST', 'EISDIR', 'ENOENT', 'ENOTDIR', 'EPERM', 'EROFS'].includes(code ?? ''))
    return `The data folder ${data} cannot be used (${code ?? ''}): choose another with --data.`;
  return undefined;
}

function portNumber(option: string, text: string): number {
  return wholeNumber(option, text, 65_535);
}

function drainMs({ drainSeconds }: DevOptions): number {
  return wholeNumber('--drain-seconds', drainSeconds, 86_400) * 1_000;
}

function wholeNumber(option: string, text: string, max: number): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || number > max) throw new CommandError(2, `${option} must be a whole number from 0 to ${max}`);
  return number;
}

function greeting(local: Local, options: DevOptions, configuration: Configuration, file: string | undefined): string {
  const { host, data } = options;
  const authority = host.includes(':') ? `[${host}]` : host;
  const api = `${options.tlsCert === undefined ? 'http' : 'https'}://${authority}:${local.port}`;
  const trusting = (line: string): string =>
    options.tlsCert === undefined ? line : line.replaceAll('curl ', `curl --cacert ${options.tlsCert} `);
  const missing = local.unreadableSecrets.map(({ name, error }) => {
    const variable = `PORTOLAN_SECRET_${name.toUpperCase().replaceAll('-', '_')}`;
    return `  secret ${name}: ${error.reason ?? error.code}; set ${variable}, or write ${join(data, 'secrets', name)}`;
  });
  const { routes = [], auth } = configuration;
  const places = [
    auth === undefined ? undefined : `  control API      ${api}  (OpenAPI: ${api}/v1/openapi.json)`,
    local.gatewayPort === undefined ? undefined : `  forward gateway  http://${authority}:${local.gatewayPort}`,
    routes.length === 0 ? undefined : `  reverse proxy    ${api}  (${routes.length} ${routes.length === 1 ? 'route' : 'routes'})`,
    `  data             ${data}`,
    local.pushedVersion === undefined
      ? undefined
      : `  routes           version ${local.pushedVersion}, which was pushed, not those of the file; "config rollback --to 0" leads back`,
    `  configuration    ${file ?? 'none: no proxy vendor, loopback origins allowed, a sample backend'}`,
  ];
  return [
    '',
    missing.length === 0 ? 'Portolan is running.' : `Portolan is running, but not ready:\n\n${missing.join('\n')}`,
    '',
    ...places.filter((line) => line !== undefined),
    '',
    ...(auth === undefined ? [] : [...keyLines(local, options), '']),
    'Try it in another terminal:',
    '',
    ...(local.gatewayPort === undefined ? [] : sessionLines(local, configuration, api, authority)).map(trusting),
    ...(routes.length === 0 ? [] : routeLines(file, api)).map(trusting),
    'Stop with Ctrl-C.',
    '',
  ].join('\n');
}

function keyLines(local: Local, { data }: DevOptions): readonly string[] {
  if (local.firstKey !== undefined)
    return ['Your API key, shown this once and stored hashed:', '', `  export PORTOLAN_API_KEY=${local.firstKey}`];
  return [
    'Use the API key you have, or make one:',
    '',
    `  ${ownCommand()} keys create --data ${data}`,
    '',
    '  export PORTOLAN_API_KEY=ptl_...',
  ];
}

function sessionLines(local: Local, configuration: Configuration, api: string, authority: string): readonly string[] {
  const reachesItself = createEgressPolicy(configuration.gateway?.egress).decideHost(authority, local.port).allowed;
  return [
    '  # create a sticky session and take its proxy URL',
    `  proxyUrl=$(curl -s -X POST ${api}/v1/sessions -H "Authorization: Bearer $PORTOLAN_API_KEY" -H 'Content-Type: application/json' \\`,
    `    -d '{"sessionId":"first","ttlSeconds":600}' | sed -n 's/.*"proxyUrl":"\\([^"]*\\)".*/\\1/p'); echo "$proxyUrl"`,
    ...(reachesItself
      ? [
          '  # use it, here for a page of Portolan itself; any https:// address works as well',
          `  curl -x "$proxyUrl" --noproxy '' ${api}/healthz`,
        ]
      : ['  # use it', '  curl -x "$proxyUrl" https://example.com/']),
    '  # end it: the proxy URL is refused from now on',
    `  curl -X DELETE ${api}/v1/sessions/first -H "Authorization: Bearer $PORTOLAN_API_KEY"`,
    '',
  ];
}

function routeLines(file: string | undefined, api: string): readonly string[] {
  if (file === undefined) {
    return [
      '  # ask the sample backend through the reverse proxy: it tells what reached it',
      `  curl ${api}/sample/hello?name=world`,
      '',
    ];
  }
  return ['  # which route would serve a request, and why', `  ${ownCommand()} routes explain "GET ${api}/" --config ${file}`, ''];
}
