import { format } from 'prettier';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { functionsHttp } from '../../../adapters/azure/functions-http.ts';
import { testHttpEventCodec } from '../../conformance/http-codec.ts';
import { readCorpusFile } from '../../corpus/format.ts';
import { azureCorpus } from '../../corpus/generate-azure.ts';
import { functionsRequest } from '../../support/azure/events.ts';
import { quietTestMode } from '../../support/azure/quiet-test-mode.ts';
import { sentResponse } from '../../support/azure/sent-response.ts';

quietTestMode();

// Through the library's own request and response classes.
testHttpEventCodec({
  name: 'Azure Functions',
  codec: functionsHttp,
  corpus: readCorpusFile('azure'),
  clientAddress: (event) => functionsHttp.clientAddress(event),
  status: ({ status = 200 }) => status,
  toEvent: functionsRequest,
  toComparable: async (result) => {
    const { status, headers, body } = await sentResponse(result);
    // The length frames the message: a stream has none.
    const own = headers.filter((_, at) => headers[at - (at % 2)] !== 'content-length');
    return { status, headers: own, body: { base64: Buffer.from(body).toString('base64') } };
  },
});

test('azure.json is what the generator writes', async () => {
  const text = await format(JSON.stringify(azureCorpus()), { parser: 'json', printWidth: 132 });
  expect(readFileSync(new URL('../../corpus/azure.json', import.meta.url), 'utf8')).toBe(text);
});
