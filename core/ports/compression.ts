import type { Body } from './http.ts';

/** Content codings (RFC 9110 section 8.4.1) that a runtime may have. */
export type ContentCoding = 'br' | 'gzip' | 'zstd';

/** Compresses content with bounded memory, chunk by chunk; a flush after each chunk keeps server-sent events moving. */
export interface Compression {
  /** What this runtime has. */
  readonly codings: readonly ContentCoding[];
  /** Text or bytes become bytes; a stream becomes a stream that fails where its source does. */
  compress(body: Exclude<Body, undefined>, coding: ContentCoding, options: { readonly flush: boolean }): Body | Promise<Body>;
}
