import type { Command } from 'commander';
import { join } from 'node:path';
import type { Configuration } from '../../core/config/configuration.ts';
import { createEgressPolicy } from '../../core/egress/egress-policy.ts';
import { devConfiguration, startLocal } from '../local/start-local.ts';
import type { Local } from '../local/start-local.ts';
import { stdoutSink } from '../node/console-logger.ts';
import { CommandError } from './command-error.ts';
import { ownCommand } from './own-command.ts';
import { configurationFile, readConfiguration } from './read-configuration.ts';

interface DevOptions {
  readonly port: string;
  readonly gatewayPort: string;
  readonly host: string;
  readonly data: string;
  readonly config?: string;
  readonly quiet?: boolean;
}

/** `portolan dev`: the control API and the forward gateway on this machine. */
export function addDevCommand(program: Command): void {
  program
    .command('dev')
    .description('run Portolan on this machine: control API, forward gateway, embedded store')
    .option('--port <port>', 'control API', '8787')
    .option('--gateway-port <port>', 'forward gateway', '8788')
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--data <folder>', 'data folder', '.portolan')
    .option('--config <file>', 'YAML or JSON; default: portolan.yaml if it is there, else no vendor and loopback origins allowed')
    .option('--quiet', 'no log lines')
    .action(async (options: DevOptions) => {
      const file = configurationFile(options.config);
      const read = file === undefined ? undefined : readConfiguration(file, { hasGateway: true });
      for (const warning of read?.warnings ?? []) process.stderr.write(`warning: ${warning}\n`);
      const configuration = read?.configuration ?? devConfiguration;
      const local = await start(options, configuration);
      process.stdout.write(greeting(local, options, configuration, file));
      for (const signal of ['SIGINT', 'SIGTERM'] as const) {
        process.once(signal, () => {
          process.stdout.write('\nStopping.\n');
          void local.close().then(() => process.exit(0));
        });
      }
    });
}

async function start(options: DevOptions, configuration: Configuration): Promise<Local> {
  try {
    return await startLocal({
      configuration,
      dataFolder: options.data,
      host: options.host,
      port: portNumber('--port', options.port),
      gatewayPort: portNumber('--gateway-port', options.gatewayPort),
      logSink: options.quiet === true ? () => undefined : stdoutSink,
      env: process.env,
    });
  } catch (error) {
    const { code, port } = error as { readonly code?: string; readonly port?: number };
    if (code === 'EADDRINUSE') {
      throw new CommandError(2, `Port ${port ?? ''} is taken: stop what uses it, or choose others with --port and --gateway-port.`);
    }
    if (code === 'EACCES' || code === 'EROFS')
      throw new CommandError(2, `The data folder ${options.data} cannot be written: choose another with --data.`);
    throw error;
  }
}

function portNumber(option: string, text: string): number {
  const port = Number(text);
  if (!(Number.isInteger(port) && port >= 0 && port <= 65_535))
    throw new CommandError(2, `${option} must be a whole number from 0 to 65535`);
  return port;
}

function greeting(local: Local, { host, data }: DevOptions, configuration: Configuration, file: string | undefined): string {
  const authority = host.includes(':') ? `[${host}]` : host;
  const api = `http://${authority}:${local.port}`;
  const missing = local.unreadableSecrets.map(({ name, error }) => {
    const variable = `PORTOLAN_SECRET_${name.toUpperCase().replaceAll('-', '_')}`;
    return `  secret ${name}: ${error.reason ?? error.code}; set ${variable}, or write ${join(data, 'secrets', name)}`;
  });
  const reachesItself = createEgressPolicy(configuration.gateway?.egress).decideHost(authority, local.port).allowed;
  const key =
    local.firstKey === undefined
      ? [
          'Use the API key you have, or make one:',
          '',
          `  ${ownCommand()} keys create --data ${data}`,
          '',
          '  export PORTOLAN_API_KEY=ptl_...',
        ]
      : ['Your API key, shown this once and stored hashed:', '', `  export PORTOLAN_API_KEY=${local.firstKey}`];
  return `
${missing.length === 0 ? 'Portolan is running.' : `Portolan is running, but not ready:\n\n${missing.join('\n')}`}

  control API      ${api}  (OpenAPI: ${api}/v1/openapi.json)
  forward gateway  http://${authority}:${local.gatewayPort}
  data             ${data}
  configuration    ${file ?? 'none: no proxy vendor, loopback origins allowed'}

${key.join('\n')}

Try it in another terminal:

  # create a sticky session and take its proxy URL
  proxyUrl=$(curl -s -X POST ${api}/v1/sessions -H "Authorization: Bearer $PORTOLAN_API_KEY" -H 'Content-Type: application/json' \\
    -d '{"sessionId":"first","ttlSeconds":600}' | sed -n 's/.*"proxyUrl":"\\([^"]*\\)".*/\\1/p'); echo "$proxyUrl"
${
  reachesItself
    ? `  # use it, here for a page of Portolan itself; any https:// address works as well
  curl -x "$proxyUrl" --noproxy '' ${api}/healthz`
    : `  # use it
  curl -x "$proxyUrl" https://example.com/`
}
  # end it: the proxy URL is refused from now on
  curl -X DELETE ${api}/v1/sessions/first -H "Authorization: Bearer $PORTOLAN_API_KEY"

Stop with Ctrl-C.
`;
}
