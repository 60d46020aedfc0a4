import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Version {
  readonly id: string;
  /** A Unicode string; may be ill-formed, which is as near as a vault of texts comes to holding bytes. */
  readonly value: string;
  /** Whole seconds, as the vault tells them. */
  readonly created: number;
  enabled: boolean;
  nbf: number | undefined;
  exp: number | undefined;
}

/** An answer instead of the usual one. */
export interface Failure {
  readonly status: number;
  readonly code?: string;
  readonly inner?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const token = 'token-of-the-managed-identity';
const identityHeader = 'identity-header';
const pageSize = 2;

/**
 * Stands for one vault and for the endpoint of the managed identity beside it, over plain HTTP: the wire that the official clients speak
 * (challenge, token, secret; versions in pages with `nextLink`), not the service's behaviour beyond that.
 */
export class FakeKeyVault {
  /** Method and path of each request so far, for example `GET /secrets/a/`. */
  readonly requests: string[] = [];
  readonly #server = createServer((request, response) => this.#answer(request, response));
  readonly #secrets = new Map<string, Version[]>();
  #created = Math.floor(Date.UTC(2026, 0, 1) / 1_000);
  #failure: Failure | 'reset' | undefined;
  #identityFailure: number | 'reset' | 'hang' | undefined;

  static async start(): Promise<FakeKeyVault> {
    const fake = new FakeKeyVault();
    fake.#server.listen(0, '127.0.0.1');
    await once(fake.#server, 'listening');
    return fake;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The environment in which Azure's own credential finds the identity, as the platform sets it. */
  get identityEnvironment(): { readonly IDENTITY_ENDPOINT: string; readonly IDENTITY_HEADER: string } {
    return { IDENTITY_ENDPOINT: `${this.url}/msi/token`, IDENTITY_HEADER: identityHeader };
  }

  /** Adds a version; answers its id. Each is a second younger than the one before. */
  put(name: string, value: string, { enabled = true, nbf, exp }: { enabled?: boolean; nbf?: number; exp?: number } = {}): string {
    const version = { id: randomUUID().replaceAll('-', ''), value, created: this.#created++, enabled, nbf, exp };
    this.#secrets.set(name, [...(this.#secrets.get(name) ?? []), version]);
    return version.id;
  }

  /** Makes the vault (not the identity) answer so from now on; `undefined` heals. */
  fail(failure: Failure | 'reset' | undefined): void {
    this.#failure = failure;
  }

  /** Makes the identity's endpoint answer with a status, break the connection or say nothing; `undefined` heals. */
  failIdentity(failure: number | 'reset' | 'hang' | undefined): void {
    this.#identityFailure = failure;
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', this.url);
    this.requests.push(`${request.method} ${url.pathname}`);
    if (url.pathname === '/msi/token') return this.#identity(request, url, response);
    if (request.headers.authorization === undefined) {
      const challenge = 'Bearer authorization="https://login.microsoftonline.com/tenant", resource="https://vault.azure.net"';
      return error(response, { status: 401, code: 'Unauthorized', headers: { 'www-authenticate': challenge } });
    }
    if (request.headers.authorization !== `Bearer ${token}`) return error(response, { status: 401, code: 'Unauthorized' });
    if (this.#failure === 'reset') return void request.socket.destroy();
    if (this.#failure !== undefined) return error(response, this.#failure);
    const [, collection, name = '', version = ''] = url.pathname.split('/');
    if (collection !== 'secrets' || !url.searchParams.has('api-version'))
      return error(response, { status: 400, code: 'BadParameter' });
    return version === 'versions' ? this.#versions(name, url, response) : this.#secret(name, version, response);
  }

  #identity(request: IncomingMessage, url: URL, response: ServerResponse): void {
    if (this.#identityFailure === 'hang') return;
    if (this.#identityFailure === 'reset') return void request.socket.destroy();
    if (this.#identityFailure !== undefined) return error(response, { status: this.#identityFailure, code: 'Failed' });
    if (request.headers['x-identity-header'] !== identityHeader) return error(response, { status: 401, code: 'Unauthorized' });
    return json(response, 200, {
      access_token: url.searchParams.get('client_id') === 'unknown' ? 'wrong' : token,
      expires_on: String(Math.floor(Date.now() / 1_000) + 3_600),
      resource: url.searchParams.get('resource'),
      token_type: 'Bearer',
    });
  }

  #secret(name: string, id: string, response: ServerResponse): void {
    const versions = this.#secrets.get(name);
    const version = id === '' ? versions?.at(-1) : versions?.find((one) => one.id === id);
    if (version === undefined) return error(response, { status: 404, code: 'SecretNotFound' });
    if (!version.enabled) return error(response, { status: 403, code: 'Forbidden', inner: 'SecretDisabled' });
    return json(response, 200, { value: version.value, ...this.#properties(name, version) });
  }

  #versions(name: string, url: URL, response: ServerResponse): void {
    // The order of the list is no order in time.
    const all = (this.#secrets.get(name) ?? []).toSorted((a, b) => (a.id < b.id ? -1 : 1));
    const from = Number(url.searchParams.get('$skiptoken') ?? 0);
    const more = from + pageSize < all.length;
    const next = new URL(url);
    next.searchParams.set('$skiptoken', String(from + pageSize));
    return json(response, 200, {
      value: all.slice(from, from + pageSize).map((version) => this.#properties(name, version)),
      nextLink: more ? next.href : null,
    });
  }

  #properties(name: string, { id, created, enabled, nbf, exp }: Version): object {
    return { id: `${this.url}/secrets/${name}/${id}`, attributes: { enabled, nbf, exp, created, updated: created } };
  }
}

function json(response: ServerResponse, status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers }).end(JSON.stringify(body));
}

function error(response: ServerResponse, { status, code, inner, headers }: Failure): void {
  if (code === undefined) {
    response.writeHead(status, headers).end();
    return;
  }
  json(
    response,
    status,
    { error: { code, message: 'secret message', ...(inner === undefined ? {} : { innererror: { code: inner } }) } },
    headers,
  );
}
