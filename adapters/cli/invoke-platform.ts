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
