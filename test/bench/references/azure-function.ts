/** The least a function app on Azure needs for `GET /v1/sessions/{id}`; see `aws-function.ts`. */
import { TableClient } from '@azure/data-tables';
import { app, HttpResponse } from '@azure/functions';
import { ManagedIdentityCredential } from '@azure/identity';
import { SecretClient } from '@azure/keyvault-secrets';
import { tenantOf, withoutWriteIds } from './bearer.ts';
import { getSession } from './hand-written.ts';

const env = process.env as Readonly<Record<string, string>>;
const table = TableClient.fromConnectionString(env['PORTOLAN_TABLE_CONNECTION_STRING'] ?? '', env['PORTOLAN_TABLE'] ?? '', {
  retryOptions: { maxRetries: 0 },
  allowInsecureConnection: true,
});
const secrets = new SecretClient(env['PORTOLAN_KEY_VAULT_URL'] ?? '', new ManagedIdentityCredential(), {
  retryOptions: { maxRetries: 0 },
  allowInsecureConnection: true,
  disableChallengeResourceVerification: true,
});

app.setup({ enableHttpStream: true });
app.http('http', {
  methods: ['GET'],
  authLevel: 'anonymous',
  route: '{*path}',
  handler: async (request) => {
    const tenant = tenantOf(request.headers.get('authorization'), await secretValue('api-keys'));
    if (tenant === undefined) return new HttpResponse({ status: 401 });
    const deployment = {
      get: async (id: string): Promise<string | undefined> => {
        const { value } = await table.getEntity<{ value: string }>(`sessions.${tenant}`, id);
        return withoutWriteIds(value);
      },
      signingSecret: () => secretValue('signing'),
    };
    const { pathname } = new URL(request.url);
    return new HttpResponse(await getSession(deployment, pathname.slice('/v1/sessions/'.length)));
  },
});

async function secretValue(name: string): Promise<string> {
  const { value = '' } = await secrets.getSecret(name);
  return value;
}
