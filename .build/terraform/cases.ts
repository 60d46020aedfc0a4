import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Exception } from './check-plan.ts';
import { isModule } from './cloud.ts';
import type { Cloud } from './cloud.ts';
import { readInputs } from './module-interface.ts';
import type { PlanCase } from './plans.ts';

/** A way to use a folder that is checked against the rules. */
export interface CheckedCase extends PlanCase {
  readonly exceptions?: readonly Exception[];
  /** What its outputs must say. */
  readonly says?: Readonly<Record<string, RegExp>>;
}

type Variables = Readonly<Record<string, unknown>>;

/** What the secrets of all cases hold: none of it may come out again. */
export const canary = 'canary-Zq3v9XkT7LmB';

const azure: Variables = { resource_group_name: 'portolan', location: 'westeurope' };
const domain: Variables = { name: 'portolan.example.com' };

/** What each module needs beside the shared variables. */
const particular: Readonly<Record<Cloud, Variables>> = {
  aws: {},
  azure: { azure },
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

/** How a folder is used, to be planned and checked: a module with every kind of front door; an example and what is run before as it is. */
export function casesOf(workspace: string, folder: string): readonly CheckedCase[] {
  if (isModule(folder)) {
    const base = baseVariables(workspace, folder);
    return edges[folder].map(({ variables, ...rest }) => ({ ...rest, variables: { ...base, ...variables } }));
  }
  if (!/^(examples|bootstrap)\//.test(folder)) return [];
  // One without an answer here is missed by Terraform, which says so best.
  const variables = Object.fromEntries(
    readInputs(join(workspace, folder, 'variables.tf'))
      .filter((input) => input.default === undefined && answers[input.name] !== undefined)
      .map(({ name }) => [name, answers[name]]),
  );
  return [{ name: 'as_it_is', variables, exceptions: exceptions[folder] ?? [], says: sayings[folder] ?? {} }];
}

/** What the examples ask their users for. */
const answers: Variables = {
  resource_group_name: 'portolan',
  project_id: 'acme-portolan',
  domain: domain['name'],
  email: 'on-call@example.com',
  deployer_ip_ranges: ['203.0.113.0/24'],
  secret_values: { 'api-keys': canary, 'signing-key': canary, vendor: canary },
  vpc_id: 'vpc-0123456789abcdef0',
  subnet_ids: ['subnet-0123456789abcdef0', 'subnet-0123456789abcdef1'],
  zone_id: 'Z0123456789ABCDEFGHIJ',
  repository: 'acme/portolan',
  certificate_id: 'arn:aws:acm:eu-central-1:123456789012:certificate/00000000-0000-4000-8000-000000000000',
};

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
  azure: [
    { name: 'managed', variables: {} },
    { name: 'function', variables: { edge: { kind: 'function' } } },
    { name: 'premium', variables: { azure: { ...azure, plan: 'premium' }, runtime: { memory_mb: 3584 } } },
    {
      name: 'gateway',
      variables: { edge: { kind: 'gateway' }, azure: { ...azure, gateway_publisher_email: 'on-call@example.com' } },
    },
    { name: 'balancer', variables: { edge: { kind: 'balancer', waf: true, domain: { ...domain, certificate_id: 'managed' } } } },
  ],
  gcp: [
    { name: 'managed', variables: {}, exceptions: [forEveryone] },
    { name: 'function', variables: { edge: { kind: 'function' } }, exceptions: [forEveryone] },
    { name: 'gateway', variables: { edge: { kind: 'gateway' } } },
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

/** By the folder of an example. */
const exceptions: Readonly<Record<string, readonly Exception[]>> = {
  'examples/gcp-minimal': [forEveryone],
  'examples/gcp-complete': [forEveryone],
  'bootstrap/aws': [
    {
      ids: 'CKV_AWS_60, 61, 62, 63, 274, 275, 286, 287, 288, 289, 290, 355; CKV2_AWS_40, 56; AWS-0057, 0342, 0345',
      reason:
        'finding log groups, and the delivery of logs, know no narrower resource; the boundary names what a key of any id may be used for',
    },
  ],
  'bootstrap/gcp': [{ ids: 'CKV_GCP_42, 49, 117; GCP-0007', reason: 'who deploys makes accounts, functions and databases' }],
};

/** A deployment with a name of one's own, alarms that are all there, and no secret left to fill. */
const complete = {
  endpoint_url: /^https:\/\/portolan\.example\.com$/,
  alarm_names: /^\{("[a-z0-9_]+":"[^"]+",?){5}\}$/,
};

/** By the folder of an example: an address, and what to do next. */
const sayings: Readonly<Record<string, Readonly<Record<string, RegExp>>>> = {
  'examples/aws-minimal': {
    endpoint_url: /^https:\/\/abc123\.execute-api\.eu-west-1\.amazonaws\.com$/,
    next_steps: /--secret-id portolan-dev-signing-key --secret-string file:/,
  },
  'examples/aws-complete': { ...complete, next_steps: /^Point portolan\.example\.com at (?![^]*put-secret-value)/ },
  'examples/azure-minimal': {
    endpoint_url: /^https:\/\/portolan-mock\.azurewebsites\.net$/,
    next_steps: /--name portolan-dev-signing-key --file/,
  },
  'examples/azure-complete': { ...complete, next_steps: /^(?![^]*az keyvault secret set)[^]*_dnsauth\.portolan\.example\.com/ },
  'examples/gcp-minimal': {
    endpoint_url: /^https:\/\/portolan-test-abc123-ew\.a\.run\.app$/,
    next_steps: /gcloud secrets versions add portolan-dev-signing-key --project acme-portolan/,
  },
  'examples/gcp-complete': { ...complete, next_steps: /^(?![^]*gcloud secrets)[^]*Point portolan\.example\.com at/ },
};

/** The exceptions that the modules' own plans need. */
export function exceptionsOf(modules: readonly Cloud[]): readonly Exception[] {
  return modules.flatMap((cloud) => edges[cloud].flatMap((one) => one.exceptions ?? []));
}
