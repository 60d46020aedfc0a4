import { createHmac, hash, randomBytes } from 'node:crypto';
import type { Crypto } from '../../core/ports/index.ts';

/** Node's own cryptography. */
export const nodeCrypto: Crypto = {
  randomBytes: (size) => randomBytes(size),
  sha256: (text) => hash('sha256', text, 'base64url'),
  hmacSha256: (key, text) => createHmac('sha256', key).update(text).digest('base64url'),
};
