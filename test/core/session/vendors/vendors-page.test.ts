import { readFile } from 'node:fs/promises';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { builtInTemplates } from '../../../../core/session/vendors/catalogue.ts';
import { checkTemplate } from '../../../../core/session/vendors/check-template.ts';
import { templateSchema } from '../../../../core/session/vendors/template-schema.ts';
import type { VendorTemplate } from '../../../../core/session/vendors/template.ts';
import { rendered } from './rendering.ts';
import { renderVendorTable, vendorsPage, withVendorTable } from './vendor-table.ts';

const page = await readFile(vendorsPage, 'utf8');

describe('docs/vendors.md', () => {
  it('lists the built-in templates as they are; `node test/core/session/vendors/vendor-table.ts` writes the list anew', async () => {
    expect(await withVendorTable(page)).toBe(page);
  });

  it('has a row and a section for each', () => {
    const table = renderVendorTable(builtInTemplates);
    for (const id of Object.keys(builtInTemplates)) {
      expect(table).toContain(`| \`${id}\` |`);
      expect(table).toContain(`### \`${id}\``);
    }
  });

  it('says that no template was tried with an account', () => {
    expect(page).toContain('not one template was tried with a live account');
  });

  it('shows a configuration whose own vendor works', () => {
    const yaml = /```yaml\n(?<text>vendors:[^]*?)```/.exec(page)?.groups?.['text'] ?? '';
    const { vendors } = parse(yaml) as { vendors: Record<string, VendorTemplate> };
    const template = vendors['acme-residential']!;
    const validate = new Ajv2020().compile(templateSchema);
    expect(validate(template), JSON.stringify(validate.errors)).toBe(true);
    expect(checkTemplate(template)).toEqual([]);
    expect(rendered(template, { geo: { country: 'US', city: 'New York' }, ttlSeconds: 600, failClosed: true })).toMatchObject({
      host: 'gate.acme.example',
      port: 9000,
      username: 'USERNAME-country-us-city-new_york-session-abcd1234-time-10-strict',
    });
  });
});
