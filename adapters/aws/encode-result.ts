import { isUtf8 } from 'node:buffer';
import { responseTooLarge } from '../../core/http/problem.ts';
import type { HttpResponse } from '../../core/ports/index.ts';

/** Content as Lambda's results carry it. */
export interface ResultContent {
  readonly body: string;
  readonly isBase64Encoded: boolean;
}

/** Room for a result's header fields, with which nobody has to count: a section of 64 KiB, escaped, in quotes and with what we add. */
const headerRoom = 262_144;
/** JSON's worst: one UTF-16 unit becomes `\uXXXX`. */
const worstEscape = 6;
const probeBytes = 1_024;

/**
 * Makes a platform's result of a response, with the content as text or base64, judged by its bytes and never by its content type. A result
 * of more than `limit` bytes of JSON becomes a problem, because the platform would cut it off or answer a bare 502.
 *
 * Synchronous unless the content is a stream, which is read to its end, but never past `limit`.
 *
 * @param build makes the result, apart from the size
 */
export function encodeResult<Result extends ResultContent>(
  response: HttpResponse,
  limit: number,
  build: (response: HttpResponse, content: ResultContent) => Result | undefined,
): Result | Promise<Result> {
  const { body } = response;
  if (body === undefined) return finish(response, noContent, limit, build);
  if (typeof body === 'string') return finish(response, textContent(body), limit, build);
  if (body instanceof Uint8Array) return finish(response, bytesContent(body), limit, build);
  return collect(body, limit).then((bytes) =>
    bytes === undefined ? refused(build) : finish(response, bytesContent(bytes), limit, build),
  );
}

const noContent: ResultContent = { body: '', isBase64Encoded: false };

function textContent(text: string): ResultContent {
  return { body: text.isWellFormed() ? text : text.toWellFormed(), isBase64Encoded: false };
}

function bytesContent(bytes: Uint8Array): ResultContent {
  const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return isText(buffer)
    ? { body: buffer.toString('utf8'), isBase64Encoded: false }
    : { body: buffer.toString('base64'), isBase64Encoded: true };
}

/** Well-formed UTF-8. The start is looked at first, because it gives most binary content away and checking a megabyte costs as much as encoding it. */
function isText(buffer: Buffer): boolean {
  return (buffer.length <= probeBytes || isUtf8(buffer.subarray(0, characterStart(buffer, probeBytes)))) && isUtf8(buffer);
}

/** The last place not after `at` where no character would be cut in two, in well-formed UTF-8. */
function characterStart(buffer: Buffer, at: number): number {
  let start = at;
  while (start > at - 3 && ((buffer[start] ?? 0) & 0xc0) === 0x80) start -= 1;
  return start;
}

function finish<Result extends ResultContent>(
  response: HttpResponse,
  content: ResultContent,
  limit: number,
  build: (response: HttpResponse, content: ResultContent) => Result | undefined,
): Result {
  const result = build(response, content);
  if (result === undefined) return refused(build);
  if (fits(result, limit)) return result;
  // Text full of control characters is shorter as base64.
  if (!content.isBase64Encoded && content.body.length < limit) {
    const encoded = build(response, { body: Buffer.from(content.body).toString('base64'), isBase64Encoded: true });
    if (encoded !== undefined && fits(encoded, limit)) return encoded;
  }
  return refused(build);
}

function fits(result: ResultContent, limit: number): boolean {
  const { body, isBase64Encoded } = result;
  if (body.length > limit) return false;
  if (body.length * (isBase64Encoded ? 1 : worstEscape) + headerRoom <= limit) return true;
  return Buffer.byteLength(JSON.stringify(result)) <= limit;
}

const refusals = new WeakSet<object>();

/** Whether a result says, instead of its answer, that it was too large. */
export function isRefusal(result: object): boolean {
  return refusals.has(result);
}

function refused<Result extends ResultContent>(
  build: (response: HttpResponse, content: ResultContent) => Result | undefined,
): Result {
  const result = build(responseTooLarge, textContent(responseTooLarge.body as string));
  if (result === undefined) throw new TypeError('A problem must fit every platform');
  refusals.add(result);
  return result;
}

/** All bytes of a stream; `undefined`, and the stream is closed, once there are more than `limit`. */
async function collect(stream: AsyncIterable<Uint8Array>, limit: number): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stream) {
    length += chunk.length;
    if (length > limit) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}
