/**
 * Writes `azure.json`: the common exchanges as an HTTP trigger of Azure Functions shows them, and the cases of `azure-extras.json` that only
 * Azure has. Run: `node test/corpus/generate-azure.ts`, then read the difference before committing it: the file is the facts, this only
 * saves typing. Nothing here uses the codec.
 */
import { writeFileSync } from 'node:fs';
import { format } from 'prettier';
import { functionsEvent } from '../support/azure/events.ts';
import { contentBytes, readCorpusFile } from './format.ts';
import type { Corpus, CorpusContent, CorpusRequest, CorpusResponse, Exceptions, Exchanges, RequestCase, ResponseCase } from './format.ts';

const source = 'azure';
const authority = 'portolan.azurewebsites.net';
const port = 51_234;

/** What no HTTP trigger can be registered for: it never reaches a function. */
const methods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** Fields of one connection, which the library does not send. */
const hopByHop: ReadonlySet<string> = new Set(['connection', 'keep-alive', 'transfer-encoding']);

/** What App Service's front end writes. */
function withForwarded(headers: readonly string[], target: string, clientAddress: string): readonly string[] {
  const at = headers.indexOf('x-forwarded-for');
  const claimed = at < 0 ? '' : `${headers[at + 1]}, `;
  const sent = at < 0 ? headers : headers.toSpliced(at, 2);
  const peer = clientAddress.includes(':') ? `[${clientAddress}]:${port}` : `${clientAddress}:${port}`;
  return [
    ...['host', authority],
    ...sent,
    ...['client-ip', peer, 'disguised-host', authority, 'x-original-url', target],
    ...['x-forwarded-for', `${claimed}${peer}`, 'x-forwarded-host', authority, 'x-forwarded-proto', 'https'],
  ];
}

/** What leaves for the client, when the library alone writes it: see `sentResponse`. */
export interface SentData {
  readonly status: number;
  /** name, value, ..., as sent; the order is that of the names, cookies last. */
  readonly headers: readonly string[];
  readonly body: CorpusContent;
}

/** Several cookies as the library writes them, where that is not as they were. */
const rewritten: Readonly<Record<string, string>> = {
  'a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT; Path=/': 'a=1; Path=/; Expires=Wed, 21 Oct 2026 07:28:00 GMT',
  'e=5; Secure; Partitioned': 'e=5; Secure',
};

function sent({ status, headers, body }: CorpusResponse): SentData {
  const bytes = Buffer.from(contentBytes(body) ?? []);
  const fields = new Map<string, string[]>();
  for (let at = 0; at < headers.length; at += 2) {
    const [name = '', value = ''] = headers.slice(at, at + 2);
    if (!hopByHop.has(name)) fields.set(name, [...(fields.get(name) ?? []), value]);
  }
  const cookies = fields.get('set-cookie') ?? [];
  fields.delete('set-cookie');
  if (body !== undefined) fields.set('content-length', [String(bytes.length)]);
  const joined = [...fields].map(([name, values]) => [name, values.join(', ')] as const).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const written = cookies.length < 2 ? cookies : cookies.map((cookie) => rewritten[cookie] ?? cookie);
  return {
    status,
    headers: [...joined.flat(), ...written.flatMap((cookie) => ['set-cookie', cookie])],
    body: { base64: bytes.toString('base64') },
  };
}

/** The corpus of Azure. */
export function azureCorpus(): Corpus {
  const exchanges = readCorpusFile<Exchanges>('exchanges');
  const exceptions = readCorpusFile<Exceptions>('exceptions')[source] ?? {};
  const extras = readCorpusFile<Partial<Corpus>>('azure-extras');

  const requests = exchanges.requests
    .filter(({ request }) => methods.has(request.method))
    .map(({ name, request }): RequestCase => {
      const { clientAddress, target } = request;
      const sentRequest: CorpusRequest = {
        ...request,
        scheme: 'https',
        authority,
        headers: withForwarded(request.headers, target, clientAddress),
      };
      const exception = exceptions[name];
      const { headers, ...others } = exception?.becomes ?? {};
      const { body, ...rest } = sentRequest;
      const kept = exception?.loses.includes('content') === true || body === undefined ? rest : sentRequest;
      return {
        name,
        event: functionsEvent({ ...sentRequest, body: contentBytes(body) }),
        becomes: { ...kept, ...others, ...(headers === undefined ? {} : { headers: withForwarded(headers, target, clientAddress) }) },
        ...(exception === undefined ? {} : { loses: exception.loses }),
      };
    });

  const responses = exchanges.responses.map(({ name, response }): ResponseCase => ({ name, response, result: sent(response) }));

  return {
    source,
    event: requests[0]?.event,
    requests: [...requests, ...(extras.requests ?? [])],
    responses: [...responses, ...(extras.responses ?? [])],
  };
}

if (import.meta.main) {
  const text = await format(JSON.stringify(azureCorpus()), { parser: 'json', printWidth: 132 });
  writeFileSync(new URL(`${source}.json`, import.meta.url), text);
}
