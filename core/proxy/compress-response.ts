import { HeaderList } from '../http/header-list.ts';
import type { Compression, ContentCoding } from '../ports/compression.ts';
import type { Body, HttpRequest, HttpResponse } from '../ports/http.ts';
import { chooseCoding } from './accept-encoding.ts';
import type { CompressionConfiguration } from './configuration.ts';
import { proxyDefaults } from './defaults.ts';

/**
 * Compresses an answer's content where the client takes it, and brings its fields in line.
 *
 * Never: content that is encoded already, `no-transform` (RFC 9110 section 7.7), ranges, answers without content, content with a digest of its bytes
 * (RFC 9530), content that is short or of another type. `Vary` says that `Accept-Encoding` counts wherever it did, also where the content stays
 * as it is.
 *
 * A strong `ETag` becomes weak (RFC 9110 section 8.8.3.3): the coded content is equal, but not byte for byte. `If-None-Match` compares weakly, so that
 * the backend knows the tag again when it comes back; a tag of our own making would have to be translated in every request. `If-Range` and
 * `If-Match` fail with it, which is safe: the bytes are not those that the backend has.
 */
export type ResponseCompression = (request: HttpRequest, response: HttpResponse) => HttpResponse | Promise<HttpResponse>;

const defaultCodings: readonly ContentCoding[] = ['zstd', 'br', 'gzip'];

/** `+json` covers every type with that suffix (RFC 6839). */
const defaultTypes = [
  'text/*',
  'application/json',
  'application/x-ndjson',
  'application/xml',
  'application/javascript',
  'application/x-javascript',
  'image/svg+xml',
  '+json',
  '+xml',
];

/**
 * @param configuration `false` for never
 * @returns `undefined` where nothing is ever compressed
 */
export function compileCompression(
  configuration: CompressionConfiguration | false | undefined,
  compression: Compression,
): ResponseCompression | undefined {
  if (configuration === false) return undefined;
  const { codings = defaultCodings, minBytes = proxyDefaults.compression.minBytes, types = defaultTypes } = configuration ?? {};
  const offered = codings.filter((coding) => compression.codings.includes(coding));
  if (offered.length === 0) return undefined;
  const covered = new Set(types.map((type) => type.toLowerCase()));
  const covers = remembering((contentType) => {
    const type = (contentType.split(';')[0] ?? '').trim().toLowerCase();
    const plus = type.lastIndexOf('+');
    return covered.has(type) || covered.has(`${type.split('/')[0] ?? ''}/*`) || (plus !== -1 && covered.has(type.slice(plus)));
  });
  const choose = remembering((accepted) => chooseCoding(accepted, offered) ?? 'identity');

  return (request, response) => {
    const { status, body } = response;
    if (status < 200 || status === 204 || status === 205 || status === 206) return response;
    const fields = response.headers.flat();
    const facts = readFacts(fields);
    if (facts === undefined) return response;
    if (status === 304) return revalidated(request, response, facts.etagAt);
    const { contentType, etagAt } = facts;
    const length = typeof body === 'string' || body instanceof Uint8Array ? body.length : facts.length;
    // Without any word on the type nobody knows what the content is.
    if (contentType === undefined || !covers(contentType) || (length !== undefined && length < minBytes)) return response;
    const accepted = request.headers.get('accept-encoding');
    const coding = accepted === undefined || body === undefined || request.method === 'HEAD' ? 'identity' : choose(accepted);
    if (coding === 'identity' || holds(request.headers.get('cache-control'), 'no-transform')) {
      return facts.varies ? response : { ...response, headers: new HeaderList([...fields, 'vary', 'accept-encoding']) };
    }
    const coded: string[] = [];
    for (let at = 0; at < fields.length; at += 2) {
      const name = fields[at]!;
      // The length is another, and ranges of the content would be of bytes that the backend does not have.
      if (name === 'content-length' || name === 'accept-ranges') continue;
      coded.push(name, at === etagAt ? weak(fields[at + 1]!) : fields[at + 1]!);
    }
    if (!facts.varies) coded.push('vary', 'accept-encoding');
    coded.push('content-encoding', coding);
    const flush = facts.unbuffered || isLive(contentType);
    const content = compression.compress(body!, coding, { flush });
    const headers = new HeaderList(coded);
    return content instanceof Promise
      ? content.then((whole: Body) => ({ ...response, headers, body: whole }))
      : { ...response, headers, body: content };
  };
}

interface ContentFacts {
  contentType: string | undefined;
  length: number | undefined;
  etagAt: number;
  varies: boolean;
  /** The backend asks proxies to hold nothing back (a field of nginx's that others took over). */
  unbuffered: boolean;
}

/** `undefined` for content that must stay as it is. */
function readFacts(fields: readonly string[]): ContentFacts | undefined {
  const facts: ContentFacts = { contentType: undefined, length: undefined, etagAt: -1, varies: false, unbuffered: false };
  for (let at = 0; at < fields.length; at += 2) {
    const value = fields[at + 1]!;
    switch (fields[at]) {
      case 'content-type':
        facts.contentType = value;
        break;
      case 'content-length':
        facts.length = Number(value);
        break;
      case 'etag':
        facts.etagAt = at;
        break;
      case 'vary':
        facts.varies ||= holds(value, 'accept-encoding') || holds(value, '*');
        break;
      case 'cache-control':
        if (holds(value, 'no-transform')) return undefined;
        break;
      case 'x-accel-buffering':
        facts.unbuffered = value.toLowerCase() === 'no';
        break;
      case 'content-encoding':
      case 'content-range':
      case 'content-digest':
      case 'repr-digest':
      case 'digest':
      case 'content-md5':
        return undefined;
    }
  }
  return facts;
}

/** A client that names the weak form of a tag has the coded content: it must find that tag in the 304 (RFC 9111 section 4.3.4). */
function revalidated(request: HttpRequest, response: HttpResponse, etagAt: number): HttpResponse {
  const fields = response.headers.flat();
  const tag = weak(fields[etagAt + 1] ?? '');
  if (etagAt === -1 || request.headers.get('if-none-match')?.includes(tag) !== true) return response;
  return { ...response, headers: new HeaderList(fields.with(etagAt + 1, tag)) };
}

function weak(tag: string): string {
  return tag.startsWith('W/') ? tag : `W/${tag}`;
}

/** Content that is read as it comes: waiting for more of it would hold it back. */
function isLive(contentType: string): boolean {
  return /^(?:text\/event-stream|application\/(?:x-ndjson|json-seq|stream\+json))\b/i.test(contentType);
}

/** Whether a list holds this member, in lower case. */
function holds(list: string | undefined, member: string): boolean {
  if (list === undefined || list.length < member.length) return false;
  return list
    .toLowerCase()
    .split(',')
    .some((own) => own.trim() === member);
}

const maxRemembered = 200;
const maxRememberedLength = 256;

/** The same function with a short memory: clients and backends say the same few things all day. */
function remembering<Value>(decide: (text: string) => Value): (text: string) => Value {
  const known = new Map<string, Value>();
  return (text) => {
    const found = known.get(text);
    if (found !== undefined) return found;
    const value = decide(text);
    if (text.length <= maxRememberedLength) {
      if (known.size >= maxRemembered) known.clear();
      known.set(text, value);
    }
    return value;
  };
}
