import type { Configuration } from '../../core/config/configuration.ts';
import type { Portolan } from '../../core/portolan.ts';
import type { ProxyPlatform } from '../../core/proxy/platform.ts';
import { firstViolation } from '../../core/schema/validate.ts';
import type { JsonSchema } from '../../core/schema/validate.ts';
import { compose } from '../composition/compose.ts';
import type { Composition } from '../composition/compose.ts';
import { openDataFolder } from '../local/data-folder.ts';
import { EnvSecrets } from '../local/secrets/env-secrets.ts';
import { FileSecrets } from '../local/secrets/file-secrets.ts';
import { firstOf } from '../local/secrets/first-of.ts';
import { localModule } from '../local/module.ts';
import { devConfiguration } from '../local/start-local.ts';
import { CommandError } from './command-error.ts';

/** The event sources, by the names their codecs have. */
export const sources = ['aws-http-v2', 'aws-rest', 'aws-alb', 'aws-alb-multi', 'aws-url', 'azure', 'gcp'] as const;
export type Source = (typeof sources)[number];

/** Where `portolan dev` has its gateway: of use without a configuration, when sessions are those of its store. */
const gateway = { scheme: 'http', host: '127.0.0.1', port: 8788 } as const;

/**
 * Runs one event through a platform's adapter with the local store behind it, and answers that platform's result. With a configuration
 * that is what a deployed function answers: it has no gateway but the configured one.
 */
export async function invokePlatform(
  source: Source,
  event: unknown,
  dataFolder: string,
  configuration?: Configuration,
  handlers?: ProxyPlatform['handlers'],
): Promise<unknown> {
  const { sqlite, secretsFolder } = openDataFolder(dataFolder);
  let proxy: Portolan['proxy'];
  try {
    const secrets = firstOf([new EnvSecrets(process.env), new FileSecrets(secretsFolder)]);
    const logSink = (line: string): void => void process.stderr.write(`${line}\n`);
    const composition = compose(
      localModule(configuration ?? devConfiguration, sqlite, secrets, logSink, handlers),
      configuration === undefined ? gateway : undefined,
    );
    ({ proxy } = composition.portolan);
    if (source === 'azure') return await azure(event, composition);
    if (source === 'gcp') return await gcp(event, composition);
    return await lambda(source, event, composition);
  } finally {
    // or its timers and connections would keep the process
    await proxy?.close();
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
  const { method, url, headers, body } = readHttpEvent('azure', event);
  if (!URL.canParse(url)) throw new CommandError(2, 'The "url" of an azure event is absolute: https://host/path');
  const request = new HttpRequest({ method, url, headers, ...(body !== undefined && { body: { string: body } }) });
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
  const { method, url, headers, body } = readHttpEvent('gcp', event);
  if (!/^\/[!-~]*$/.test(url))
    throw new CommandError(2, 'The "url" of a gcp event is the path with the query: /v1/sessions?limit=1');
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

interface HttpEvent {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

const httpEventSchema: JsonSchema = {
  type: 'object',
  required: ['method', 'url'],
  properties: {
    // Those that fetch forbids (https://fetch.spec.whatwg.org/#forbidden-method) and CONNECT reach no function.
    method: { enum: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] },
    url: { type: 'string' },
    headers: {
      type: 'object',
      propertyNames: { pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$" },
      additionalProperties: { type: 'string', pattern: '^[\\t -~\\u0080-\\u00FF]*$' },
    },
    body: { type: 'string' },
  },
};

/** What stands for an event where the platform has no event object. */
function readHttpEvent(source: Source, event: unknown): HttpEvent {
  const violation = firstViolation(httpEventSchema, event);
  if (violation !== undefined) {
    throw new CommandError(2, `Not an event of ${source}: ${violation.pointer || 'the document'} ${violation.detail}`);
  }
  return { headers: {}, body: undefined, ...(event as Partial<HttpEvent> & Pick<HttpEvent, 'method' | 'url'>) };
}
