import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { proxyProperties } from '../../../core/proxy/schema.ts';
import { resolveSettings } from '../../../core/proxy/upstream/settings.ts';
import type { JsonSchema } from '../../../core/schema/validate.ts';

/** Every default of a schema by its path, such as `retry.retries`. */
function defaultsOf(schema: JsonSchema, prefix = ''): readonly (readonly [path: string, value: unknown])[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, of]) => {
    const own = of.oneOf?.[0] ?? of;
    const inner = defaultsOf(own.items ?? own, `${prefix}${name}.`);
    return own.default === undefined ? inner : [[`${prefix}${name}`, own.default] as const, ...inner];
  });
}

function at(value: unknown, path: string): unknown {
  return path.split('.').reduce((inner, name) => (inner as Record<string, unknown> | undefined)?.[name], value);
}

const route = proxyProperties.routes.items ?? {};
const upstream = proxyProperties.upstreams.additionalProperties as JsonSchema;

describe('the defaults of an upstream', () => {
  const settings = {
    ...resolveSettings('a', { discovery: { kind: 'srv', name: 'a' }, healthCheck: {}, admission: {}, hedge: {} }),
    // What is not a part of its own in the settings.
    targets: { weight: 1 },
  };
  const elsewhere = { protocol: settings.profile.protocol, allowPrivate: settings.profile.allowPrivate };

  it('are those the schema documents, each of them', () => {
    const documented = defaultsOf(upstream);
    expect(documented.length).toBeGreaterThan(35);
    for (const [path, value] of documented) {
      expect([path, at(Object.hasOwn(elsewhere, path) ? elsewhere : settings, path)]).toEqual([path, value]);
    }
  });

  it('are all documented: a part that is switched on holds nothing the schema has no default for', () => {
    const documented = new Set(defaultsOf(upstream).map(([path]) => path));
    const { balance, timeouts, retry, circuitBreaker, outlierEjection, healthCheck, concurrency, admission, hedge } = settings;
    const parts = { balance, timeouts, retry, circuitBreaker, outlierEjection, healthCheck, concurrency, admission, hedge };
    for (const [part, of] of Object.entries(parts)) {
      for (const [name, value] of Object.entries(of ?? {})) {
        if (value !== undefined) expect(documented).toContain(`${part}.${name}`);
      }
    }
  });
});

/**
 * The interface that says in TypeScript what a part of the schema says. Members that are objects of their own are looked up by their path.
 */
const interfaces: Readonly<Record<string, readonly [of: JsonSchema, path: string]>> = {
  RouteConfiguration: [route, ''],
  RedirectConfiguration: [route, 'redirect'],
  GateConfiguration: [route, 'split.gate'],
  MirrorConfiguration: [route, 'mirror'],
  CompareConfiguration: [route, 'mirror.compare'],
  ProxySettings: [proxyProperties.proxy, ''],
  CompressionConfiguration: [proxyProperties.proxy, 'compression'],
  AccessLogConfiguration: [proxyProperties.proxy, 'accessLog'],
  UpstreamConfiguration: [upstream, ''],
  TargetConfiguration: [upstream, 'targets'],
  DiscoveryConfiguration: [upstream, 'discovery'],
  BalanceConfiguration: [upstream, 'balance'],
  TimeoutConfiguration: [upstream, 'timeouts'],
  RetryConfiguration: [upstream, 'retry'],
  BreakerConfiguration: [upstream, 'circuitBreaker'],
  OutlierConfiguration: [upstream, 'outlierEjection'],
  HealthCheckConfiguration: [upstream, 'healthCheck'],
  ConcurrencyConfiguration: [upstream, 'concurrency'],
  AdmissionConfiguration: [upstream, 'admission'],
  HedgeConfiguration: [upstream, 'hedge'],
};

/** Written in words where the value says less. */
const words: Readonly<Record<string, string>> = {
  'RetryConfiguration.methods': 'the idempotent ones',
  'RouteConfiguration.maxRequestBytes': '10 MiB',
};

function inWords(name: string, value: unknown): string {
  if (words[name] !== undefined) return words[name];
  if (Array.isArray(value)) return value.join(', ');
  return typeof value === 'number' ? value.toLocaleString('en') : String(value);
}

/** The members of an interface with the comment that stands for each: its own, or the last one before it. */
function membersOf(source: string, name: string): ReadonlyMap<string, string> {
  const body = new RegExp(`^export interface ${name} \\{\\n([^]*?)^\\}`, 'm').exec(source)?.[1] ?? '';
  const members = new Map<string, string>();
  let comment = '';
  for (const [, said, member] of body.matchAll(/\/\*\*([^]*?)\*\/|^ {2}readonly (\w+)\??:/gm)) {
    if (said !== undefined) comment = said.replaceAll(/\s*\n\s*\*\s?/g, ' ');
    else if (member !== undefined) members.set(member, comment);
  }
  return members;
}

describe('the types of the configuration', () => {
  const source = readFileSync('core/proxy/configuration.ts', 'utf8');

  it.each(Object.entries(interfaces))('%s say the defaults that the schema has', (name, [schema, path]) => {
    const members = membersOf(source, name);
    expect(members.size).toBeGreaterThan(0);
    const prefix = path === '' ? '' : `${path}.`;
    for (const [of, value] of defaultsOf(schema)) {
      const member = of.slice(prefix.length);
      if (!of.startsWith(prefix) || member.includes('.')) continue;
      const comment = members.get(member) ?? '';
      const defaults = comment.slice(comment.search(/default/i));
      expect(defaults, `${name}.${member}`).toMatch(
        new RegExp(`(?<![\\w.,])${inWords(`${name}.${member}`, value).replaceAll('.', '\\.')}(?![\\w]|[.,]\\d)`),
      );
    }
  });

  it('are all compared: every interface with a default in its comments is one of them', () => {
    const withDefaults = [...source.matchAll(/^export interface (\w+) \{\n([^]*?)^\}/gm)].flatMap(([, name = '', body = '']) =>
      /default/i.test(body) ? [name] : [],
    );
    // A split has none of its own but the key in words; certificates have the target's name.
    expect(withDefaults.filter((name) => interfaces[name] === undefined)).toEqual(['SplitConfiguration', 'TlsConfiguration']);
  });
});
