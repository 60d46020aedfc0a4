import type { LambdaSource } from '../../../adapters/aws/lambda-http-codec.ts';

/** An answer as the client gets it. */
export interface WireResponse {
  readonly status: number;
  /** name, value, ..., names in lower case. */
  readonly headers: readonly string[];
  readonly body: Buffer;
}

interface Result {
  readonly statusCode?: unknown;
  readonly statusDescription?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly multiValueHeaders?: Readonly<Record<string, readonly string[]>>;
  readonly cookies?: readonly string[];
  readonly body?: string;
  readonly isBase64Encoded?: boolean;
}

const allowed: Readonly<Record<LambdaSource, readonly string[]>> = {
  'aws-rest': ['statusCode', 'headers', 'multiValueHeaders', 'body', 'isBase64Encoded'],
  'aws-http-v2': ['statusCode', 'headers', 'cookies', 'body', 'isBase64Encoded'],
  'aws-url': ['statusCode', 'headers', 'cookies', 'body', 'isBase64Encoded'],
  'aws-alb': ['statusCode', 'statusDescription', 'headers', 'body', 'isBase64Encoded'],
  'aws-alb-multi': ['statusCode', 'statusDescription', 'multiValueHeaders', 'body', 'isBase64Encoded'],
};

/**
 * What AWS makes of a function's result, from its documentation and independently of the codecs.
 *
 * @throws {Error} the platform would answer 502: a key it does not take, a missing one, no text
 */
export function readResult(source: LambdaSource, result: unknown): WireResponse {
  const {
    statusCode,
    statusDescription,
    headers = {},
    multiValueHeaders = {},
    cookies = [],
    body = '',
    isBase64Encoded,
  } = result as Result;
  const unknown = Object.keys(result as object).filter((key) => !allowed[source].includes(key));
  if (unknown.length > 0) throw new Error(`${source} does not take ${unknown.join(', ')}`);
  if (typeof statusCode !== 'number' || statusCode < 100 || statusCode > 599) throw new Error('No status');
  if (source.startsWith('aws-alb') && !new RegExp(`^${statusCode} .+$`).test(String(statusDescription)))
    throw new Error('No description');
  if (source === 'aws-alb' && (result as Result).headers === undefined) throw new Error('No headers');
  if (source === 'aws-alb-multi' && (result as Result).multiValueHeaders === undefined) throw new Error('No multiValueHeaders');
  const flat: string[] = [];
  // A REST API merges both maps; names that differ in case only are one field.
  for (const [name, value] of Object.entries(headers)) flat.push(name.toLowerCase(), value);
  for (const [name, values] of Object.entries(multiValueHeaders)) for (const value of values) flat.push(name.toLowerCase(), value);
  for (const cookie of cookies) flat.push('set-cookie', cookie);
  if (flat.some((text) => typeof text !== 'string')) throw new Error('A field is no text');
  return { status: statusCode, headers: flat, body: Buffer.from(body, isBase64Encoded === true ? 'base64' : 'utf8') };
}
