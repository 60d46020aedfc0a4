import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What moto's Lambda takes and forgets. */
interface Forgotten {
  readonly DeadLetterConfig?: unknown;
  readonly LoggingConfig?: unknown;
}

export interface MotoFront {
  /** `host:port`. */
  readonly address: string;
  /** What was called, as IAM writes it (`dynamodb:CreateTable`); of services that name their operations in the message, not by method and path. */
  readonly actions: ReadonlySet<string>;
  /** What was last asked for a function. */
  function(name: string): Forgotten | undefined;
  stop(): Promise<void>;
}

const functions = /^\/2015-03-31\/functions(?:\/([^/?]+))?(?:\/configuration)?(?:\?|$)/;

/**
 * Passes everything on to moto, and adds to its answers about functions the two settings that moto does not keep (dead letters and
 * logging, 5.2.1): without them a client that compares would see a change at every look.
 */
export async function startMotoFront(moto: string): Promise<MotoFront> {
  const kept = new Map<string, Forgotten>();
  const actions = new Set<string>();
  const server = createServer((incoming, outgoing) => void forward(moto, kept, actions, incoming, outgoing)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    actions,
    function: (name) => kept.get(name),
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function forward(
  moto: string,
  kept: Map<string, Forgotten>,
  actions: Set<string>,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  try {
    const body = Buffer.concat(await incoming.toArray());
    const action = actionOf(incoming, body);
    if (action !== undefined) actions.add(action);
    const [host, port] = moto.split(':');
    const onward = request({ host, port, method: incoming.method, path: incoming.url, headers: incoming.headers });
    onward.end(body);
    const [answer] = (await once(onward, 'response')) as [IncomingMessage];
    const content = Buffer.concat(await answer.toArray());
    const path = functions.exec(incoming.url ?? '');
    const success = answer.statusCode !== undefined && answer.statusCode < 300;
    const changed = path !== null && success ? remembered(kept, path[1], incoming.method, body, content) : content;
    const { 'content-length': _, 'transfer-encoding': __, ...headers } = answer.headers;
    outgoing.writeHead(answer.statusCode ?? 502, { ...headers, 'content-length': changed.length });
    outgoing.end(changed);
  } catch (error) {
    outgoing.destroy(error instanceof Error ? error : undefined);
  }
}

/** The service is in the signature's scope; the operation in a field, in the path or in the form. */
function actionOf({ headers, url = '' }: IncomingMessage, body: Buffer): string | undefined {
  const service = /Credential=[^/]+\/\d+\/[^/]+\/([a-z0-9-]+)\//.exec(headers.authorization ?? '')?.[1];
  const target = headers['x-amz-target'];
  const operation =
    (typeof target === 'string' ? target.split('.').at(-1) : undefined) ??
    /\/operation\/(\w+)$/.exec(url)?.[1] ??
    /(?:^|&)Action=(\w+)/.exec(body.toString('latin1', 0, 200))?.[1];
  return service === undefined || operation === undefined ? undefined : `${prefixes[service] ?? service}:${operation}`;
}

/** Where a service signs by another name than IAM's. */
const prefixes: Readonly<Record<string, string>> = { monitoring: 'cloudwatch' };

/** The answer with what was asked for, kept from the question. */
function remembered(
  kept: Map<string, Forgotten>,
  named: string | undefined,
  method: string | undefined,
  body: Buffer,
  content: Buffer,
): Buffer {
  if (content.length === 0) return content;
  const answer = JSON.parse(content.toString()) as { FunctionName?: string; Configuration?: { FunctionName?: string } };
  const configuration = answer.Configuration ?? answer;
  const name = configuration.FunctionName ?? named;
  if (name === undefined) return content;
  if (method === 'POST' || method === 'PUT') {
    const { DeadLetterConfig, LoggingConfig } = JSON.parse(body.toString()) as Forgotten;
    if (LoggingConfig !== undefined) kept.set(name, { DeadLetterConfig, LoggingConfig });
  }
  Object.assign(configuration, kept.get(name));
  return Buffer.from(JSON.stringify(answer));
}
