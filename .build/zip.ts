import { crc32, deflateRawSync, inflateRawSync } from 'node:zlib';

/** A file of an archive. */
export interface ZipEntry {
  /** Relative, with `/` between folders; ASCII. */
  readonly name: string;
  readonly content: Uint8Array;
}

/** 1980-01-01, the first day a zip can name, in MS-DOS's coding; the time is midnight. */
const date = (1 << 5) | 1;
const deflated = 8;
/** Made on Unix, so that the mode counts; by version 2.0 of the format, which has all that is used here. */
const madeBy = (3 << 8) | 20;
const version = 20;
/** A plain file that all may read and its owner may write: functions run under a user we do not know. */
const mode = (0o100644 << 16) >>> 0;

const signatures = { local: 0x04034b50, central: 0x02014b50, end: 0x06054b50 } as const;

/**
 * A zip archive that the same files always give the same bytes of: entries by name, one date, one mode, no extra fields, no comment
 * (PKWARE's APPNOTE 6.3). zlib is the Node's that runs this, so the same Node gives the same bytes.
 *
 * Written here, in seventy lines, because a library would be one more thing whose next version may change every package's hash.
 *
 * @throws {TypeError} a name that is absolute, climbs out, comes twice, or is not ASCII
 */
export function zip(entries: readonly ZipEntry[]): Buffer {
  const sorted = entries.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const locals: Buffer[] = [];
  const centrals: Buffer[] = [];
  let offset = 0;
  for (const [at, { name, content }] of sorted.entries()) {
    if (!/^[\x21-\x7e]+$/.test(name) || name.split('/').some((part) => ['', '.', '..'].includes(part)) || name.includes('\\')) {
      throw new TypeError(`"${name}" cannot be the name of a file in a package`);
    }
    if (sorted[at + 1]?.name === name) throw new TypeError(`"${name}" would be in the package twice`);
    const packed = deflateRawSync(content, { level: 9 });
    const common = Buffer.alloc(26);
    common.writeUInt16LE(version, 0);
    common.writeUInt16LE(deflated, 4);
    common.writeUInt16LE(date, 8);
    common.writeUInt32LE(crc32(content), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(content.length, 18);
    common.writeUInt16LE(name.length, 22);
    const local = Buffer.concat([uint32(signatures.local), common, Buffer.from(name), packed]);
    const placed = Buffer.alloc(14);
    placed.writeUInt32LE(mode, 6);
    placed.writeUInt32LE(offset, 10);
    centrals.push(Buffer.concat([uint32(signatures.central), uint16(madeBy), common, placed, Buffer.from(name)]));
    locals.push(local);
    offset += local.length;
  }
  const directory = Buffer.concat(centrals);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(signatures.end, 0);
  end.writeUInt16LE(sorted.length, 8);
  end.writeUInt16LE(sorted.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...locals, directory, end]);
}

/**
 * The files of an archive that `zip` wrote, or another that deflates all of them and has no comment (Terraform's plan files).
 *
 * @throws {TypeError} another kind of archive, or a damaged one
 */
export function unzip(archive: Buffer): ZipEntry[] {
  const end = archive.length - 22;
  if (end < 0 || archive.readUInt32LE(end) !== signatures.end) throw new TypeError('Not an archive of ours');
  const entries: ZipEntry[] = [];
  let at = archive.readUInt32LE(end + 16);
  for (let left = archive.readUInt16LE(end + 10); left > 0; left--) {
    if (archive.readUInt32LE(at) !== signatures.central || archive.readUInt16LE(at + 10) !== deflated) {
      throw new TypeError('Not an archive of ours');
    }
    const [crc, packed, nameLength] = [archive.readUInt32LE(at + 16), archive.readUInt32LE(at + 20), archive.readUInt16LE(at + 28)];
    const name = archive.toString('latin1', at + 46, at + 46 + nameLength);
    const local = archive.readUInt32LE(at + 42);
    const start = local + 30 + nameLength + archive.readUInt16LE(local + 28);
    const content = inflateRawSync(archive.subarray(start, start + packed));
    if (crc32(content) !== crc) throw new TypeError(`"${name}" is damaged`);
    entries.push({ name, content });
    at += 46 + nameLength + archive.readUInt16LE(at + 30) + archive.readUInt16LE(at + 32);
  }
  return entries;
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
