import { createHash, createHmac, randomBytes } from 'node:crypto';
import type { Crypto } from '../../core/ports/index.ts';

/** Node's own cryptography. */
export const nodeCrypto: Crypto = {
  randomBytes: (size) => randomBytes(size),
  sha256: (text) => createHash('sha256').update(text).digest(),
  hmacSha256: (key, text) => createHmac('sha256', key).update(text).digest(),
};
