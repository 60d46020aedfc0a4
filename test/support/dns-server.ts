import { createSocket } from 'node:dgram';
import type { RemoteInfo } from 'node:dgram';
import { once } from 'node:events';

export interface AddressRecord {
  readonly type: 'A' | 'AAAA';
  readonly address: string;
  /** Seconds. */
  readonly ttl: number;
}

export interface ServiceRecord {
  readonly type: 'SRV';
  readonly priority: number;
  readonly weight: number;
  readonly port: number;
  readonly target: string;
  /** Seconds. */
  readonly ttl: number;
}

export type DnsRecord = AddressRecord | ServiceRecord;
type RecordType = DnsRecord['type'];

/** What a question is answered with: records (of other types they say that there are none of this one), or how it goes wrong. */
export type DnsAnswer = readonly DnsRecord[] | 'no such name' | 'server failure' | 'refused' | 'silence';

export interface DnsServer {
  /** `127.0.0.1:port`, as `Resolver.setServers` takes it. */
  readonly address: string;
  /** What was asked, such as `A www.example.com`. */
  readonly asked: readonly string[];
  close(): Promise<void>;
}

/** RFC 1035 section 4.1.1. */
const codes = { 'no such name': 3, 'server failure': 2, refused: 5 } as const;
/** RFC 1035 section 3.2.2, RFC 3596, RFC 2782. */
const types: Readonly<Record<RecordType, number>> = { A: 1, AAAA: 28, SRV: 33 };

/** A name server on the loopback, over UDP (RFC 1035). */
export async function startDnsServer(answer: (name: string) => DnsAnswer): Promise<DnsServer> {
  const socket = createSocket('udp4');
  const asked: string[] = [];
  socket.on('message', (message: Buffer, { port, address }: RemoteInfo) => {
    const { name, type, end } = readQuestion(message);
    const wanted = Object.entries(types).find(([, code]) => code === type)?.[0];
    asked.push(`${wanted ?? type} ${name}`);
    const given = answer(name);
    if (given === 'silence') return;
    const records = typeof given === 'string' ? [] : given.filter((record) => record.type === wanted);
    const code = typeof given === 'string' ? codes[given] : 0;
    const header = Buffer.alloc(12);
    message.copy(header, 0, 0, 2);
    // An answer, with the recursion that was asked for.
    header.writeUInt16BE(0x8180 | code, 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(records.length, 6);
    socket.send(Buffer.concat([header, message.subarray(12, end), ...records.map(encoded)]), port, address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return {
    address: `127.0.0.1:${socket.address().port}`,
    asked,
    async close() {
      socket.close();
      await once(socket, 'close');
    },
  };
}

function readQuestion(message: Buffer): { readonly name: string; readonly type: number; readonly end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = message[at] ?? 0; length > 0; length = message[at] ?? 0) {
    labels.push(message.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  // Resolvers may mix the case of letters, against forgery.
  return { name: labels.join('.').toLowerCase(), type: message.readUInt16BE(at + 1), end: at + 5 };
}

function encoded(record: DnsRecord): Buffer {
  const data = dataOf(record);
  // The name of the question, by pointer.
  const head = Buffer.from([0xc0, 12, 0, types[record.type], 0, 1, 0, 0, 0, 0, 0, 0]);
  head.writeUInt32BE(record.ttl, 6);
  head.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, data]);
}

function dataOf(record: DnsRecord): Buffer {
  if (record.type === 'SRV') return serviceData(record);
  if (record.type === 'A') return Buffer.from(record.address.split('.').map(Number));
  // "::" stands for as many groups of zeros as are missing.
  const [before = [], after = []] = record.address.split('::').map((part) => part.split(':').filter((group) => group !== ''));
  const groups = [...before, ...Array.from({ length: 8 - before.length - after.length }, () => '0'), ...after];
  return Buffer.from(groups.map((group) => group.padStart(4, '0')).join(''), 'hex');
}

function serviceData({ priority, weight, port, target }: ServiceRecord): Buffer {
  const labels = target.split('.').filter((label) => label !== '');
  const numbers = Buffer.alloc(6);
  numbers.writeUInt16BE(priority, 0);
  numbers.writeUInt16BE(weight, 2);
  numbers.writeUInt16BE(port, 4);
  return Buffer.concat([
    numbers,
    ...labels.map((label) => Buffer.from(`${String.fromCharCode(label.length)}${label}`, 'latin1')),
    Buffer.from([0]),
  ]);
}
