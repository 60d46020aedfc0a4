import { readFileSync } from 'node:fs';

/** Content: text for its UTF-8 bytes, or bytes as base64; `repeat` times over (default once), so that a megabyte needs no megabyte of corpus. */
export interface CorpusContent {
  readonly text?: string;
  readonly base64?: string;
  readonly repeat?: number;
}

/** What core must see of a request, and who the platform says is calling. */
export interface CorpusRequest {
  readonly method: string;
  readonly scheme: 'http' | 'https';
  readonly authority: string;
  readonly target: string;
  /** name, value, ..., names in lower case. The order of different names is not compared: most platforms lose it. */
  readonly headers: readonly string[];
  /** Absent: no content, or empty content, which no platform can tell apart. */
  readonly body?: CorpusContent;
  /** Without port; null when the platform attests none. */
  readonly clientAddress: string | null;
}

export interface CorpusResponse {
  readonly status: number;
  /** As in `CorpusRequest`. */
  readonly headers: readonly string[];
  readonly body?: CorpusContent;
}

/** An event of the platform, and the request it must become. */
export interface RequestCase {
  readonly name: string;
  readonly event: unknown;
  readonly becomes: CorpusRequest;
  /** What the platform lost on the way, by the names in `platform-losses.json`. */
  readonly loses?: readonly string[];
}

/** An answer of core's, and the platform's result it must become, exactly. */
export interface ResponseCase {
  readonly name: string;
  readonly response: CorpusResponse;
  readonly result: unknown;
}

/** What the corpus holds of one source: `test/corpus/<source>.json`. */
export interface Corpus {
  readonly source: string;
  /** A plain GET of this source, which the answers answer. */
  readonly event: unknown;
  readonly requests: readonly RequestCase[];
  readonly responses: readonly ResponseCase[];
}

/** An exchange as the client and core see it, whatever the platform between them: `exchanges.json`. */
export interface Exchanges {
  readonly requests: readonly {
    readonly name: string;
    readonly request: Omit<CorpusRequest, 'scheme' | 'authority'> & { readonly clientAddress: string };
  }[];
  readonly responses: readonly {
    readonly name: string;
    readonly response: CorpusResponse;
    /** How the content must travel where results are JSON: by its bytes, never by its type. */
    readonly carriedAs: 'text' | 'base64';
  }[];
}

/** Where an exchange comes out differently, because the platform loses something: source, then name of the exchange. `exceptions.json`. */
export type Exceptions = Readonly<
  Record<string, Readonly<Record<string, { readonly loses: readonly string[]; readonly becomes: Partial<CorpusRequest> }>>>
>;

/** What each source loses, in a sentence: source, then name of the loss. `platform-losses.json`. */
export type PlatformLosses = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** Reads a file of the corpus, for example `aws-rest` or `exchanges`. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- who names a file knows its type
export function readCorpusFile<T = Corpus>(name: string): T {
  return JSON.parse(readFileSync(new URL(`${name}.json`, import.meta.url), 'utf8')) as T;
}

/** The bytes of content; `undefined` for none. */
export function contentBytes(content: CorpusContent | undefined): Uint8Array | undefined {
  if (content === undefined) return undefined;
  const { text, base64, repeat = 1 } = content;
  const once = text === undefined ? Buffer.from(base64 ?? '', 'base64') : Buffer.from(text);
  return repeat === 1 ? once : Buffer.concat(Array.from({ length: repeat }, () => once));
}
