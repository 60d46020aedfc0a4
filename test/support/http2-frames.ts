/** HTTP/2 by hand (RFC 9113 section 6), so that what no library would send can be sent. */

export const frameType = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const flag = { endStream: 1, ack: 1, endHeaders: 4 } as const;

export const clientPreface: Buffer = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

export function frame(type: number, flags: number, stream: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** A field section (RFC 7541 section 6.2.2): literals that nobody remembers, so that every block stands by itself. Values below 127 bytes. */
export function fieldBlock(...fields: readonly (readonly [name: string, value: string])[]): Buffer {
  return Buffer.concat(
    fields.flatMap(([name, value]) => [
      Buffer.from([0, name.length]),
      Buffer.from(name, 'latin1'),
      Buffer.from([value.length]),
      Buffer.from(value, 'latin1'),
    ]),
  );
}

export function uint32(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, at) => bytes.writeUInt32BE(value >>> 0, 4 * at));
  return bytes;
}

export function settings(...values: readonly (readonly [id: number, value: number])[]): Buffer {
  const payload = Buffer.alloc(6 * values.length);
  values.forEach(([id, value], at) => {
    payload.writeUInt16BE(id, 6 * at);
    payload.writeUInt32BE(value >>> 0, 6 * at + 2);
  });
  return frame(frameType.settings, 0, 0, payload);
}

export const settingsAck: Buffer = frame(frameType.settings, flag.ack, 0);

/** Cuts what a peer sends into frames. */
export class FrameReader {
  #bytes = Buffer.alloc(0);
  #preface: number;

  /** @param preface whether a client's preface comes first */
  constructor(preface: boolean) {
    this.#preface = preface ? clientPreface.length : 0;
  }

  push(chunk: Uint8Array): Frame[] {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    if (this.#bytes.length < this.#preface) return [];
    this.#bytes = this.#bytes.subarray(this.#preface);
    this.#preface = 0;
    const frames: Frame[] = [];
    while (this.#bytes.length >= 9) {
      const end = 9 + this.#bytes.readUIntBE(0, 3);
      if (this.#bytes.length < end) break;
      const [type = 0, flags = 0] = [this.#bytes[3], this.#bytes[4]];
      const stream = this.#bytes.readUInt32BE(5) & 0x7fffffff;
      frames.push({ type, flags, stream, payload: this.#bytes.subarray(9, end) });
      this.#bytes = this.#bytes.subarray(end);
    }
    return frames;
  }
}
