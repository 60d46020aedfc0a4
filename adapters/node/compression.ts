import { Readable } from 'node:stream';
import { pipeline } from 'node:stream';
import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import type { Compression, ContentCoding } from '../../core/ports/index.ts';

const { constants } = zlib;

/** Fast enough to do on the way: a tenth of the default's time for a few per cent more bytes. */
const brotliQuality = 4;
const gzipLevel = 6;
const zstdLevel = 3;

const hasZstd = typeof zlib.createZstdCompress === 'function';

/** Content codings by `node:zlib`, in the thread pool; zstd where this Node has it. Memory per stream is bounded by the coding's window. */
export const nodeCompression: Compression = {
  codings: hasZstd ? ['zstd', 'br', 'gzip'] : ['br', 'gzip'],
  compress(body, coding, { flush }) {
    if (typeof body === 'string' || body instanceof Uint8Array) return whole(body, coding);
    return streamed(body, coding, flush);
  },
};

const gzip = promisify<zlib.InputType, zlib.ZlibOptions, Buffer>(zlib.gzip);
const brotli = promisify<zlib.InputType, zlib.BrotliOptions, Buffer>(zlib.brotliCompress);

function whole(content: string | Uint8Array, coding: ContentCoding): Promise<Uint8Array> {
  if (coding === 'gzip') return gzip(content, { level: gzipLevel });
  if (coding === 'br') return brotli(content, { params: { [constants.BROTLI_PARAM_QUALITY]: brotliQuality } });
  return promisify<zlib.InputType, zlib.ZstdOptions, Buffer>(zlib.zstdCompress)(content, {
    params: { [constants.ZSTD_c_compressionLevel]: zstdLevel },
  });
}

/** Fails where its source does; a reader that stops, stops the source. */
function streamed(body: AsyncIterable<Uint8Array>, coding: ContentCoding, flush: boolean): AsyncIterable<Uint8Array> {
  return {
    [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
      const coder = createCoder(coding, flush);
      // the error reaches whoever reads the coder
      pipeline(Readable.from(body, { objectMode: true, highWaterMark: 1 }), coder, () => undefined);
      return coder[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
    },
  };
}

function createCoder(coding: ContentCoding, flush: boolean): zlib.BrotliCompress | zlib.Gzip | zlib.ZstdCompress {
  if (coding === 'gzip') return zlib.createGzip({ level: gzipLevel, flush: flush ? constants.Z_SYNC_FLUSH : constants.Z_NO_FLUSH });
  if (coding === 'br') {
    return zlib.createBrotliCompress({
      params: { [constants.BROTLI_PARAM_QUALITY]: brotliQuality },
      flush: flush ? constants.BROTLI_OPERATION_FLUSH : constants.BROTLI_OPERATION_PROCESS,
    });
  }
  return zlib.createZstdCompress({
    params: { [constants.ZSTD_c_compressionLevel]: zstdLevel },
    flush: flush ? constants.ZSTD_e_flush : constants.ZSTD_e_continue,
  });
}
