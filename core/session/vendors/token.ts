import { compile } from './compile.ts';
import type { VendorTemplate } from './template.ts';

/** As many random bits as a token needs to be unguessable; more would only lengthen the credentials. */
const enoughBits = 128;

/**
 * A new session token of the vendor's form, every one equally likely: bytes that would favour some are thrown away and drawn again.
 * As long as the vendor allows, up to 128 bits.
 *
 * @param randomBytes cryptographically random, as `Crypto.randomBytes`
 */
export function newUpstreamToken(template: VendorTemplate, randomBytes: (size: number) => Uint8Array): string {
  const { sid } = template;
  if ('min' in sid) return String(sid.min + below(sid.max - sid.min + 1, randomBytes));
  const { alphabet } = compile(template);
  const length = tokenLength(template);
  // 256 is rarely a multiple of the alphabet: bytes from the greatest multiple on are thrown away.
  const limit = 256 - (256 % alphabet.length);
  let token = '';
  while (token.length < length) {
    for (const byte of randomBytes(length - token.length)) {
      if (byte < limit) token += alphabet.charAt(byte % alphabet.length);
    }
  }
  return token;
}

/** A uniform whole number from 0 to `count - 1`; `count` up to 2^53. */
function below(count: number, randomBytes: (size: number) => Uint8Array): number {
  const size = Math.max(1, Math.ceil(Math.log2(count) / 8));
  const bits = BigInt(size * 8);
  const range = BigInt(count);
  const limit = (1n << bits) - ((1n << bits) % range);
  for (;;) {
    let drawn = 0n;
    for (const byte of randomBytes(size)) drawn = (drawn << 8n) | BigInt(byte);
    if (drawn < limit) return Number(drawn % range);
  }
}

function tokenLength(template: VendorTemplate): number {
  const { sid } = template;
  if ('min' in sid) return 0;
  const wanted = Math.ceil(enoughBits / Math.log2(compile(template).alphabet.length));
  return Math.min(sid.maxLength, Math.max(sid.minLength, wanted));
}

/** How many tokens `newUpstreamToken` draws from; beyond 2^53 an approximation. */
export function tokenSpace(template: VendorTemplate): number {
  const { sid } = template;
  return 'min' in sid ? sid.max - sid.min + 1 : compile(template).alphabet.length ** tokenLength(template);
}

/**
 * Whether tokens must be reserved before use, because two sessions could draw the same: under 2^64. From there on, 100,000 live sessions
 * collide with a probability under 3e-10.
 */
export function mustReserveTokens(template: VendorTemplate): boolean {
  return tokenSpace(template) < 2 ** 64;
}

/** Whether a token is of the vendor's form. */
export function isUpstreamToken(template: VendorTemplate, token: string): boolean {
  const { sid } = template;
  if ('min' in sid) {
    const number = Number(token);
    return /^(0|[1-9][0-9]{0,15})$/.test(token) && number >= sid.min && number <= sid.max;
  }
  if (token.length < sid.minLength || token.length > sid.maxLength) return false;
  const { alphabet } = compile(template);
  for (const character of token) if (!alphabet.includes(character)) return false;
  return true;
}
