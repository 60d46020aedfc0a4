import type { JsonSchema } from '../schema/validate.ts';

/** The gateway's members of the configuration's schema. */
export const proxyProperties: Readonly<Record<'proxy' | 'routes' | 'upstreams', JsonSchema>> = {
  routes: { type: 'array', minItems: 1, maxItems: 20_000, items: { type: 'object' } },
  upstreams: { type: 'object' },
  proxy: { type: 'object' },
};
