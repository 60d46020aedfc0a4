import { expect, it, onTestFinished } from 'vitest';
import { HeaderList } from '../../core/http/header-list.ts';
import { fronts, streamingFronts } from '../support/fronts.ts';
import { MemoryLogger } from '../support/memory-logger.ts';

/** What platforms do to answers; told in `docs/platforms.md`. */

const fields = [
  ...['x-repeated', 'a', 'x-repeated', 'b'],
  ...['set-cookie', 'a=1', 'set-cookie', 'b=2; Partitioned'],
  ...['proxy-authenticate', 'Basic'],
  ...['content-length', '7'],
];

/** What arrives of them in an answer to HEAD. */
const whole = {
  'x-repeated': ['a', 'b'],
  'set-cookie': ['a=1', 'b=2; Partitioned'],
  'proxy-authenticate': ['Basic'],
  'content-length': ['7'],
};
const joined = { 'x-repeated': ['a, b'] };
const noLength = { 'content-length': [] };
const losses: Readonly<Record<string, Partial<Record<keyof typeof whole, readonly string[]>>>> = {
  server: {},
  gcp: {},
  // that cookies go out as they are is shown under the library's own server
  azure: { ...joined, 'proxy-authenticate': [], 'set-cookie': ['a=1', 'b=2'] },
  'aws-rest': noLength,
  'aws-rest, streamed': noLength,
  'aws-http-v2': { ...joined, ...noLength },
  'aws-url': { ...joined, ...noLength },
  'aws-url, streamed': { ...joined, ...noLength },
  'aws-alb': { ...joined, ...noLength },
  'aws-alb-multi': noLength,
};

it.each(Object.entries({ ...fronts, ...streamingFronts }))('the fields of an answer by way of %s', async (name, open) => {
  const front = await open(() => ({ status: 200, headers: new HeaderList(fields), body: undefined }), new MemoryLogger());
  onTestFinished(() => front.close());
  const { headers } = await front.ask({ method: 'HEAD', target: '/' });
  const valuesOf = (field: string): readonly string[] => headers.filter((_, at) => at % 2 === 1 && headers[at - 1] === field);
  expect(Object.fromEntries(Object.keys(whole).map((field) => [field, valuesOf(field)]))).toEqual({ ...whole, ...losses[name] });
});
