/**
 * The few primitives core needs, synchronous. A port because Web Crypto is asynchronous, which costs more than the hash itself on
 * the way of every request.
 */
export interface Crypto {
  /** Cryptographically random bytes. */
  randomBytes(size: number): Uint8Array;
  /** SHA-256 of the UTF-8 bytes of `text` (FIPS 180-4), base64url without padding: 43 characters. */
  sha256(text: string): string;
  /** HMAC-SHA-256 of the UTF-8 bytes of `text` with those of `key` (RFC 2104), base64url without padding: 43 characters. */
  hmacSha256(key: string, text: string): string;
}
