/**
 * Writes `azure.json`: the common exchanges as an HTTP trigger of Azure Functions shows them, and a few cases that only Azure has. Run: `node test/corpus/generate-azure.ts`, then read the difference before committing it: the file is the facts, this only
 * saves typing. Nothing here uses the codec.
 */
import { writeFileSync } from 'node:fs';
import { format } from 'prettier';
import { functionsEvent } from '../support/azure/events.ts';
import { contentBytes, readCorpusFile } from './format.ts';
import type {
  Corpus,
  CorpusContent,
  CorpusRequest,
  CorpusResponse,
  Exceptions,
  Exchanges,
  RequestCase,
  ResponseCase,
} from './format.ts';

const source = 'azure';
const authority = 'portolan.azurewebsites.net';
const port = 51_234;

/** Fields that frame the message: they are the library's and Node's to write. */
const framing: ReadonlySet<string> = new Set(['connection', 'content-length', 'keep-alive', 'transfer-encoding']);

/** What App Service's front end writes. */
function withForwarded(headers: readonly string[], target: string, clientAddress: string): readonly string[] {
  const at = headers.indexOf('x-forwarded-for');
  const claimed = at < 0 ? '' : `${headers[at + 1]}, `;
  const sent = at < 0 ? headers : headers.toSpliced(at, 2);
  const peer = clientAddress.includes(':') ? `[${clientAddress}]:${port}` : `${clientAddress}:${port}`;
  const added = ['client-ip', peer, 'disguised-host', authority, 'x-original-url', target];
  const forwarded = ['x-forwarded-for', `${claimed}${peer}`, 'x-forwarded-host', authority, 'x-forwarded-proto', 'https'];
  return ['host', authority, ...sent, ...added, ...forwarded];
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
    if (!framing.has(name)) fields.set(name, [...(fields.get(name) ?? []), value]);
  }
  const cookies = fields.get('set-cookie') ?? [];
  fields.delete('set-cookie');
  const joined = [...fields].map(([name, values]) => [name, values.join(', ')] as const).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const written = cookies.length < 2 ? cookies : cookies.map((cookie) => rewritten[cookie] ?? cookie);
  return {
    status,
    headers: [...joined.flat(), ...written.flatMap((cookie) => ['set-cookie', cookie])],
    body: { base64: bytes.toString('base64') },
  };
}

/** A GET that only Azure sees so. */
function extra(
  name: string,
  url: string,
  headers: readonly string[],
  becomes: Partial<CorpusRequest> = {},
  loses: readonly string[] = [],
): RequestCase {
  return {
    name,
    event: { method: 'GET', url, headers: Object.fromEntries(pairs(headers)) },
    becomes: { method: 'GET', scheme: 'https', authority, target: '/', headers, clientAddress: null, ...becomes },
    ...(loses.length === 0 ? {} : { loses }),
  };
}

function pairs(fields: readonly string[]): [string, string][] {
  return fields.flatMap((name, at): [string, string][] => (at % 2 === 0 ? [[name, fields[at + 1] ?? '']] : []));
}

const root = `https://${authority}/`;

const extras: readonly RequestCase[] = [
  extra('a probe of the platform, which nobody forwards', root, ['user-agent', 'AlwaysOn']),
  extra('a client without a port', root, ['x-forwarded-for', '203.0.113.9'], { clientAddress: '203.0.113.9' }),
  extra('a client by IPv6 without brackets', root, ['x-forwarded-for', '2001:db8::9'], { clientAddress: '2001:db8::9' }),
  extra('a right-most entry that is no address', root, ['x-forwarded-for', '203.0.113.9, unknown']),
  extra('a right-most entry that is empty', root, ['x-forwarded-for', '203.0.113.9,']),
  extra(
    'a request through Front Door, whose fields a client can write as well',
    root,
    ['x-azure-clientip', '203.0.113.9', 'x-azure-socketip', '203.0.113.9', 'x-forwarded-for', '203.0.113.9, 198.51.100.7:443'],
    { clientAddress: '198.51.100.7' },
  ),
  extra('fields that look like the client’s address', root, [
    'client-ip',
    '203.0.113.9',
    'x-client-ip',
    '203.0.113.9',
    'x-real-ip',
    '203.0.113.9',
  ]),
  extra('the local host', 'http://localhost:7071/api/x?y', [], { scheme: 'http', authority: 'localhost:7071', target: '/api/x?y' }),
  extra('a host in capitals', 'https://Portolan.AzureWebsites.net/', []),
  extra('a port that is the usual one', `https://${authority}:443/`, [], {}, ['URL parsed']),
  extra('a path with a backslash', `${root}a\\b`, [], { target: '/a/b' }, ['URL parsed']),
  extra('a query with an apostrophe', `${root}q?name=O'Neill`, [], { target: '/q?name=O%27Neill' }, ['URL parsed']),
  extra('a path that was not escaped', `${root}caf\u00e9 "x"`, [], { target: '/caf%C3%A9%20%22x%22' }, ['URL parsed']),
];

/** The corpus of Azure. */
export function azureCorpus(): Corpus {
  const exchanges = readCorpusFile<Exchanges>('exchanges');
  const exceptions = readCorpusFile<Exceptions>('exceptions')[source] ?? {};

  const requests = exchanges.requests.map(({ name, request }): RequestCase => {
    const { clientAddress, target } = request;
    const headers = withForwarded(request.headers, target, clientAddress);
    const wire: CorpusRequest = { ...request, scheme: 'https', authority, headers };
    const exception = exceptions[name];
    const { headers: fewer, ...others } = exception?.becomes ?? {};
    return {
      name,
      event: functionsEvent({ ...wire, clientAddress, body: contentBytes(request.body) }),
      becomes: { ...wire, ...others, ...(fewer === undefined ? {} : { headers: withForwarded(fewer, target, clientAddress) }) },
      ...(exception === undefined ? {} : { loses: exception.loses }),
    };
  });

  const responses = exchanges.responses.map(({ name, response }): ResponseCase => ({ name, response, result: sent(response) }));

  return {
    source,
    event: requests[0]?.event,
    requests: [...requests, ...extras],
    responses,
  };
}

if (import.meta.main) {
  const text = await format(JSON.stringify(azureCorpus()), { parser: 'json', printWidth: 132 });
  writeFileSync(new URL(`${source}.json`, import.meta.url), text);
}
