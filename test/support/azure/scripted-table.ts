import { AzureNamedKeyCredential, TableClient } from '@azure/data-tables';
import type { TableServiceClientOptions } from '@azure/data-tables';
import type { TokenCredential } from '@azure/identity';

/** What the service answers to one request. */
export interface ScriptedAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

type HttpClient = NonNullable<TableServiceClientOptions['httpClient']>;
type SdkRequest = Parameters<HttpClient['sendRequest']>[0];
type SdkResponse = Awaited<ReturnType<HttpClient['sendRequest']>>;

/** The answer of a failing service, as Tables writes it. */
export function failure(status: number, code?: string, headers: Readonly<Record<string, string>> = {}): ScriptedAnswer {
  return {
    status,
    headers: { 'content-type': 'application/json;odata=minimalmetadata', ...headers },
    body:
      code === undefined ? '' : JSON.stringify({ 'odata.error': { code, message: { lang: 'en-US', value: `secret-${code}` } } }),
  };
}

/** The real client over a service that says what it is told to: for what Azurite never says. */
export function scriptedTable(
  answer: (request: SdkRequest) => ScriptedAnswer | Promise<ScriptedAnswer>,
  credential?: TokenCredential,
): TableClient {
  const httpClient: HttpClient = {
    async sendRequest(request): Promise<SdkResponse> {
      const { status, headers = {}, body = '' } = await answer(request);
      const fields = request.headers;
      for (const name of Object.keys(fields.toJSON())) fields.delete(name);
      for (const [name, value] of Object.entries(headers)) fields.set(name, value);
      return { request, status, headers: fields, bodyAsText: body };
    },
  };
  const [url, options] = ['https://account.table.core.windows.net', { retryOptions: { maxRetries: 0 }, httpClient }] as const;
  return credential === undefined
    ? new TableClient(url, 'records', new AzureNamedKeyCredential('account', 'a2V5'), options)
    : new TableClient(url, 'records', credential, options);
}
