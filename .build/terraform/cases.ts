import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Exception } from './check-plan.ts';
import { cloudOf } from './cloud.ts';
import type { Cloud } from './cloud.ts';
import type { PlanCase } from './plans.ts';

/** A way to use a folder that is checked against the rules. */
export interface CheckedCase extends PlanCase {
  readonly exceptions?: readonly Exception[];
}

type Variables = Readonly<Record<string, unknown>>;

/** What the secrets of all cases hold: none of it may come out again. */
export const canary = 'canary-Zq3v9XkT7LmB';

const domain: Variables = { name: 'portolan.example.com' };

/** What each module needs beside the shared variables. */
const particular: Readonly<Record<Cloud, Variables>> = {
  aws: {},
  azure: { azure: { resource_group_name: 'portolan', location: 'westeurope' } },
  gcp: { gcp: { project_id: 'acme-portolan', region: 'europe-west1' } },
};

/** A deployment like the examples', with the package beside the workspace and values for its secrets. */
export function baseVariables(workspace: string, cloud: Cloud): Variables {
  const folder = join(workspace, '..', 'dist', 'packages', cloud);
  const { path, sha256_base64 } = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as Record<string, string>;
  return {
    name: 'portolan',
    environment: 'test',
    package: { path: join(folder, path ?? ''), sha256_base64 },
    config: JSON.stringify({
      auth: { keysSecret: 'api-keys' },
      signingSecret: 'signing-key',
      pools: { main: { vendor: 'hex-proxies', secret: 'vendor-hex', endpoint: { host: 'gate.hexproxies.com', port: 8080 } } },
    }),
    secrets: { 'api-keys': { version: 1 }, 'signing-key': { version: 1 }, 'vendor-hex': {} },
    secret_values: { 'api-keys': canary, 'signing-key': canary },
    ...particular[cloud],
  };
}

/** Every kind of front door of every cloud, by the folder of its module. */
export function moduleCases(workspace: string, folder: string): readonly CheckedCase[] {
  if (!['aws', 'azure', 'gcp'].includes(folder)) return [];
  const cloud = cloudOf(folder);
  const base = baseVariables(workspace, cloud);
  return edges[cloud].map(({ variables, ...rest }) => ({ ...rest, variables: { ...base, ...variables } }));
}

const certificate = 'arn:aws:acm:eu-central-1:123456789012:certificate/00000000-0000-4000-8000-000000000000';

const forEveryone: Exception = {
  ids: 'CKV_GCP_102, 107',
  reason:
    "edge.public: Cloud Run's own check would take the Authorization header, which carries Portolan's keys; Portolan authenticates",
};

const edges: Readonly<Record<Cloud, readonly CheckedCase[]>> = {
  aws: [
    { name: 'managed', variables: {} },
    {
      name: 'function',
      variables: { edge: { kind: 'function', streaming: true } },
      exceptions: [
        {
          ids: 'CKV_AWS_258',
          reason: "AWS_IAM takes the Authorization header, which carries Portolan's own keys; Portolan authenticates",
        },
      ],
    },
    { name: 'gateway', variables: { edge: { kind: 'gateway', waf: true, domain: { ...domain, certificate_id: certificate } } } },
    {
      name: 'balancer',
      variables: {
        edge: { kind: 'balancer', waf: true, domain: { ...domain, certificate_id: certificate } },
        aws: { balancer: { vpc_id: 'vpc-1', subnet_ids: ['subnet-1', 'subnet-2'], access_logs_bucket: 'acme-logs' } },
      },
    },
  ],
  azure: [],
  gcp: [
    { name: 'managed', variables: {}, exceptions: [forEveryone] },
    { name: 'function', variables: { edge: { kind: 'function' } }, exceptions: [forEveryone] },
    { name: 'gateway', variables: { edge: { kind: 'gateway' } }, exceptions: [forEveryone] },
    {
      name: 'balancer',
      variables: {
        edge: {
          kind: 'balancer',
          waf: true,
          domain: { ...domain, certificate_id: 'projects/acme-portolan/global/sslCertificates/portolan' },
        },
      },
      exceptions: [forEveryone],
    },
  ],
};
