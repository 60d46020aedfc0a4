/**
 * Asks a server over many connections, one request at a time on each, and reads every answer to its end. A process of its own, told what to do by messages;
 * it does as little as it can beside.
 */
import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { connect } from 'node:net';

export interface Load {
  readonly port: number;
  /** Last segment of the path. */
  readonly what: '1k' | '10m' | '64k';
  readonly connections: number;
  /** Ends after this; or with `each` requests on every connection. */
  readonly forMs?: number;
  readonly each?: number;
  /** The SHA-256 that every content must have. */
  readonly sha256?: string | undefined;
}

export interface LoadResult {
  readonly requests: number;
  readonly ms: number;
  /** Latencies, in milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

const fields = [
  'user-agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36',
  'accept: application/json',
  'accept-language: de-DE,de;q=0.9',
  'cookie: a=1; b=2',
  'authorization: Bearer 0123456789abcdef',
];

process.on('message', (load: Load) => {
  run(load).then(
    (result) => process.send?.({ result }),
    (error: unknown) => process.send?.({ error: String(error) }),
  );
});
process.once('disconnect', () => process.exit(0));
process.send?.({ ready: true });

async function run({
  port,
  what,
  connections,
  forMs = Number.POSITIVE_INFINITY,
  each = Number.POSITIVE_INFINITY,
  sha256,
}: Load): Promise<LoadResult> {
  const request = `GET /items/${what} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n${fields.join('\r\n')}\r\n\r\n`;
  const latencies: number[] = [];
  const began = performance.now();
  const until = began + forMs;

  const one = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port, noDelay: true });
      let asked = 0;
      let askedAt = 0;
      let head: Buffer | undefined;
      let left = 0;
      let hash: Hash | undefined;
      const ask = (): void => {
        asked++;
        askedAt = performance.now();
        head = undefined;
        left = -1;
        if (sha256 !== undefined) hash = createHash('sha256');
        socket.write(request, 'latin1');
      };
      socket.on('connect', ask);
      socket.on('error', reject);
      socket.on('close', () => {
        reject(new Error('the connection was closed'));
      });
      socket.on('data', (received: Buffer) => {
        let content = received;
        if (left < 0) {
          const whole: Buffer = head === undefined ? received : Buffer.concat([head, received]);
          const end = whole.indexOf('\r\n\r\n');
          if (end === -1) {
            head = whole;
            return;
          }
          const text = whole.toString('latin1', 0, end);
          const length = /\r\ncontent-length: (\d+)/i.exec(text)?.[1];
          if (!text.startsWith('HTTP/1.1 200 ') || length === undefined) {
            reject(new Error(text));
            return;
          }
          left = Number(length);
          content = whole.subarray(end + 4);
        }
        left -= content.length;
        hash?.update(content);
        if (left > 0) return;
        const now = performance.now();
        latencies.push(now - askedAt);
        if (left < 0 || (hash !== undefined && hash.digest('hex') !== sha256)) {
          reject(new Error('the content is not what was sent'));
        } else if (now < until && asked < each) {
          ask();
        } else {
          socket.destroy();
          resolve();
        }
      });
    });

  await Promise.all(Array.from({ length: connections }, one));
  const ms = performance.now() - began;
  latencies.sort((a, b) => a - b);
  const percentile = (share: number): number => latencies[Math.floor(latencies.length * share)] ?? Number.NaN;
  return { requests: latencies.length, ms, p50: percentile(0.5), p99: percentile(0.99) };
}
