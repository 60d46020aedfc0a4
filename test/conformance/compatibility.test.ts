import { describe, expect, test } from 'vitest';
import { collect } from './compatibility-reporter.ts';
import { beginMarker, differences, endMarker, insertTable, mergeRuns, renderTable } from './compatibility-table.ts';
import { assertSkips } from './suite.ts';

const whole = { passed: 3, failed: 0, skipped: {} };
const partly = { passed: 1, failed: 0, skipped: { 'one case': 'no such thing', another: 'no such thing' } };
const failing = { passed: 2, failed: 1, skipped: {} };
const readme = `# Title\n\n${beginMarker}\nold\n${endMarker}\n\nMore.\n`;

describe('the compatibility table', () => {
  test('has a row for each platform, a column for each port that was run, and the reasons below', () => {
    const table = renderTable({ SQLite: { secrets: partly, 'key-value store': whole }, memory: { 'key-value store': failing } });
    expect(table).toBe(
      [
        '| platform | key-value store | secrets |',
        '| --- | --: | --: |',
        '| SQLite | 3 | 1 of 3 |',
        '| memory | **1 of 3 fail** |  |',
        '',
        'Left out:',
        '',
        '- SQLite, secrets: “one case”, “another”: no such thing.',
        '',
      ].join('\n'),
    );
  });

  test('is put between the markers and nowhere else, and the same again changes nothing', () => {
    const written = insertTable(readme, { memory: { counters: whole } });
    expect(written).toBe(`# Title\n\n${beginMarker}\n\n${renderTable({ memory: { counters: whole } })}\n${endMarker}\n\nMore.\n`);
    expect(insertTable(written, { memory: { counters: whole } })).toBe(written);
  });

  test.each(['no markers', endMarker + beginMarker, beginMarker])('needs its markers: %s', (text) => {
    expect(() => insertTable(text, {})).toThrow('compatibility');
  });

  test('differs from a run that says otherwise, and not from one of fewer platforms', () => {
    const written = insertTable(readme, { memory: { counters: whole }, SQLite: { counters: partly } });
    expect(differences(written, { memory: { counters: whole } })).toEqual([]);
    expect(differences(written, { memory: { counters: failing } })).toEqual(['| memory | **1 of 3 fail** |']);
    expect(differences(written, { other: { counters: whole } })).toEqual(['| other | 3 |']);
    expect(differences(readme, { memory: { counters: whole } })).not.toEqual([]);
  });

  test('keeps the runs of other platforms and ports when a new run is added', () => {
    const merged = mergeRuns(
      { memory: { counters: failing, secrets: whole }, SQLite: { counters: whole } },
      { memory: { counters: whole } },
    );
    expect(merged).toEqual({ memory: { counters: whole, secrets: whole }, SQLite: { counters: whole } });
  });
});

describe('collecting a run', () => {
  const on = { platform: 'memory', port: 'counters' };

  test('counts what passed, what failed and what was skipped with a reason, by platform and port', () => {
    expect(
      collect([
        { title: 'a', state: 'passed', ...on },
        { title: 'b', state: 'failed', ...on },
        { title: 'c', state: 'skipped', ...on, skipped: 'the reason' },
        { title: 'a', state: 'passed', platform: 'memory', port: 'secrets' },
        { title: 'no conformance test', state: 'failed' },
      ]),
    ).toEqual({
      memory: { counters: { passed: 1, failed: 1, skipped: { c: 'the reason' } }, secrets: { passed: 1, failed: 0, skipped: {} } },
    });
  });

  test.each(['skipped', 'pending'])('leaves out a suite that was run in part only: a case is %s', (state) => {
    expect(
      collect([
        { title: 'a', state: 'passed', ...on },
        { title: 'b', state, ...on },
      ]),
    ).toEqual({});
  });
});

describe('a skip', () => {
  const cases = [{ title: 'a case', run: async () => {} }];

  test('names a case and gives a reason', () => {
    expect(() => assertSkips(cases, { 'a case': 'the reason' })).not.toThrow();
    expect(() => assertSkips(cases, { 'A case': 'the reason' })).toThrow('A skip matches no case: A case');
    expect(() => assertSkips(cases, { 'a case': ' ' })).toThrow('A skip needs a reason: a case');
  });

  test('cannot be of two cases: titles are unique', () => {
    expect(() => assertSkips([...cases, ...cases], {})).toThrow('Two cases have one title');
  });
});
