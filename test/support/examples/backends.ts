import { once } from 'node:events';
import { createSecureServer } from 'node:http2';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TLSSocket } from 'node:tls';
import { WebSocketServer } from 'ws';
import { createIssuer } from '../certificates.ts';
import { startDnsServer } from '../dns-server.ts';
import type { DnsAnswer, DnsServer } from '../dns-server.ts';

/** A request that reached a backend. */
export interface Seen {
  /** Which backend: the name the client greeted it by (SNI). */
  readonly backend: string;
  /** Method and target. */
  readonly line: string;
  /** By name in lower case; repeated ones joined. */
  readonly fields: Readonly<Record<string, string>>;
}

/**
 * How a backend behaves, by its name: the status it answers with, or `slow`: its next answer comes a second late. `any` stands for all of them
 * together, so that one answer is late.
 */
export type Behaviours = Readonly<Record<string, number | 'slow'>>;

/** Every backend that the examples name, behind one port. */
export interface Backends {
  readonly port: number;
  readonly dns: DnsServer;
  /** Of the authority that vouches for them. */
  readonly ca: string;
  /** Certificate and key of a client, as the secret of an upstream holds them. */
  readonly clientCertificate: string;
  /** What they were asked since `behave`. */
  readonly seen: readonly Seen[];
  behave(behaviours: Behaviours): void;
  stop(): Promise<void>;
}

/** Public, so that the check of addresses lets it pass; nothing is ever sent there. */
const publicAddress = '93.184.215.14';
const backendPort = 443;

/** Starts TLS backends for `*.example.com` and their like, over HTTP/1.1 and HTTP/2, and a name server that knows them. */
export async function startBackends(): Promise<Backends> {
  const issuer = createIssuer();
  const names = ['*.example.com', '*.backend.example.com', '*.reports.example.com', 'backend.internal', 'legacy.internal']
    .map((name) => `DNS:${name}`)
    .join(',');
  let behaviours = new Map<string, number | 'slow'>();
  const seen: Seen[] = [];
  const see = ({ method = '', url = '', headers }: Http2ServerRequest | IncomingMessage, socket: TLSSocket): Seen => {
    const fields = Object.entries(headers).map(([name, value]) => [name, [value].flat().join(', ')]);
    const one = {
      backend: String(socket.servername),
      line: `${method} ${url}`,
      fields: Object.fromEntries(fields) as Seen['fields'],
    };
    seen.push(one);
    return one;
  };
  const behaviourOf = (backend: string): number | 'slow' | undefined => {
    const own = behaviours.has(backend) ? backend : 'any';
    const behaviour = behaviours.get(own);
    if (behaviour === 'slow') behaviours.delete(own);
    return behaviour;
  };

  const server = createSecureServer({
    ...issuer.issue(names),
    ca: issuer.ca,
    allowHTTP1: true,
    requestCert: true,
    rejectUnauthorized: false,
  });
  server.on('request', (request: Http2ServerRequest, response: Http2ServerResponse) => {
    void (async () => {
      const socket = request.socket as TLSSocket;
      const one = see(request, socket);
      const isCheck = request.url === '/healthz';
      const behaviour = isCheck ? undefined : behaviourOf(one.backend);
      for await (const _ of request); // its content
      if (behaviour === 'slow') await sleep(1_000);
      const isHtml = request.url.startsWith('/page');
      response.writeHead(typeof behaviour === 'number' ? behaviour : 200, {
        'content-type': isHtml ? 'text/html' : 'application/json',
        server: 'backend',
        'x-powered-by': 'a framework',
        'x-backend': one.backend,
        'x-client-certificate': String(socket.authorized),
      });
      const told = JSON.stringify({ backend: one.backend, saw: one.line });
      // Long enough to be compressed.
      response.end(isHtml ? `<p>${'content '.repeat(1_000)}</p>` : told);
    })();
  });
  const sockets = new WebSocketServer({ noServer: true });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    see(request, socket as TLSSocket);
    sockets.handleUpgrade(request, socket, head, (client) => {
      client.on('message', (data: Buffer) => client.send(`you said ${data.toString()}`));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const dns = await startDnsServer(records);

  const client = issuer.issue('DNS:portolan');
  return {
    port: (server.address() as AddressInfo).port,
    dns,
    ca: issuer.ca,
    clientCertificate: client.cert + client.key,
    seen,
    behave(wanted) {
      behaviours = new Map(Object.entries(wanted));
      seen.length = 0;
    },
    async stop() {
      server.close();
      await dns.close();
      issuer.remove();
    },
  };
}

function records(name: string): DnsAnswer {
  const service = /^_http\._tcp\.(.+)$/.exec(name)?.[1];
  if (service !== undefined) {
    return ['a', 'b'].map((one) => ({
      type: 'SRV',
      priority: 1,
      weight: 1,
      port: backendPort,
      target: `${one}.${service}`,
      ttl: 60,
    }));
  }
  return name.endsWith('.example.com') ? [{ type: 'A', address: publicAddress, ttl: 60 }] : 'no such name';
}
