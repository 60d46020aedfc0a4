import { nodeCrypto } from '../../adapters/node/node-crypto.ts';
import { systemClock } from '../../adapters/node/system-clock.ts';
import type { LambdaContext } from '../../adapters/aws/lambda-context.ts';
import { newApiKey, scopes } from '../../core/auth/api-key.ts';
import { base64url } from '../../core/text/base64url.ts';
import type { SessionsConfiguration } from '../../core/config/configuration.ts';
import type { Session } from '../../core/session/session.ts';
import type { WireRequest } from '../support/aws/events.ts';

/** One deployment and one session in it, the same for Portolan and for what it is compared with. */
export const tenant = 'acme';
export const sessionId = 'ses_0123456789abcdefABCDEF';
export const signingSecret = 'bench-signing-secret-0123456789abcdef';
const made = newApiKey(nodeCrypto, systemClock.now(), { tenant, scopes });
export const apiKey: string = made.key;

export const configuration: SessionsConfiguration = {
  auth: { keysSecret: 'api-keys', storedKeys: false },
  signingSecret: 'signing',
  pools: { default: { vendor: 'direct' } },
  gateway: { publicUrl: 'http://gateway.example.com:8788' },
  // A benchmark is one tenant that asks without end.
  limits: { requestsPerMinute: 10_000_000 },
};

/** What Secrets Manager holds. */
export const secretValues: Readonly<Record<string, string>> = {
  signing: signingSecret,
  'api-keys': JSON.stringify({ keys: [made.record] }),
};

export const session: Session = {
  tenant,
  sessionId,
  pool: 'default',
  vendor: 'direct',
  label: 'price watch',
  tags: { shop: 'example', run: '2026-11-21' },
  geo: {},
  onPeerLoss: 'fail',
  createdAt: systemClock.now(),
  expiresAt: systemClock.now() + 86_400_000,
  generation: 3,
  revision: 5,
  upstream: { startedAt: systemClock.now(), ttlSeconds: 86_400 },
  creationId: base64url(nodeCrypto.randomBytes(16)),
};

/** As `toRecord` writes it, and as it lies in a store, with the id of its write in front. */
export const sessionValue: string = JSON.stringify({ v: 1, ...session });
export const storedValue: string = `${base64url(nodeCrypto.randomBytes(16))}\n${sessionValue}`;

/** A browser's request: what API gateways really pass on. */
export const getSessionRequest: WireRequest = {
  method: 'GET',
  scheme: 'https',
  authority: 'api.example.com',
  target: `/v1/sessions/${sessionId}`,
  headers: [
    ...['host', 'api.example.com', 'accept', 'application/json', 'accept-encoding', 'gzip, deflate, br'],
    ...['accept-language', 'de-DE,de;q=0.9', 'authorization', `Bearer ${apiKey}`],
    ...['user-agent', 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36', 'sec-fetch-mode', 'cors'],
    ...['sec-fetch-site', 'same-origin', 'cookie', 'a=1; b=2', 'x-forwarded-for', '203.0.113.9'],
    ...['x-forwarded-proto', 'https'],
  ],
  body: undefined,
  clientAddress: '203.0.113.9',
};

export const lambdaContext: LambdaContext = {
  awsRequestId: '8f5079a8-8a8c-4c0e-a1a0-3d4fd5a8d6f1',
  xRayTraceId: 'Root=1-5759e988-bd862e3fe1be46a994272793',
  getRemainingTimeInMillis: () => 30_000,
};
