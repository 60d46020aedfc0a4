import { parseEgressException } from '../egress/egress-exception.ts';
import { checkProxy } from '../proxy/check-proxy.ts';
import { escapePointer } from '../schema/validate.ts';
import { violations } from '../schema/violations.ts';
import { defaultPoolOf, problemsOfPool } from '../session/exits.ts';
import { checkTemplate } from '../session/vendors/check-template.ts';
import { findTemplate } from '../session/vendors/find-template.ts';
import { needsOptIn } from '../session/vendors/template.ts';
import type { VendorTemplate } from '../session/vendors/template.ts';
import { directVendor, servesSessions } from './configuration.ts';
import type { Configuration, PoolConfiguration, SessionsConfiguration } from './configuration.ts';
import { configurationSchema } from './schema.ts';
import { closest } from './closest.ts';
import { suggest } from './findings.ts';
import type { ConfigurationProblem, Findings } from './findings.ts';

export type { ConfigurationProblem } from './findings.ts';

export type CheckedConfiguration =
  | { readonly ok: true; readonly configuration: Configuration; readonly warnings: readonly ConfigurationProblem[] }
  | { readonly ok: false; readonly problems: readonly ConfigurationProblem[] };

/** As many at once as somebody will read. */
const maxViolations = 50;

export interface Surroundings {
  readonly hasGateway?: boolean | undefined;
  readonly isServer?: boolean | undefined;
  readonly handlers?: readonly string[] | undefined;
}

/**
 * Checks a parsed configuration whole: its shape first, then what the shape cannot say. Nothing starts with one that is not right.
 *
 * @param surroundings `hasGateway`: whether this process runs a forward gateway itself, whose address it knows; `isServer`: whether it works
 *   between requests, default `hasGateway`; `handlers`: the names of the user's own handlers, default not known
 */
export function checkConfiguration(
  parsed: unknown,
  templates: Readonly<Record<string, VendorTemplate>>,
  { hasGateway = false, isServer = hasGateway, handlers }: Surroundings = {},
): CheckedConfiguration {
  const misshapen = violations(configurationSchema, parsed, maxViolations).map(({ pointer, detail, known }) => {
    const hint = known === undefined ? hintFor(pointer, detail, parsed) : suggest(nameAt(pointer), known, 'known here');
    return { pointer, detail, hint };
  });
  if (misshapen.length > 0) return { ok: false, problems: misshapen };
  const configuration = parsed as Configuration;
  const problems = [
    ...problemsOfTemplates(configuration),
    ...problemsOfDefaults(configuration),
    ...problemsOfSessions(configuration),
  ];
  const warnings: ConfigurationProblem[] = [];
  if (servesSessions(configuration)) {
    const found = checkPools(configuration, templates, hasGateway);
    problems.push(...found.problems);
    warnings.push(...found.warnings);
  }
  const proxy = checkProxy(configuration, { isServer, handlers });
  problems.push(...proxy.problems);
  warnings.push(...proxy.warnings);
  return problems.length > 0 ? { ok: false, problems } : { ok: true, configuration, warnings };
}

function checkPools(
  configuration: SessionsConfiguration,
  templates: Readonly<Record<string, VendorTemplate>>,
  hasGateway: boolean,
): Findings {
  const problems: ConfigurationProblem[] = [];
  const warnings: ConfigurationProblem[] = [];
  for (const [name, pool] of Object.entries(configuration.pools)) {
    const pointer = `/pools/${name}`;
    problems.push(...problemsOf(pointer, pool, configuration, templates, hasGateway));
    const template = findTemplate(pool.vendor, configuration.vendors, templates);
    if (template !== undefined && needsOptIn(template) && pool.allowUnverified !== true) {
      warnings.push({
        pointer: `${pointer}/vendor`,
        detail: `has a grammar of confidence "${template.confidence}"; sessions of this pool are refused`,
        hint: 'set allowUnverified: true to use it all the same',
      });
    }
  }
  return { problems, warnings };
}

/** Of a violation whose detail does not say what is to be written. */
function hintFor(pointer: string, detail: string, parsed: unknown): string | undefined {
  const parent = pointer
    .split('/')
    .slice(1, -1)
    // pointers hold long names cut
    .reduce<unknown>((value, name) => (value as Readonly<Record<string, unknown>> | undefined)?.[unescapePointer(name)], parsed);
  if (parent === undefined) return undefined;
  if (detail === 'must be a string') {
    const value = (parent as Readonly<Record<string, unknown>>)[nameAt(pointer)];
    return typeof value === 'number' || typeof value === 'boolean' ? 'write it in quotes' : undefined;
  }
  if (detail !== 'is required') return undefined;
  // Members are looked for before strange ones are refused: one that is missing may stand there under a mistyped name.
  const written = closest(nameAt(pointer), Object.keys(parent as object));
  return written === undefined ? undefined : `is "${escapePointer(written)}" meant to be it?`;
}

function nameAt(pointer: string): string {
  return unescapePointer(pointer.slice(pointer.lastIndexOf('/') + 1));
}

function unescapePointer(token: string): string {
  return token.replaceAll('~1', '/').replaceAll('~0', '~');
}

function problemsOf(
  pointer: string,
  pool: PoolConfiguration,
  configuration: Configuration,
  templates: Readonly<Record<string, VendorTemplate>>,
  hasGateway: boolean,
): readonly ConfigurationProblem[] {
  const problems: ConfigurationProblem[] = [];
  const { defaultTtlSeconds = 0, maxTtlSeconds = configuration.sessions?.maxTtlSeconds ?? 86_400 } = pool;
  if (defaultTtlSeconds > maxTtlSeconds) {
    problems.push({
      pointer: `${pointer}/defaultTtlSeconds`,
      detail: `is greater than maxTtlSeconds (${maxTtlSeconds} for this pool)`,
    });
  }
  if (pool.vendor === directVendor) {
    if (!hasGateway && configuration.gateway?.publicUrl === undefined) {
      problems.push({
        pointer: `${pointer}/vendor`,
        detail: 'is direct, which only a forward gateway can serve, and there is none',
        hint: 'set gateway.publicUrl to where the forward gateway runs, or choose a vendor',
      });
    }
    return problems;
  }
  const template = findTemplate(pool.vendor, configuration.vendors, templates);
  if (template === undefined) {
    const known = [directVendor, ...Object.keys(configuration.vendors ?? {}), ...Object.keys(templates)];
    return [
      ...problems,
      { pointer: `${pointer}/vendor`, detail: 'is not a vendor template', hint: suggest(pool.vendor, known, 'known') },
    ];
  }
  const { maxSeconds } = template.ttl;
  if (maxSeconds !== undefined && defaultTtlSeconds > maxSeconds && maxTtlSeconds >= defaultTtlSeconds) {
    problems.push({ pointer: `${pointer}/defaultTtlSeconds`, detail: `is greater than what the vendor keeps (${maxSeconds})` });
  }
  if (pool.secret === undefined) {
    problems.push({ pointer: `${pointer}/secret`, detail: 'is required', hint: 'name the secret that holds the vendor account' });
  }
  return [
    ...problems,
    ...problemsOfPool(pool, template).map(({ field, detail }) => ({ pointer: `${pointer}/${poolMember(field)}`, detail })),
  ];
}

/** Where in the pool the operator says what the renderer found missing. */
function poolMember(field: string): string {
  if (field === 'failClosed') return 'onPeerLoss';
  return field.replaceAll('.', '/');
}

function problemsOfTemplates({ vendors = {} }: Configuration): readonly ConfigurationProblem[] {
  return Object.entries(vendors).flatMap(([id, template]) =>
    id === directVendor
      ? [{ pointer: `/vendors/${id}`, detail: 'is a reserved name' }]
      : checkTemplate(template).map(({ pointer, detail }) => ({ pointer: `/vendors/${id}${pointer}`, detail })),
  );
}

function problemsOfDefaults(configuration: Configuration): readonly ConfigurationProblem[] {
  if (!servesSessions(configuration)) return [];
  const names = Object.keys(configuration.pools);
  const chosen = defaultPoolOf(configuration);
  if (chosen !== undefined && !names.includes(chosen)) {
    const meant = closest(chosen, names);
    return [{ pointer: '/defaultPool', detail: 'is not a configured pool', hint: meant && `did you mean "${meant}"?` }];
  }
  return [];
}

function problemsOfSessions({ sessions = {}, secrets = {}, gateway = {} }: Configuration): readonly ConfigurationProblem[] {
  const problems: ConfigurationProblem[] = [];
  if ((sessions.defaultTtlSeconds ?? 0) > (sessions.maxTtlSeconds ?? 86_400)) {
    problems.push({ pointer: '/sessions/defaultTtlSeconds', detail: 'is greater than maxTtlSeconds (default 86400)' });
  }
  if ((secrets.softTtlSeconds ?? 300) > (secrets.hardTtlSeconds ?? 3_600)) {
    problems.push({ pointer: '/secrets/softTtlSeconds', detail: 'is greater than hardTtlSeconds' });
  }
  if (gateway.publicUrl !== undefined && !URL.canParse(gateway.publicUrl)) {
    problems.push({ pointer: '/gateway/publicUrl', detail: 'is not a URL', hint: 'for example http://gateway.example.com:8788' });
  }
  for (const [at, entry] of (gateway.egress?.allow ?? []).entries()) {
    if (parseEgressException(entry) === undefined) {
      problems.push({
        pointer: `/gateway/egress/allow/${at}`,
        detail: 'is not an address range, an address, a name, or one of the latter two with a port',
        hint: 'for example 10.1.0.0/16 or intranet.example:443',
      });
    }
  }
  return problems;
}
