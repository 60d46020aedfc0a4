import { builtInTemplates } from '../../../../core/session/vendors/catalogue.ts';
import { renderCredentials } from '../../../../core/session/vendors/render.ts';
import type { ProxyEndpoint, RenderProblem, RenderRequest } from '../../../../core/session/vendors/render.ts';
import type { VendorTemplate } from '../../../../core/session/vendors/template.ts';

export function builtIn(id: string): VendorTemplate {
  const template = builtInTemplates[id];
  if (template === undefined) throw new Error(`no built-in template ${id}`);
  return template;
}

/** A request with every account field filled in. */
export function requestFor(template: VendorTemplate, request: Partial<RenderRequest>): RenderRequest {
  return {
    account: Object.fromEntries(template.account.map((field) => [field, 'USERNAME'])),
    secret: 'PASSWORD',
    sid: 'min' in template.sid ? String(template.sid.min) : 'abcd1234'.slice(0, template.sid.maxLength),
    ...(template.endpoints[0]?.port === undefined && { endpoint: { host: 'proxy.example', port: 8000 } }),
    ...request,
  };
}

/** The credentials; fails the test when there are problems. */
export function rendered(template: VendorTemplate, request: Partial<RenderRequest> = {}): ProxyEndpoint {
  const result = renderCredentials(template, requestFor(template, request));
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.credentials;
}

/** The problems; empty when it rendered. */
export function problemsOf(template: VendorTemplate, request: Partial<RenderRequest>): readonly RenderProblem[] {
  const result = renderCredentials(template, requestFor(template, request));
  return result.ok ? [] : result.problems;
}

/** The problems without their sentences. */
export function refusals(template: VendorTemplate, request: Partial<RenderRequest>): readonly string[] {
  return problemsOf(template, request).map(({ field, reason }) => `${field} ${reason}`);
}

/** A small template to vary: a dash-kv username. */
export const plainTemplate: VendorTemplate = {
  title: 'Example',
  revision: 1,
  confidence: 'A',
  checked: '2026-11',
  source: ['made up'],
  account: ['username'],
  endpoints: [{ scheme: 'http', host: 'proxy.example', port: 8000 }],
  username: ['{account.username}', '[-country-{country|lower}]', '-session-{sid}'],
  password: ['{secret}'],
  sid: { alphabet: 'a-z0-9', minLength: 1, maxLength: 16 },
  ttl: { kind: 'none' },
  peerLoss: { default: 'unknown' },
};
