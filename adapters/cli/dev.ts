import type { Command } from 'commander';
import { CertificateError } from '../local/server/certificate-files.ts';
import { devConfiguration, startLocal } from '../local/start-local.ts';
import type { Local, LocalOptions } from '../local/start-local.ts';
import { batchedStdoutSink } from '../node/console-logger.ts';
import { stopOnSignal } from '../node/stop-on-signal.ts';
import { CommandError } from './command-error.ts';
import { greeting } from './greeting.ts';
import { handlersBeside } from './handlers-beside.ts';
import { configurationFile, readConfiguration } from './read-configuration.ts';
import { sampleRoutes, startSampleBackend } from './sample-backend.ts';

interface DevOptions {
  readonly port: string;
  readonly gatewayPort: string;
  readonly host: string;
  readonly data: string;
  readonly config?: string;
  readonly quiet?: boolean;
  readonly drainDelaySeconds: string;
  readonly drainSeconds: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly redirectFromPort?: string;
  readonly redirectToPort?: string;
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
    .option(
      '--tls-cert <file>',
      'certificate chain (PEM): speak TLS, with --tls-key; both are read again when they change; default in the clear',
    )
    .option('--tls-key <file>', 'private key of the certificate (PEM)')
    .option('--redirect-from-port <port>', 'redirect http on this port to https (308), with --tls-cert; default none')
    .option('--redirect-to-port <port>', 'the port clients know for https; default that of --port')
    .option('--no-http2', 'HTTP/1.1 alone; default HTTP/2 too, by ALPN or with prior knowledge')
    .option('--quiet', 'no log lines')
    .option('--drain-delay-seconds <n>', 'when it is stopped, go on for so long while /readyz says 503', '0')
    .option('--drain-seconds <n>', 'how long requests under way may go on after that', '25')
    .action(async (options: DevOptions) => {
      const file = configurationFile(options.config);
      const handlers = file === undefined ? {} : ((await handlersBeside(file)) ?? {});
      const read = file === undefined ? undefined : readConfiguration(file, { hasGateway: true, handlers: Object.keys(handlers) });
      for (const warning of read?.warnings ?? []) process.stderr.write(`warning: ${warning}\n`);
      const wanted = localOptions(options);
      const backend = read === undefined ? await startSampleBackend() : undefined;
      const configuration = read?.configuration ?? { ...devConfiguration, ...(backend && sampleRoutes(backend)) };
      const local = await start({ ...wanted, configuration, handlers }, options).catch(async (error: unknown) => {
        // or it would keep the process alive
        await backend?.close();
        throw error;
      });
      // before it is said to run: a signal may follow at once
      stopOnSignal(wanted.stopDelayMs + wanted.closeTimeoutMs, async () => {
        const delay = wanted.stopDelayMs === 0 ? '' : `serves on for ${options.drainDelaySeconds} s, then `;
        process.stdout.write(
          `\nStopping: ${delay}what is under way may go on for ${options.drainSeconds} s; once more, and it is cut.\n`,
        );
        await local.stop();
        await backend?.close();
      });
      process.stdout.write(greeting(local, options, configuration, file));
    });
}

/** Every option is looked at before anything starts. */
function localOptions(
  options: DevOptions,
): Omit<LocalOptions, 'configuration'> & { readonly stopDelayMs: number; readonly closeTimeoutMs: number } {
  return {
    dataFolder: options.data,
    host: options.host,
    port: portNumber('--port', options.port),
    gatewayPort: portNumber('--gateway-port', options.gatewayPort),
    logSink: options.quiet === true ? () => undefined : batchedStdoutSink(),
    env: process.env,
    stopDelayMs: milliseconds('--drain-delay-seconds', options.drainDelaySeconds),
    closeTimeoutMs: milliseconds('--drain-seconds', options.drainSeconds),
    tls: tlsFiles(options),
    redirect: redirectPorts(options),
    http2: options.http2,
  };
}

/** The forward gateway stays in the clear: whoever uses it speaks TLS with origins through it. */
function tlsFiles({ tlsCert, tlsKey }: DevOptions): LocalOptions['tls'] {
  if (tlsCert === undefined && tlsKey === undefined) return undefined;
  if (tlsCert === undefined || tlsKey === undefined) throw new CommandError(2, '--tls-cert and --tls-key go together');
  return { cert: tlsCert, key: tlsKey };
}

function redirectPorts({ redirectFromPort: from, redirectToPort: to, tlsCert }: DevOptions): LocalOptions['redirect'] {
  if (from === undefined) {
    if (to !== undefined) throw new CommandError(2, '--redirect-to-port goes with --redirect-from-port');
    return undefined;
  }
  if (tlsCert === undefined) throw new CommandError(2, '--redirect-from-port goes with --tls-cert and --tls-key');
  return {
    fromPort: portNumber('--redirect-from-port', from),
    toPort: to === undefined ? undefined : wholeNumber('--redirect-to-port', to, 1, 65_535),
  };
}

async function start(wanted: LocalOptions, options: DevOptions): Promise<Local> {
  try {
    return await startLocal(wanted);
  } catch (error) {
    if (error instanceof CertificateError) throw new CommandError(2, `${error.message}.`);
    const sentence = sentenceFor(error as NodeJS.ErrnoException & { readonly port?: number }, options);
    throw sentence === undefined ? error : new CommandError(2, sentence);
  }
}

/** What to change; `undefined` for anything else than an address that cannot be listened on and a folder that cannot be used. */
function sentenceFor(
  { code, syscall, port }: NodeJS.ErrnoException & { readonly port?: number },
  { host, data, redirectFromPort }: DevOptions,
): string | undefined {
  const ports = ['--port', '--gateway-port', ...(redirectFromPort === undefined ? [] : ['--redirect-from-port'])].join(', ');
  if (syscall === 'listen' || syscall === 'getaddrinfo') {
    if (code === 'EADDRINUSE') return `Port ${port ?? ''} is taken: stop what uses it, or choose others with ${ports}.`;
    if (code === 'EACCES') return `This user may not listen on port ${port ?? ''}: choose others with ${ports}.`;
    return `--host ${host} is no address of this machine (${code ?? 'unknown'}).`;
  }
  if (['EACCES', 'EEXIST', 'EISDIR', 'ENOENT', 'ENOTDIR', 'EPERM', 'EROFS'].includes(code ?? ''))
    return `The data folder ${data} cannot be used (${code ?? ''}): choose another with --data.`;
  return undefined;
}

function portNumber(option: string, text: string): number {
  return wholeNumber(option, text, 0, 65_535);
}

function milliseconds(option: string, seconds: string): number {
  return wholeNumber(option, seconds, 0, 86_400) * 1_000;
}

function wholeNumber(option: string, text: string, min: number, max: number): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || number < min || number > max)
    throw new CommandError(2, `${option} must be a whole number from ${min} to ${max}`);
  return number;
}
