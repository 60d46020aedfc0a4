import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { exceptionsOf } from '../../.build/terraform/cases.ts';

describe('the scanners that users run', () => {
  const checkov = readFileSync('terraform/.checkov.yaml', 'utf8');

  test('skip nothing without a reason', () => {
    const lines = checkov.slice(checkov.indexOf('skip-check:')).trim().split('\n').slice(1);
    // A group's reason stands above its first; a line may have one of its own.
    expect(lines[0]).toMatch(/^ {2}# \S/);
    for (const line of lines) expect(line).toMatch(/^ {2}(# \S.+|- CKV2?_(AWS|AZURE|GCP)_\d+( # \S.+)?)$/);
    const { misconfigurations } = parse(readFileSync('terraform/.trivyignore.yaml', 'utf8')) as {
      misconfigurations: readonly { readonly id: string; readonly statement: string }[];
    };
    for (const { id, statement } of misconfigurations)
      expect([id, statement]).toEqual([expect.stringMatching(/^AVD-/), expect.stringMatching(/\.$/)]);
  });

  test('skip nothing twice', () => {
    const { 'skip-check': skipped } = parse(checkov) as { 'skip-check': readonly string[] };
    expect(new Set(skipped).size).toBe(skipped.length);
  });

  test('skip what the checks over the modules’ plans make an exception of', () => {
    const { 'skip-check': skipped } = parse(checkov) as { 'skip-check': readonly string[] };
    const excepted = exceptionsOf(['aws', 'azure', 'gcp']).flatMap(({ ids }) => {
      const [first = '', ...more] = ids.split(', ');
      const prefix = first.replace(/\d+$/, '');
      return [first, ...more.filter((id) => /^\d+$/.test(id)).map((id) => prefix + id)];
    });
    expect(excepted.length).toBeGreaterThan(0);
    expect(excepted.filter((id) => !skipped.includes(id))).toEqual([]);
  });
});
