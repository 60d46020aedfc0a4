/** HTTP/1.1 as bytes, read leniently: what a probe must see, not what a server should accept. Text is latin1: one character a byte. */

export interface Message {
  /** Request line or status line. */
  readonly start: string;
  /** As sent, names lower case. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly body: string;
  readonly trailers: readonly (readonly [name: string, value: string])[];
  /** Whether the message ended as its framing says. */
  readonly complete: boolean;
  /** What came after it. */
  readonly rest: string;
}

/**
 * Reads the message at the start of `text`; `undefined` while its header section is not there.
 *
 * @param bodiless whether the message has no content whatever its fields say
 * @param untilClose whether content without framing goes on to the end (responses), and `text` is all there is
 */
export function readMessage(text: string, bodiless = false, untilClose = false): Message | undefined {
  const end = text.indexOf('\r\n\r\n');
  if (end === -1) return undefined;
  const [start = '', ...lines] = text.slice(0, end).split('\r\n');
  const fields = readFields(lines);
  const rest = text.slice(end + 4);
  const done = (body: string, complete: boolean, after: string, trailers: Message['trailers'] = []): Message => ({
    start,
    fields,
    body,
    trailers,
    complete,
    rest: after,
  });
  if (bodiless) return done('', true, rest);
  if (valueOf(fields, 'transfer-encoding')?.toLowerCase().includes('chunked') === true) {
    const { body, trailers, after } = readChunks(rest);
    return done(body, after !== undefined, after ?? '', trailers);
  }
  const length = valueOf(fields, 'content-length');
  if (length !== undefined) {
    const size = Number(length);
    return done(rest.slice(0, size), rest.length >= size, rest.slice(size));
  }
  return untilClose ? done(rest, true, '') : done('', true, rest);
}

export function valuesOf(fields: Message['fields'], name: string): string[] {
  return fields.filter(([own]) => own === name).map(([, value]) => value);
}

export function valueOf(fields: Message['fields'], name: string): string | undefined {
  const values = valuesOf(fields, name);
  return values.length === 0 ? undefined : values.join(', ');
}

/** All responses in what a connection received; the last may be incomplete. */
export function readResponses(text: string, method: string, closed: boolean): (Message & { readonly status: number })[] {
  const responses: (Message & { readonly status: number })[] = [];
  let rest = text;
  for (;;) {
    const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(rest)?.[1]);
    const bodiless = method === 'HEAD' || status === 304 || status === 204 || (status >= 100 && status < 200);
    const message = Number.isNaN(status) ? undefined : readMessage(rest, bodiless, closed);
    if (message === undefined) return responses;
    responses.push({ ...message, status });
    rest = message.rest;
  }
}

function readFields(lines: readonly string[]): (readonly [string, string])[] {
  return lines.map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
  });
}

function readChunks(text: string): { body: string; trailers: Message['trailers']; after: string | undefined } {
  let body = '';
  let at = 0;
  for (;;) {
    const line = text.indexOf('\r\n', at);
    if (line === -1) return { body, trailers: [], after: undefined };
    const size = Number.parseInt(text.slice(at, line), 16);
    if (size === 0) {
      if (text.startsWith('\r\n', line + 2)) return { body, trailers: [], after: text.slice(line + 4) };
      const end = text.indexOf('\r\n\r\n', line + 2);
      if (end === -1) return { body, trailers: [], after: undefined };
      return { body, trailers: readFields(text.slice(line + 2, end).split('\r\n')), after: text.slice(end + 4) };
    }
    body += text.slice(line + 2, line + 2 + size);
    at = line + 4 + size;
    if (Number.isNaN(size) || at > text.length) return { body, trailers: [], after: undefined };
  }
}
