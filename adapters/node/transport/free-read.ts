/** Smaller chunks are left to the garbage collector, in bytes; a record of TLS is not. */
const minFreedBytes = 16_384;

/**
 * Frees the memory of a read from a socket when the chunk that ends it has been passed on: by their size alone, reads make V8 collect all garbage, several
 * times a second.
 */
export function freeRead({ buffer, byteOffset, length }: Uint8Array): void {
  if (length < minFreedBytes || byteOffset + length < buffer.byteLength) return;
  // Node's pool is the memory of many buffers, each of less than half its size
  const isPool = buffer.byteLength === Buffer.poolSize && length * 2 < Buffer.poolSize;
  if (!isPool && buffer instanceof ArrayBuffer) buffer.transfer(0);
}
