import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { withSection } from '../../.build/generated-section.ts';
import { clouds } from '../../.build/terraform/cloud.ts';
import { costPage, costSummary, costTable, monthlyCost, readPrices, workload } from '../../.build/terraform/costs.ts';
import { FallibleStore } from '../support/fallible-store.ts';
import { startPortolan } from '../support/portolan.ts';

describe('what a deployment costs', () => {
  test.for(clouds)('%s: about one dollar for 100,000 sessions a month, and no more, with nothing but alarms beside', (cloud) => {
    expect(workload.sessions).toBe(100_000);
    expect(monthlyCost(cloud, { alarms: false })).toBeLessThan(1.5);
    expect(monthlyCost(cloud)).toBeLessThan(2);
  });

  test('the model asks the store for as much as a create does', async () => {
    const store = new FallibleStore();
    const { call } = startPortolan({ store });
    // The first one reads its tenant's key.
    await call('POST', '/v1/sessions', { body: {} });
    store.calls.length = 0;
    expect((await call('POST', '/v1/sessions', { body: {} })).status).toBe(201);
    const read = store.calls.filter((operation) => operation === 'get' || operation === 'list').length;
    expect({ reads: read, writes: store.writes }).toEqual({ reads: workload.reads.stored, writes: workload.writes });
  });

  test('the firewalls have as many rules as they are paid for', () => {
    const rules = (file: string, list: RegExp): number => (list.exec(readFileSync(file, 'utf8'))?.[1] ?? '').split(',').length;
    const atRest = (cloud: 'aws' | 'gcp', input: string): number => {
      const row = costTable(cloud)
        .split('\n')
        .find((line) => line.includes(`| \`${input}\``));
      return Number(row?.split('|')[3]);
    };
    const { aws, gcp } = readPrices().cloud;
    const groups = rules('terraform/aws/waf.tf', /waf_groups = \[([^\]]+)\]/);
    expect(atRest('aws', 'edge.waf')).toBe((aws.meters['firewall']?.usd ?? 0) + groups * (aws.meters['firewallRule']?.usd ?? 0));
    const armor = rules('terraform/gcp/routes.tf', /armor_firewall = var\.edge\.waf \? \[([^\]]+)\]/);
    expect(atRest('gcp', 'edge.waf')).toBe(armor * (gcp.meters['armorRule']?.usd ?? 0));
    expect([groups, armor]).toEqual([3, 7]);
  });

  test('every price has a source, and the day it is known from', () => {
    const { known, cloud } = readPrices();
    expect(known).toMatch(/^20\d\d-[01]\d$/);
    for (const name of clouds) {
      const { sources } = cloud[name] as unknown as { sources: readonly string[] };
      expect(sources.length).toBeGreaterThan(5);
      for (const source of sources) expect(new URL(source).protocol).toBe('https:');
    }
  });

  test.for(clouds)('the page of %s tells it (make terraform-docs)', (cloud) => {
    const text = readFileSync(costPage('terraform', cloud), 'utf8');
    expect(text).toBe(withSection(text, 'costs', costTable(cloud)));
  });

  test('terraform/README.md tells the three beside each other (make terraform-docs)', () => {
    const text = readFileSync('terraform/README.md', 'utf8');
    expect(text).toBe(withSection(text, 'costs', costSummary()));
  });
});
