/**
 * Writes `aws-*.json`: the common exchanges as each of AWS's five sources shows them, and the cases of `aws-extras.json` that only one source
 * has. Run: `node test/corpus/generate-aws.ts`, then read the difference before committing it: the files are the facts, this only saves
 * typing. Nothing here uses the codecs.
 */
import { writeFileSync } from 'node:fs';
import { format } from 'prettier';
import { albEvent, albMultiEvent, functionUrlEvent, httpV2Event, restEvent } from '../support/aws/events.ts';
import type { WireRequest } from '../support/aws/events.ts';
import { contentBytes, readCorpusFile } from './format.ts';
import type { Corpus, CorpusRequest, CorpusResponse, Exceptions, Exchanges, RequestCase, ResponseCase } from './format.ts';

interface Source {
  readonly authority: string;
  readonly event: (request: WireRequest) => unknown;
  readonly result: (response: CorpusResponse, body: string, isBase64Encoded: boolean) => unknown;
}

const reasons: Readonly<Record<number, string>> = {
  200: 'OK',
  201: 'Created',
  204: 'No Content',
  206: 'Partial Content',
  301: 'Moved Permanently',
  304: 'Not Modified',
  404: 'Not Found',
  418: 'Unknown',
  429: 'Too Many Requests',
  499: 'Unknown',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
};

/** The load balancer's further cookies: the same name in another case. */
const cookieNames: readonly string[] = ['set-cookie', 'Set-cookie', 'sEt-cookie', 'SEt-cookie', 'seT-cookie'];

const framing: ReadonlySet<string> = new Set(['connection', 'content-length', 'keep-alive', 'transfer-encoding']);

/** name, [values], without what frames the message. */
function grouped(fields: readonly string[]): [name: string, values: string[]][] {
  const groups = new Map<string, string[]>();
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at] ?? '';
    if (!framing.has(name)) groups.set(name, [...(groups.get(name) ?? []), fields[at + 1] ?? '']);
  }
  return [...groups];
}

function payloadV2(response: CorpusResponse, body: string, isBase64Encoded: boolean): unknown {
  const fields = grouped(response.headers);
  const cookies = fields.find(([name]) => name === 'set-cookie')?.[1];
  return {
    statusCode: response.status,
    headers: Object.fromEntries(
      fields.filter(([name]) => name !== 'set-cookie').map(([name, values]) => [name, values.join(', ')]),
    ),
    ...(cookies === undefined ? {} : { cookies }),
    body,
    isBase64Encoded,
  };
}

function rest(response: CorpusResponse, body: string, isBase64Encoded: boolean): unknown {
  const fields = grouped(response.headers);
  const several = fields.filter(([name, values]) => name === 'set-cookie' || values.length > 1);
  return {
    statusCode: response.status,
    headers: Object.fromEntries(fields.filter((field) => !several.includes(field)).map(([name, [value]]) => [name, value])),
    ...(several.length === 0 ? {} : { multiValueHeaders: Object.fromEntries(several) }),
    body,
    isBase64Encoded,
  };
}

function alb(response: CorpusResponse, body: string, isBase64Encoded: boolean): unknown {
  const headers = grouped(response.headers).flatMap(([name, values]): [string, string | undefined][] =>
    name === 'set-cookie' ? values.map((value, n) => [cookieNames[n] ?? '', value]) : [[name, values.join(', ')]],
  );
  return { ...description(response), headers: Object.fromEntries(headers), body, isBase64Encoded };
}

function albMulti(response: CorpusResponse, body: string, isBase64Encoded: boolean): unknown {
  return { ...description(response), multiValueHeaders: Object.fromEntries(grouped(response.headers)), body, isBase64Encoded };
}

function description({ status }: CorpusResponse): { statusCode: number; statusDescription: string } {
  return { statusCode: status, statusDescription: `${status} ${reasons[status] ?? '?'}` };
}

export const awsSources: Readonly<Record<string, Source>> = {
  'aws-rest': { authority: 'api.example.com', event: restEvent, result: rest },
  'aws-http-v2': { authority: 'api.example.com', event: httpV2Event, result: payloadV2 },
  'aws-url': {
    authority: 'abcdefghijklmnopqrstuvwxyz012345.lambda-url.eu-central-1.on.aws',
    event: functionUrlEvent,
    result: payloadV2,
  },
  'aws-alb': { authority: 'api.example.com', event: albEvent, result: alb },
  'aws-alb-multi': { authority: 'api.example.com', event: albMultiEvent, result: albMulti },
};

/** What every front of AWS writes: the peer's address after what the client claimed, and how the client came. */
function withForwarded(headers: readonly string[], authority: string, clientAddress: string): readonly string[] {
  const at = headers.indexOf('x-forwarded-for');
  const claimed = at < 0 ? '' : `${headers[at + 1]}, `;
  const sent = at < 0 ? headers : headers.toSpliced(at, 2);
  return [
    ...['host', authority],
    ...sent,
    ...['x-forwarded-for', `${claimed}${clientAddress}`, 'x-forwarded-port', '443', 'x-forwarded-proto', 'https'],
  ];
}

/** The corpus of one source. */
export function awsCorpus(source: string): Corpus {
  const { authority, event, result } = awsSources[source] ?? unknownSource(source);
  const exchanges = readCorpusFile<Exchanges>('exchanges');
  const exceptions = readCorpusFile<Exceptions>('exceptions')[source] ?? {};
  const extras = readCorpusFile<Record<string, Partial<Corpus>>>('aws-extras')[source] ?? {};

  const requests = exchanges.requests.map(({ name, request }): RequestCase => {
    const headers = withForwarded(request.headers, authority, request.clientAddress);
    const sent: CorpusRequest = { ...request, scheme: 'https', authority, headers };
    const exception = exceptions[name];
    const { headers: fewer, ...others } = exception?.becomes ?? {};
    return {
      name,
      event: event({ ...sent, body: contentBytes(request.body), clientAddress: request.clientAddress }),
      becomes: {
        ...sent,
        ...others,
        ...(fewer === undefined ? {} : { headers: withForwarded(fewer, authority, request.clientAddress) }),
      },
      ...(exception === undefined ? {} : { loses: exception.loses }),
    };
  });

  const responses = exchanges.responses.map(({ name, response, carriedAs }): ResponseCase => {
    const bytes = Buffer.from(contentBytes(response.body) ?? '');
    return {
      name,
      response,
      result: result(response, bytes.toString(carriedAs === 'text' ? 'utf8' : 'base64'), carriedAs === 'base64'),
    };
  });

  return {
    source,
    event: requests[0]?.event,
    requests: [...requests, ...(extras.requests ?? [])],
    responses: [...responses, ...(extras.responses ?? [])],
  };
}

function unknownSource(source: string): never {
  throw new TypeError(`No source of AWS: ${source}`);
}

if (import.meta.main) {
  for (const source of Object.keys(awsSources)) {
    const text = await format(JSON.stringify(awsCorpus(source)), { parser: 'json', printWidth: 132 });
    writeFileSync(new URL(`${source}.json`, import.meta.url), text);
  }
}
