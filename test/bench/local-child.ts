/**
 * A server that creates sessions in SQLite: `portolan`, as `portolan dev` starts it, or `bare`, which is `node:http` and one insert with the same durability.
 * `node local-child.ts <portolan|bare> <folder>` prints its port and, if it needs one, a key; ends when its input does.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { devConfiguration, startLocal } from '../../adapters/local/start-local.ts';

const [kind, folder = ''] = process.argv.slice(2);

async function portolan(): Promise<object> {
  const { port, firstKey } = await startLocal({
    configuration: { ...devConfiguration, limits: { requestsPerMinute: 10_000_000, createsPerHour: 10_000_000 } },
    dataFolder: folder,
    host: '127.0.0.1',
    port: 0,
    gatewayPort: 0,
    logSink: () => undefined,
    env: {},
  });
  return { port, key: firstKey };
}

/** The same row into the same table, with as much of a session in it. */
async function bare(): Promise<object> {
  const database = new DatabaseSync(join(folder, 'bare.sqlite'));
  database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
    CREATE TABLE records (partition TEXT NOT NULL, id TEXT NOT NULL, value TEXT NOT NULL, version TEXT NOT NULL, expires_at INTEGER,
      PRIMARY KEY (partition, id)) WITHOUT ROWID, STRICT;
    CREATE INDEX records_expires_at ON records (expires_at) WHERE expires_at IS NOT NULL`);
  const insert = database.prepare('INSERT INTO records VALUES (?, ?, ?, ?, ?)');
  const server = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    request.on('end', () => {
      const { label, ttlSeconds } = JSON.parse(text) as { label: string; ttlSeconds: number };
      const now = Date.now();
      const sessionId = `ses_${randomBytes(16).toString('base64url')}`;
      const creationId = randomBytes(16).toString('base64url');
      const upstream = { startedAt: now, ttlSeconds };
      const expiry = { createdAt: now, expiresAt: now + ttlSeconds * 1_000 };
      const facts = {
        tenant: 'default',
        sessionId,
        pool: 'default',
        vendor: 'direct',
        label,
        tags: {},
        geo: {},
        onPeerLoss: 'fail',
      };
      const session = { v: 1, ...facts, ...expiry, generation: 1, revision: 1, upstream, creationId };
      const value = JSON.stringify(session);
      insert.run('sessions.default', sessionId, `${creationId}\n${value}`, randomUUID(), session.expiresAt + 3_600_000);
      response.writeHead(201, { 'content-type': 'application/json', location: `/v1/sessions/${sessionId}` }).end(value);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { port: (server.address() as AddressInfo).port };
}

console.log(JSON.stringify(await (kind === 'bare' ? bare() : portolan())));
process.stdin.on('end', () => process.exit(0)).resume();
