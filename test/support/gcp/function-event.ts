/**
 * What Google Cloud makes of an HTTP request on its way to a function's container, written from its documentation, independently of the codec.
 * Sources:
 *
 * - https://cloud.google.com/run/docs/container-contract (TLS ends before the container, HTTP/1.1 goes on)
 * - https://cloud.google.com/load-balancing/docs/https#x-forwarded-for_header (the front end adds the peer behind what the client wrote)
 * - https://cloud.google.com/trace/docs/trace-context (`X-Cloud-Trace-Context`)
 */

/** A request as the corpus holds it: as Node parses it, before anything reads its content. */
export interface SentEvent {
  readonly method: string;
  readonly originalUrl: string;
  readonly rawHeaders: readonly string[];
  /** base64; absent without content. */
  readonly content?: string;
}

const trace = '105445aa7843bc8bf206b12000100000/1;o=1';

/** name, value, ..., names in lower case: what the client sent and what the front end adds. */
export function frontEndFields(
  headers: readonly string[],
  authority: string,
  clientAddress: string,
  content: Uint8Array | undefined,
): readonly string[] {
  const at = headers.indexOf('x-forwarded-for');
  const claimed = at < 0 ? '' : `${headers[at + 1]}, `;
  const sent = at < 0 ? headers : headers.toSpliced(at, 2);
  const forwardedFor = clientAddress.includes(':') ? `"[${clientAddress}]"` : `"${clientAddress}"`;
  return [
    ...['host', authority],
    ...sent,
    ...(content === undefined || content.length === 0 ? [] : ['content-length', String(content.length)]),
    ...['x-cloud-trace-context', trace],
    ...['x-forwarded-for', `${claimed}${clientAddress}`, 'x-forwarded-proto', 'https'],
    ...['forwarded', `for=${forwardedFor};proto=https`],
  ];
}

/** The event of a request whose fields are complete. Names come as clients write them. */
export function sentEvent(method: string, target: string, fields: readonly string[], content: Uint8Array | undefined): SentEvent {
  return {
    method,
    originalUrl: target,
    rawHeaders: fields.map((text, at) => (at % 2 === 0 ? capitalised(text) : text)),
    ...(content === undefined || content.length === 0 ? {} : { content: Buffer.from(content).toString('base64') }),
  };
}

function capitalised(name: string): string {
  return name.replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase());
}
