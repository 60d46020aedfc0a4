import { readdirSync, readFileSync } from 'node:fs';
import { format, resolveConfig } from 'prettier';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { withConfigurationReference } from '../../.build/configuration-reference.ts';
import { checkConfiguration } from '../../core/config/check-configuration.ts';
import type { Configuration } from '../../core/config/configuration.ts';
import { builtInTemplates } from '../../core/session/vendors/catalogue.ts';

const names = readdirSync('examples/gateway').filter((name) => name.endsWith('.yaml'));
const textOf = (name: string): string => readFileSync(`examples/gateway/${name}`, 'utf8');

describe('docs/configuration.md', () => {
  const markdown = readFileSync('docs/configuration.md', 'utf8');

  it('has the reference and the examples as they are: node .build/write-configuration-reference.ts writes them', async () => {
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
  it('are one for each kind of feature', () => {
    expect(names.length).toBeGreaterThanOrEqual(20);
    const used = new Set<string>();
    const visit = (value: unknown): void => {
      if (typeof value !== 'object' || value === null) return;
      for (const [name, inner] of Object.entries(value)) {
        used.add(name);
        visit(inner);
      }
    };
    for (const name of names) visit(parse(textOf(name)));
    const features = [
      ...['hosts', 'paths', 'methods', 'headers', 'query', 'cookies', 'clients', 'priority'],
      ...['upstream', 'split', 'redirect', 'respond', 'handler', 'mirror', 'rewrite', 'requestFields', 'responseFields', 'gate'],
      ...['url', 'targets', 'discovery', 'tls', 'balance', 'timeouts', 'retry', 'circuitBreaker', 'outlierEjection', 'healthCheck'],
      ...[
        'concurrency',
        'admission',
        'hedge',
        'fallback',
        'compression',
        'accessLog',
        'trustedProxies',
        'live',
        'upgrade',
        'compare',
      ],
    ];
    expect(features.filter((feature) => !used.has(feature))).toEqual([]);
  });

  it.each(names)('%s is right without a warning, and says what it is and what to try', (name) => {
    expect(name).toMatch(/^[a-z-]+\.yaml$/);
    const text = textOf(name);
    const checked = checkConfiguration(parse(text), builtInTemplates, { isServer: true, handlers: ['hello'] });
    expect(checked).toMatchObject({ ok: true, warnings: [] });
    expect((checked as { readonly configuration: Configuration }).configuration.routes).toBeDefined();
    expect(text).toMatch(/^# [A-Z]/);
    expect(text).toMatch(/^# try: \S/m);
  });
});
