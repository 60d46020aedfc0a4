import { readdirSync, readFileSync } from 'node:fs';
import { format } from 'prettier';
import { describe, expect, test } from 'vitest';
import { readCorpusFile } from './format.ts';
import type { Exceptions, Exchanges, PlatformLosses } from './format.ts';
import { awsCorpus, awsSources } from './generate-aws.ts';

const shared = ['aws-extras', 'exceptions', 'exchanges', 'platform-losses'];
const sources = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.json'))
  .map((file) => file.slice(0, -'.json'.length))
  .filter((name) => !shared.includes(name));
const losses = readCorpusFile<PlatformLosses>('platform-losses');
const exceptions = readCorpusFile<Exceptions>('exceptions');
const exchanges = readCorpusFile<Exchanges>('exchanges');

test('there is a corpus for every source of AWS', () => {
  expect(sources).toEqual(expect.arrayContaining(Object.keys(awsSources)));
});

describe.each(sources)('the corpus of %s', (source) => {
  const corpus = readCorpusFile(source);

  test('has at least 40 requests and 30 answers, each with a name of its own', () => {
    expect(corpus.source).toBe(source);
    expect(corpus.requests.length).toBeGreaterThanOrEqual(40);
    expect(corpus.responses.length).toBeGreaterThanOrEqual(30);
    for (const cases of [corpus.requests, corpus.responses]) expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length);
  });

  test('has every common exchange', () => {
    const names = new Set([...corpus.requests, ...corpus.responses].map(({ name }) => name));
    for (const { name } of [...exchanges.requests, ...exchanges.responses]) expect(names, name).toContain(name);
  });

  test('loses only what is listed, and everything that is listed', () => {
    const listed = Object.keys(losses[source] ?? {});
    const lost = new Set(corpus.requests.flatMap(({ loses = [] }) => loses));
    expect([...lost].toSorted()).toEqual(listed.toSorted());
  });

  test('its exceptions are about exchanges there are, and every one makes a difference', () => {
    for (const [name, { loses, becomes }] of Object.entries(exceptions[source] ?? {})) {
      const exchange = exchanges.requests.find((each) => each.name === name);
      expect(exchange, name).toBeDefined();
      expect(loses.length, name).toBeGreaterThan(0);
      expect({ ...exchange?.request, ...becomes }, name).not.toEqual(exchange?.request);
      expect(corpus.requests.find((each) => each.name === name)?.loses, name).toEqual(loses);
    }
  });
});

test.each(Object.keys(awsSources))('%s.json is what the generator writes', async (source) => {
  const text = await format(JSON.stringify(awsCorpus(source)), { parser: 'json', printWidth: 132 });
  expect(readFileSync(new URL(`${source}.json`, import.meta.url), 'utf8')).toBe(text);
});
