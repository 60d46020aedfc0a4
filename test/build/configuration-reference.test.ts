import { readFileSync } from 'node:fs';
import { format, resolveConfig } from 'prettier';
import { describe, expect, it } from 'vitest';
import { featuresOf, usedFeatures } from '../../.build/configuration-features.ts';
import { withConfigurationReference } from '../../.build/configuration-reference.ts';
import { examples } from '../../.build/gateway-examples.ts';
import { checkConfiguration } from '../../core/config/check-configuration.ts';
import { proxyProperties } from '../../core/proxy/schema.ts';
import { builtInTemplates } from '../../core/session/vendors/catalogue.ts';

describe('docs/configuration.md', () => {
  const markdown = readFileSync('docs/configuration.md', 'utf8');

  it('has the reference and the examples as they are: make configuration-reference writes them', async () => {
    const options = await resolveConfig('docs/configuration.md');
    expect(markdown).toBe(await format(withConfigurationReference(markdown), { ...options, filepath: 'docs/configuration.md' }));
  });

  it('names every member by its path', () => {
    for (const path of ['match.headers[].oneOf', 'split.gate.rescue', 'circuitBreaker.maxOpenMs', 'accessLog.queryParameters']) {
      expect(markdown).toContain(`\n| \`${path}\` `);
    }
  });
});

describe('the examples of the gateway', () => {
  it('have every member of the schema in one of them at least', () => {
    const shown = new Set<string>();
    const wanted = new Map<string, string>();
    for (const [heading, schema] of Object.entries(proxyProperties)) {
      const features = featuresOf(schema, heading);
      const kinds = new Map(features.map(({ path, kind }) => [path, kind]));
      for (const { path, kind } of features) if (!wanted.has(kind)) wanted.set(kind, path);
      for (const { configuration } of examples) {
        const written = configuration[heading as keyof typeof proxyProperties];
        for (const path of usedFeatures(schema, written, heading)) shown.add(kinds.get(path) ?? path);
      }
    }
    expect(wanted.size).toBeGreaterThan(150);
    expect([...wanted].flatMap(([kind, path]) => (shown.has(kind) ? [] : [path]))).toEqual([]);
  });

  it.each(examples)(
    '$name is right without a warning, and says what it is and what to try',
    ({ name, configuration, says, tries }) => {
      expect(name).toMatch(/^[a-z-]+$/);
      const checked = checkConfiguration(configuration, builtInTemplates, { isServer: true, handlers: ['hello'] });
      expect(checked).toMatchObject({ ok: true, warnings: [] });
      expect(configuration.routes).toBeDefined();
      expect(says).toMatch(/^[A-Z].*\.$/);
      expect(tries).not.toEqual([]);
    },
  );
});
