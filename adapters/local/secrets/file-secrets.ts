import { constants } from 'node:fs';
import type { BigIntStats } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { maxSecretBytes } from '../../../core/ports/index.ts';
import type { CallOptions, Logger, PortErrorCode, Secret, Secrets, SecretVersion } from '../../../core/ports/index.ts';
import { absentSecret, checkSecretCall, checkSecretValue, secretError } from './secret-checks.ts';

const readableByOthers = 0o004n;

const codes: Readonly<Record<string, PortErrorCode>> = {
  EACCES: 'permission_denied',
  EISDIR: 'failed_precondition',
  ELOOP: 'failed_precondition',
  EMFILE: 'resource_exhausted',
  ENFILE: 'resource_exhausted',
  ENOENT: 'unavailable',
  ENOTDIR: 'failed_precondition',
  EPERM: 'permission_denied',
};

/**
 * Secrets from a folder, one file each: `<name>`, and `<name>.previous` while a rotation is under way. This is how containers get
 * theirs mounted. A file is taken byte for byte: an end of line at its end, as editors leave it, is part of the secret.
 *
 * A missing folder is `unavailable`: a mount that did not come up must not look like a secret that was never made.
 */
export class FileSecrets implements Secrets {
  readonly #folder: string;
  readonly #logger: Logger | undefined;
  readonly #warned = new Set<string>();

  /** @param logger gets one warning per file that every user of the machine can read */
  constructor(folder: string, logger?: Logger) {
    this.#folder = folder;
    this.#logger = logger;
  }

  get(name: string, version: 'current', options?: CallOptions): Promise<Secret>;
  get(name: string, version: 'previous', options?: CallOptions): Promise<Secret | undefined>;
  async get(name: string, version: SecretVersion, options?: CallOptions): Promise<Secret | undefined> {
    checkSecretCall(name, options);
    const file = version === 'previous' ? `${name}.previous` : name;
    try {
      // without blocking, should somebody have put a pipe there
      const handle = await open(join(this.#folder, file), constants.O_RDONLY | constants.O_NONBLOCK);
      try {
        return await this.#read(handle, name, file);
      } finally {
        await handle.close();
      }
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === undefined || typeof (error as NodeJS.ErrnoException).syscall !== 'string') throw error;
      if (code === 'ENOENT' && (await this.#folderExists())) return absentSecret(version);
      throw secretError(codes[code] ?? 'internal', code);
    }
  }

  async #read(handle: FileHandle, name: string, file: string): Promise<Secret> {
    const stats = await handle.stat({ bigint: true });
    if (!stats.isFile()) throw secretError('failed_precondition', 'not a file');
    if (stats.size > maxSecretBytes) throw secretError('out_of_range');
    if ((stats.mode & readableByOthers) !== 0n && !this.#warned.has(file)) {
      this.#warned.add(file);
      this.#logger?.log('warn', 'secrets.file_readable_by_everyone', { 'secret.name': name, 'file.name': file });
    }
    const value = decode(await handle.readFile());
    checkSecretValue(value);
    return { value, version: fileVersion(stats), createdAt: Number(stats.mtimeMs) };
  }

  async #folderExists(): Promise<boolean> {
    return stat(this.#folder).then(
      (stats) => stats.isDirectory(),
      () => false,
    );
  }
}

/** A file written anew has another time or, within one tick of the file system's clock, another inode. */
function fileVersion({ mtimeNs, ino }: BigIntStats): string {
  return `${mtimeNs.toString(36)}-${ino.toString(36)}`;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decode(bytes: Uint8Array): string {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    throw secretError('data_loss', 'not UTF-8');
  }
  if (text.includes('\0')) throw secretError('data_loss', 'binary');
  return text;
}
