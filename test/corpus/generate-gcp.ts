/**
 * Writes `gcp.json`: the common exchanges as the Functions Framework shows them, and the cases of `gcp-extras.ts`. Run: `node
 * test/corpus/generate-gcp.ts`, then read the difference before committing it. Nothing here uses the codec.
 */
import { writeFileSync } from 'node:fs';
import { format } from 'prettier';
import { frontEndFields, sentEvent } from '../support/gcp/function-event.ts';
import { contentBytes, readCorpusFile } from './format.ts';
import type { Corpus, CorpusResponse, Exchanges, RequestCase, ResponseCase } from './format.ts';
import { gcpExtras } from './gcp-extras.ts';

const authority = 'portolan-abcdefghij-ew.a.run.app';
const connection: ReadonlySet<string> = new Set(['connection', 'keep-alive', 'transfer-encoding']);

/** The fields as they are written, in their order, with the length of the content at the end. */
function result({ status, headers, body }: CorpusResponse): unknown {
  const bytes = Buffer.from(contentBytes(body) ?? '');
  const contentless = status === 204 || status === 304;
  const rawHeaders: string[] = [];
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at] ?? '';
    if (!connection.has(name) && name !== 'content-length') rawHeaders.push(name, headers[at + 1] ?? '');
  }
  if (!contentless) rawHeaders.push('content-length', String(bytes.length));
  return { statusCode: status, rawHeaders, body: contentless ? '' : bytes.toString('base64') };
}

/** The corpus of HTTP functions. */
export function gcpCorpus(): Corpus {
  const exchanges = readCorpusFile<Exchanges>('exchanges');
  const requests = exchanges.requests.map(({ name, request }): RequestCase => {
    const content = contentBytes(request.body);
    const headers = frontEndFields(request.headers, authority, request.clientAddress, content);
    return {
      name,
      event: sentEvent(request.method, request.target, headers, content),
      becomes: { ...request, scheme: 'https', authority, headers },
    };
  });
  const responses = exchanges.responses.map(({ name, response }): ResponseCase => ({ name, response, result: result(response) }));
  return {
    source: 'gcp',
    event: requests[0]?.event,
    requests: [...requests, ...gcpExtras.requests],
    responses: [...responses, ...gcpExtras.responses],
  };
}

/** As it is committed. */
export async function gcpCorpusText(): Promise<string> {
  return format(JSON.stringify(gcpCorpus()), { parser: 'json', printWidth: 132 });
}

if (import.meta.main) writeFileSync(new URL('gcp.json', import.meta.url), await gcpCorpusText());
