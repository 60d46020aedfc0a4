import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib';

/** Content that tells whether it is whole, and whose it is. */
export function contentOf(token: string, length: number, filler = 'x'): string {
  return `<${token} ${filler.repeat(length)} ${token}>`;
}

/** Whose content it is; `undefined` when something is missing. */
export function tokenOf(text: string): string | undefined {
  const [, first, last] = /^<(\S+) (?:x*|\xff*) (\S+)>$/.exec(text) ?? [];
  return first === last ? first : undefined;
}

/** Content as it was before it was compressed. @throws what is not what its coding says */
export function decoded(coding: string | undefined, content: Uint8Array): Buffer {
  switch (coding) {
    case 'gzip':
      return gunzipSync(content);
    case 'br':
      return brotliDecompressSync(content);
    case 'zstd':
      return zstdDecompressSync(content);
    default:
      return Buffer.from(content);
  }
}
