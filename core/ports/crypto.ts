/**
 * The few primitives core needs, synchronous. A port because Web Crypto is asynchronous, which costs more than the hash itself on
 * the way of every request.
 */
export interface Crypto {
  /** Cryptographically random bytes. */
  randomBytes(size: number): Uint8Array;
  /** SHA-256 of the UTF-8 bytes of `text`: 32 bytes (FIPS 180-4). */
  sha256(text: string): Uint8Array;
  /** HMAC-SHA-256 of the UTF-8 bytes of `text`: 32 bytes (RFC 2104). */
  hmacSha256(key: Uint8Array | string, text: string): Uint8Array;
}
