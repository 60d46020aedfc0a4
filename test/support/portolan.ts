import { expect } from 'vitest';
import { nodeCrypto } from '../../adapters/node/node-crypto.ts';
import { newApiKey, scopes } from '../../core/auth/api-key.ts';
import type { ApiKeyRecord, Scope } from '../../core/auth/api-key.ts';
import type { SessionsConfiguration } from '../../core/config/configuration.ts';
import { readBody } from '../../core/http/body.ts';
import { HeaderList } from '../../core/http/header-list.ts';
import type { Body, Counters, HeaderFields, LogAttributes, RequestContext } from '../../core/ports/index.ts';
import { createPortolan } from '../../core/portolan.ts';
import type { ProxyPlatform } from '../../core/proxy/platform.ts';
import { reverseProxy } from '../../core/proxy/reverse-proxy.ts';
import type { SessionsPortolan } from '../../core/portolan.ts';
import type { GatewayAddress } from '../../core/session/credentials.ts';
import { createJsonLogger } from '../../core/telemetry/json-logger.ts';
import { FakeClock } from './fake-clock.ts';
import { FallibleStore } from './fallible-store.ts';
import { MemorySecrets } from './memory-secrets.ts';
import { undocumented } from './openapi.ts';
import { unusedProxyPlatform } from './proxy-platform.ts';

/** What no log line, problem or stored record may ever hold. */
export const canaries = {
  signingSecret: 'c4n4ry-signing-6f1d0c2b9a8e7d5c4b3a',
  vendorPassword: 'c4n4ry/vendor@pass:w#rd%',
  otherVendorPassword: 'c4n4ryWebshare0123456789',
} as const;

export const gatewayAddress: GatewayAddress = { scheme: 'http', host: '127.0.0.1', port: 8788 };

const configuration: SessionsConfiguration = {
  auth: { keysSecret: 'api-keys' },
  signingSecret: 'signing',
  pools: {
    default: { vendor: 'direct' },
    residential: { vendor: 'iproyal', secret: 'iproyal', account: { username: 'cust' } },
    // Its tokens are few enough to need reserving.
    webshare: { vendor: 'webshare', secret: 'webshare' },
  },
  defaultPool: 'default',
};

export interface HarnessOptions {
  /** Over the default configuration: `direct`, `iproyal` and `webshare` pools. */
  readonly configuration?: Partial<SessionsConfiguration> | undefined;
  readonly clock?: FakeClock | undefined;
  readonly store?: FallibleStore | undefined;
  readonly counters?: Counters | undefined;
  readonly random?: (() => number) | undefined;
  /** Default: one that refuses to be used. */
  readonly proxy?: ProxyPlatform | undefined;
  /** Where the forward gateway is; `null` for a deployment without one. */
  readonly gateway?: GatewayAddress | null | undefined;
}

export interface Call {
  /** Default: a key of tenant `acme` with every scope; `null` sends none. */
  readonly key?: string | null | undefined;
  /** A plain object is sent as JSON; anything else as it is. */
  readonly body?: object | Body;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly context?: Partial<RequestContext> | undefined;
}

export interface Answer {
  readonly status: number;
  readonly headers: HeaderFields;
  readonly text: string;
  /** The content as JSON; `undefined` without content. */
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly json: any;
}

export interface Logged {
  readonly severity: string;
  readonly event: string;
  readonly attributes: LogAttributes;
}

export interface Harness {
  readonly portolan: SessionsPortolan;
  readonly clock: FakeClock;
  readonly store: FallibleStore;
  readonly secrets: MemorySecrets;
  /** Finished lines of the JSON logger. */
  readonly lines: string[];
  /** What core handed to the logger, before any scrubbing. */
  readonly logged: Logged[];
  /** Work given to `waitUntil`. */
  readonly pending: Promise<unknown>[];
  /** Every answer so far. */
  readonly answers: Answer[];
  /** The default key. */
  readonly key: string;
  /** Secret parts of every key made here. */
  readonly keySecrets: string[];
  /** Makes a key kept in the store. */
  addKey(options?: {
    tenant?: string;
    scopes?: readonly Scope[];
    expiresAt?: number;
  }): Promise<{ key: string; record: ApiKeyRecord }>;
  /** Sends a request and checks the answer against the OpenAPI document. */
  call(method: string, target: string, call?: Call): Promise<Answer>;
  /** Fails when a secret is in a log line, a problem, or a record. */
  expectNoSecrets(): void;
}

/** A Portolan on a store in memory, with a clock that moves only when told to. */
export function startPortolan(options: HarnessOptions = {}): Harness {
  const clock = options.clock ?? new FakeClock({ autoAdvance: true });
  const store = options.store ?? new FallibleStore();
  const keySecrets: string[] = [];
  const makeKey = (tenant: string, granted: readonly Scope[], expiresAt?: number): { key: string; record: ApiKeyRecord } => {
    const made = newApiKey(nodeCrypto, clock.now(), { tenant, scopes: granted, expiresAt });
    keySecrets.push(made.key.slice(made.key.lastIndexOf(made.record.id) + made.record.id.length + 1));
    return made;
  };
  const first = makeKey('acme', scopes);
  const secrets = new MemorySecrets({
    signing: canaries.signingSecret,
    'api-keys': JSON.stringify({ keys: [first.record] }),
    iproyal: JSON.stringify({ password: canaries.vendorPassword }),
    webshare: JSON.stringify({ username: 'wsuser', password: canaries.otherVendorPassword }),
  });
  const lines: string[] = [];
  const logged: Logged[] = [];
  const json = createJsonLogger({ clock, sink: (line) => lines.push(line), minSeverity: 'debug' });
  const pending: Promise<unknown>[] = [];
  const answers: Answer[] = [];
  const portolan = createPortolan(
    {
      clock,
      crypto: nodeCrypto,
      store,
      secrets,
      counters: options.counters,
      random: options.random ?? (() => 0.5),
      proxy: reverseProxy(options.proxy ?? unusedProxyPlatform),
      logger: {
        log(severity, event, attributes = {}) {
          logged.push({ severity, event, attributes });
          json.log(severity, event, attributes);
        },
      },
    },
    { ...configuration, ...options.configuration },
    options.gateway === null ? undefined : (options.gateway ?? gatewayAddress),
  );

  let requests = 0;
  const call = async (
    method: string,
    target: string,
    { key = first.key, body, headers = {}, context = {} }: Call = {},
  ): Promise<Answer> => {
    const isJson = typeof body === 'object' && !(body instanceof Uint8Array) && !(Symbol.asyncIterator in body);
    const response = await portolan.handler(
      {
        method,
        scheme: 'https',
        authority: 'api.example.com',
        target,
        headers: HeaderList.of(
          ...(key === null ? [] : ([['authorization', `Bearer ${key}`]] as const)),
          ...(body === undefined || headers['content-type'] !== undefined ? [] : ([['content-type', 'application/json']] as const)),
          ...Object.entries(headers),
        ),
        body: isJson ? JSON.stringify(body) : (body as Body),
      },
      {
        source: 'test',
        requestId: `req-${++requests}`,
        clientAddress: '192.0.2.1',
        deadline: clock.now() + 10_000,
        waitUntil: (work) => void pending.push(work),
        ...context,
      },
    );
    const text = new TextDecoder().decode(await readBody(response.body, 10_000_000));
    const answer: Answer = {
      status: response.status,
      headers: response.headers,
      text,
      json: text === '' ? undefined : (JSON.parse(text) as unknown),
    };
    answers.push(answer);
    const wrong = undocumented(method, target, { status: answer.status, contentType: answer.headers.get('content-type'), text });
    expect(wrong, `${method} ${target} ${answer.status} against the OpenAPI document`).toBeUndefined();
    return answer;
  };

  return {
    portolan,
    clock,
    store,
    secrets,
    lines,
    logged,
    pending,
    answers,
    key: first.key,
    keySecrets,
    async addKey({ tenant = 'acme', scopes: granted = scopes, expiresAt } = {}) {
      const made = makeKey(tenant, granted, expiresAt);
      await portolan.storedKeys.add(made.record);
      return made;
    },
    call,
    expectNoSecrets() {
      const secretParts = [...Object.values(canaries), ...keySecrets];
      const places = {
        logged: JSON.stringify(logged),
        lines: lines.join('\n'),
        problems: answers
          .filter(({ status }) => status >= 400)
          .map(({ text, headers }) => `${text}${headers.flat().join('\n')}`)
          .join('\n'),
        records: JSON.stringify(store.sent),
      };
      for (const [place, text] of Object.entries(places)) {
        for (const secret of secretParts) {
          for (const form of [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)]) {
            expect(text.includes(form), `a secret is in ${place}`).toBe(false);
          }
        }
      }
    },
  };
}
