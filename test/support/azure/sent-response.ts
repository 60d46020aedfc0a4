import { createRequire } from 'node:module';
import { HttpResponse } from '@azure/functions';
import type { Cookie, HttpResponseInit } from '@azure/functions';

/** What the client gets of a response. */
export interface SentResponse {
  readonly status: number;
  /** Flat, as `HeaderFields`. */
  readonly headers: readonly string[];
  readonly body: Uint8Array;
}

const { serialize } = createRequire(createRequire(import.meta.url).resolve('@azure/functions'))('cookie') as {
  serialize(name: string, value: string, options: object): string;
};

/** Fields of one connection, which the library does not hand on. */
const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/**
 * What the library sends for a result, by its own response class and its own cookie writer; as it does with streams on. Fields in the order of
 * their names, cookies last.
 */
export async function sentResponse(init: HttpResponseInit): Promise<SentResponse> {
  const response = new HttpResponse(init);
  return { status: response.status, headers: sentFields(response), body: new Uint8Array(await response.arrayBuffer()) };
}

/** The fields of a response as they go out. */
export function sentFields(response: HttpResponse): readonly string[] {
  // A map, because the library sets field by field: of several `set-cookie` the last stays.
  const fields = new Map([...response.headers].filter(([name]) => !hopByHop.has(name)));
  const last = fields.get('set-cookie');
  fields.delete('set-cookie');
  const cookies = response.cookies.length > 0 ? response.cookies.map(written) : last === undefined ? [] : [last];
  return [...[...fields].flat(), ...cookies.flatMap((cookie) => ['set-cookie', cookie])];
}

function written({ name, value, sameSite, expires, ...attributes }: Cookie): string {
  return serialize(name, value, { ...attributes, sameSite: sameSite?.toLowerCase(), expires: expires && new Date(expires) });
}
