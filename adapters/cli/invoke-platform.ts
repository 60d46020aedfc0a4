import type { Configuration } from '../../core/config/configuration.ts';
import { compose } from '../composition/compose.ts';
import type { Composition } from '../composition/compose.ts';
import { openDataFolder } from '../local/data-folder.ts';
import { EnvSecrets } from '../local/env-secrets.ts';
import { FileSecrets } from '../local/file-secrets.ts';
import { firstOf } from '../local/first-of.ts';
import { localModule } from '../local/module.ts';
import { devConfiguration } from '../local/start-local.ts';
import { CommandError } from './command-error.ts';

/** The event sources, by the names their codecs have. */
export const sources = ['aws-http-v2', 'aws-rest', 'aws-alb', 'aws-alb-multi', 'aws-url', 'azure', 'gcp'] as const;
export type Source = (typeof sources)[number];

/** The gateway's address in proxy URLs made here; none runs in this process. */
const gateway = { scheme: 'http', host: '127.0.0.1', port: 8788 } as const;

/** Runs one event through a platform's adapter with the local store behind it, and answers that platform's result. */
export async function invokePlatform(
  source: Source,
  event: unknown,
  dataFolder: string,
  configuration: Configuration = devConfiguration,
): Promise<unknown> {
  const { sqlite, secretsFolder } = openDataFolder(dataFolder);
  try {
    const secrets = firstOf([new EnvSecrets(process.env), new FileSecrets(secretsFolder)]);
    const address = configuration.gateway?.publicUrl === undefined ? gateway : undefined;
    const logSink = (line: string): void => void process.stderr.write(`${line}\n`);
    const composition = compose(localModule(configuration, sqlite, secrets, logSink), address);
    if (source === 'azure') return await azure(event, composition);
    if (source === 'gcp') return await gcp(event, composition);
    return await lambda(source, event, composition);
  } finally {
    sqlite.close();
  }
}

const lambdaTimeoutMs = 30_000;

async function lambda(source: Source, event: unknown, { portolan, logger, clock }: Composition): Promise<unknown> {
  const { lambdaHandler } = await import('../aws/lambda-handler.ts');
  const { parseLambdaSource } = await import('../aws/select-codec.ts');
  const endsAt = clock.now() + lambdaTimeoutMs;
  const handler = lambdaHandler(portolan.handler, { clock, logger, source: parseLambdaSource(source) });
  try {
    return await handler(event, {
      awsRequestId: crypto.randomUUID(),
      getRemainingTimeInMillis: () => endsAt - clock.now(),
    });
  } catch (error) {
    if (error instanceof TypeError) throw new CommandError(2, error.message);
    throw error;
  }
}

/** The event: `{method, url, headers, body}`, as `new HttpRequest` of @azure/functions takes it. */
async function azure(event: unknown, { portolan, logger, clock }: Composition): Promise<unknown> {
  const { HttpRequest, InvocationContext } = await import('@azure/functions');
  const { functionsHandler } = await import('../azure/register-http.ts');
  const { method, url, headers, body } = event as Partial<Record<'method' | 'url' | 'body', string>> & {
    readonly headers?: Readonly<Record<string, string>>;
  };
  if (method === undefined || url === undefined) throw new CommandError(2, 'An azure event needs at least "method" and "url"');
  const request = new HttpRequest({ method, url, headers: headers ?? {}, ...(body !== undefined && { body: { string: body } }) });
  const response = (await functionsHandler(portolan.handler, { clock, logger })(request, new InvocationContext())) as Response;
  return { status: response.status, headers: Object.fromEntries(response.headers), body: await response.text() };
}

/**
 * The event: `{method, url, headers, body}`, the request as Google's front end would send it. There is no event object on this
 * platform, so it goes through a real HTTP exchange on the loopback, as under the Functions Framework.
 */
async function gcp(event: unknown, { portolan, logger, clock }: Composition): Promise<unknown> {
  const { createServer, request } = await import('node:http');
  const { cloudFunction } = await import('../gcp/cloud-function.ts');
  const { receiveAsSent } = await import('../gcp/receive-as-sent.ts');
  const { method, url, headers, body } = event as {
    method?: string;
    url?: string;
    headers?: Record<string, string>;
    body?: string;
  };
  if (method === undefined || url === undefined) throw new CommandError(2, 'A gcp event needs at least "method" and "url"');
  receiveAsSent();
  const server = createServer(cloudFunction(portolan.handler, { clock, logger })).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  try {
    const { port } = server.address() as { readonly port: number };
    return await new Promise((resolve, reject) => {
      const sent = request({ host: '127.0.0.1', port, method, path: url, headers }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () =>
          resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks).toString() }),
        );
      });
      sent.on('error', reject);
      sent.end(body);
    });
  } finally {
    server.close();
  }
}
