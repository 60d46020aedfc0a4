import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { markdownTable } from '../generated-section.ts';
import { clouds } from './cloud.ts';
import type { Cloud } from './cloud.ts';

interface Meter {
  readonly usd: number;
  /** How many units `usd` buys. */
  readonly per: number;
  /** Units a month that cost nothing. */
  readonly free?: number;
}

interface Prices {
  readonly known: string;
  readonly cloud: Readonly<Record<Cloud, { readonly region: string; readonly meters: Readonly<Record<string, Meter>> }>>;
}

/** What one request asks of the services below, on average; a session is one `POST /v1/sessions` and ends by itself. */
export const workload = {
  sessions: 100_000,
  /** Seconds of an instance's time: two calls of the store, one after the other. */
  seconds: 0.03,
  /** Records read and written by a create: `test/terraform/costs.test.ts` counts them. */
  reads: { native: 0, stored: 1 },
  writes: 2,
  /** The access log's line, the platform's own lines, the front door's line. */
  logKilobytes: 1.2,
  /** Azure keeps a request and its dependencies besides. */
  telemetryKilobytes: 4,
  /** Stored at any time: sessions of 30 minutes, an hour's tombstone, two days until the last is collected. */
  storedGigabytes: 0.02,
} as const;

/** Something that is paid for. Units without a load, and for each request. */
interface Cost {
  readonly what: string;
  /** The input that changes it. */
  readonly knob: string;
  readonly parts: readonly { readonly meter: string; readonly rest?: number; readonly request?: number }[];
}

const month = { hours: 730, seconds: 730 * 3_600 } as const;
const gigabytes = (kilobytes: number): number => kilobytes / 1_000_000;
const memory = 0.5;
const { seconds, reads, writes, logKilobytes, telemetryKilobytes, storedGigabytes } = workload;

/** What the modules make by default. */
const defaults: Readonly<Record<Cloud, readonly Cost[]>> = {
  aws: [
    { what: 'HTTP API', knob: 'edge.kind = "managed"', parts: [{ meter: 'httpApiRequest', request: 1 }] },
    {
      what: 'Lambda',
      knob: 'runtime.memory_mb',
      parts: [
        { meter: 'lambdaRequest', request: 1 },
        { meter: 'lambdaGbSecond', request: seconds * memory },
      ],
    },
    {
      what: 'DynamoDB',
      knob: '',
      parts: [
        { meter: 'dynamoWrite', request: writes },
        { meter: 'dynamoRead', request: reads.native },
        { meter: 'dynamoGb', rest: storedGigabytes },
      ],
    },
    {
      what: 'point-in-time recovery',
      knob: 'state.point_in_time_recovery',
      parts: [{ meter: 'dynamoRecoveryGb', rest: storedGigabytes }],
    },
    { what: 'three secrets', knob: 'secrets', parts: [{ meter: 'secret', rest: 3 }] },
    { what: 'logs', knob: 'logs.retention_days', parts: [{ meter: 'logGb', request: gigabytes(logKilobytes) }] },
    { what: 'traces, at most', knob: '', parts: [{ meter: 'trace', request: 1 }] },
    {
      what: 'dashboard and its metric',
      knob: '',
      parts: [
        { meter: 'dashboard', rest: 1 },
        { meter: 'customMetric', rest: 1 },
      ],
    },
    { what: 'alarms, on nine metrics', knob: 'alarms.enabled', parts: [{ meter: 'alarmMetric', rest: 9 }] },
  ],
  azure: [
    {
      what: 'Flex Consumption; a lone request is paid as one second',
      knob: 'runtime.memory_mb',
      parts: [
        { meter: 'execution', request: 1 },
        { meter: 'gbSecond', request: memory },
      ],
    },
    {
      what: 'tables, the sweeper included',
      knob: 'azure.replication',
      parts: [
        { meter: 'tableOperation', rest: 10_000, request: reads.stored + 2 * writes },
        { meter: 'tableGb', rest: storedGigabytes },
      ],
    },
    { what: 'Key Vault', knob: 'secrets', parts: [{ meter: 'vaultOperation', rest: 26_000 }] },
    {
      what: 'logs and telemetry',
      knob: 'logs.retention_days',
      parts: [{ meter: 'logGb', request: gigabytes(logKilobytes + telemetryKilobytes) }],
    },
    {
      what: 'alarms: three on logs, two on metrics',
      knob: 'alarms.enabled',
      parts: [
        { meter: 'logAlert15Minutes', rest: 3 },
        { meter: 'metricAlert', rest: 2 },
      ],
    },
  ],
  gcp: [
    {
      what: 'Cloud Run functions',
      knob: 'runtime.memory_mb',
      parts: [
        { meter: 'request', request: 1 },
        { meter: 'cpuSecond', request: seconds },
        { meter: 'gibSecond', request: seconds * memory },
      ],
    },
    {
      what: 'Firestore',
      knob: '',
      parts: [
        { meter: 'firestoreWrite', request: writes },
        { meter: 'firestoreRead', request: reads.stored },
        { meter: 'firestoreTtlDelete', request: writes },
        { meter: 'firestoreGib', rest: storedGigabytes },
      ],
    },
    {
      what: 'point-in-time recovery',
      knob: 'state.point_in_time_recovery',
      parts: [{ meter: 'firestoreRecoveryGib', rest: storedGigabytes }],
    },
    { what: 'three secrets', knob: 'secrets', parts: [{ meter: 'secretVersion', rest: 3 }] },
    { what: 'logs', knob: 'logs.retention_days', parts: [{ meter: 'logGib', request: gigabytes(logKilobytes) }] },
    { what: 'images', knob: 'gcp.image_retain_count', parts: [{ meter: 'imageGb', rest: 0.5 }] },
    {
      what: 'alarms, five conditions, asked every minute',
      knob: 'alarms.enabled',
      parts: [
        { meter: 'alertCondition', rest: 5 },
        { meter: 'alertSeries', rest: 5 * month.hours * 60 },
      ],
    },
  ],
};

/** What else can be chosen, beside or in place of the above. */
const options: Readonly<Record<Cloud, readonly Cost[]>> = {
  aws: [
    { what: 'function URL, in place of the HTTP API', knob: 'edge.kind = "function"', parts: [] },
    { what: 'REST API, in place of the HTTP API', knob: 'edge.kind = "gateway"', parts: [{ meter: 'restApiRequest', request: 1 }] },
    {
      what: 'load balancer, in place of the HTTP API',
      knob: 'edge.kind = "balancer"',
      parts: [
        { meter: 'balancerHour', rest: month.hours },
        { meter: 'balancerCapacityUnitHour', rest: month.hours },
      ],
    },
    {
      what: 'firewall with three rule groups',
      knob: 'edge.waf',
      parts: [
        { meter: 'firewall', rest: 1 },
        { meter: 'firewallRule', rest: 3 },
        { meter: 'firewallRequest', request: 1 },
      ],
    },
    {
      what: 'each warm instance',
      knob: 'runtime.min_instances',
      parts: [{ meter: 'lambdaProvisionedGbSecond', rest: month.seconds * memory }],
    },
    { what: 'a key of your own', knob: 'encryption_key_id', parts: [{ meter: 'key', rest: 1 }] },
    {
      what: 'logs kept for a year more',
      knob: 'logs.retention_days',
      parts: [{ meter: 'logGbMonth', request: 12 * gigabytes(logKilobytes) }],
    },
  ],
  azure: [
    { what: 'API Management, by call', knob: 'edge.kind = "gateway"', parts: [{ meter: 'gatewayCall', request: 1 }] },
    {
      what: 'API Management that limits the rate',
      knob: 'azure.gateway_sku = "BasicV2_1"',
      parts: [{ meter: 'gatewayBasicV2Month', rest: 1 }],
    },
    {
      what: 'Front Door',
      knob: 'edge.kind = "balancer"',
      parts: [
        { meter: 'frontDoorStandardMonth', rest: 1 },
        { meter: 'frontDoorRequest', request: 1 },
      ],
    },
    {
      what: 'Front Door with its firewall, in place of Front Door',
      knob: 'edge.waf',
      parts: [
        { meter: 'frontDoorPremiumMonth', rest: 1 },
        { meter: 'frontDoorRequest', request: 1 },
      ],
    },
    {
      what: 'each warm instance',
      knob: 'runtime.min_instances',
      parts: [{ meter: 'alwaysReadyGbSecond', rest: month.seconds * memory }],
    },
    {
      what: 'Elastic Premium EP1, in place of Flex Consumption',
      knob: 'azure.plan = "premium"',
      parts: [{ meter: 'elasticPremiumHour', rest: month.hours }],
    },
  ],
  gcp: [
    { what: 'API Gateway', knob: 'edge.kind = "gateway"', parts: [{ meter: 'gatewayCall', request: 1 }] },
    {
      what: 'load balancer, and the policy of Cloud Armor that limits the rate',
      knob: 'edge.kind = "balancer"',
      parts: [
        // One price for up to five of them.
        { meter: 'forwardingRuleHour', rest: month.hours },
        { meter: 'armorPolicy', rest: 1 },
        { meter: 'armorRule', rest: 1 },
        { meter: 'armorRequest', request: 1 },
      ],
    },
    { what: 'firewall, seven rules more in that policy', knob: 'edge.waf', parts: [{ meter: 'armorRule', rest: 7 }] },
    { what: 'each rule of your own', knob: 'edge.routes', parts: [{ meter: 'armorRule', rest: 1 }] },
    {
      what: 'each warm instance',
      knob: 'runtime.min_instances',
      parts: [
        { meter: 'idleCpuSecond', rest: month.seconds },
        { meter: 'idleGibSecond', rest: month.seconds * memory },
      ],
    },
    { what: 'a key of your own', knob: 'encryption_key_id', parts: [{ meter: 'keyVersion', rest: 1 }] },
  ],
};

/** The prices of `terraform/costs/prices.json`. */
export function readPrices(): Prices {
  const file = resolve(import.meta.dirname, '../../terraform/costs/prices.json');
  const { known, ...rest } = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
  return { known: String(known), cloud: rest as Prices['cloud'] };
}

/** Dollars a month for some requests, allowances taken off or not. */
function dollars(prices: Prices, cloud: Cloud, { parts }: Cost, requests: number, allowances: boolean): number {
  return parts.reduce((sum, { meter: name, rest = 0, request = 0 }) => {
    const meter = prices.cloud[cloud].meters[name];
    if (meter === undefined) throw new TypeError(`There is no price "${name}" for ${cloud}`);
    const units = Math.max(0, rest + request * requests - (allowances ? (meter.free ?? 0) : 0));
    return sum + (units * meter.usd) / meter.per;
  }, 0);
}

/**
 * What the default costs for `workload.sessions` sessions a month, in dollars.
 *
 * @param options.allowances take off what costs nothing each month
 * @param options.alarms with the alarms, which Azure and Google charge for whether anybody asks or not
 */
export function monthlyCost(
  cloud: Cloud,
  { allowances = true, alarms = true }: { readonly allowances?: boolean; readonly alarms?: boolean } = {},
  prices: Prices = readPrices(),
): number {
  return defaults[cloud]
    .filter(({ knob }) => alarms || knob !== 'alarms.enabled')
    .reduce((sum, cost) => sum + dollars(prices, cloud, cost, workload.sessions, allowances), 0);
}

const shown = (amount: number): string => (amount === 0 ? '0' : amount < 0.005 ? '< 0.01' : amount.toFixed(2));

/** What each knob of a cloud costs. */
export function costTable(cloud: Cloud, prices: Prices = readPrices()): string {
  const row = (cost: Cost, part: boolean): string[] => {
    const rest = dollars(prices, cloud, cost, 0, false);
    return [
      cost.what,
      cost.knob === '' ? '' : `\`${cost.knob}\``,
      shown(rest),
      shown(dollars(prices, cloud, cost, 1_000_000, false) - rest),
      part ? shown(dollars(prices, cloud, cost, workload.sessions, true)) : '',
    ];
  };
  const total = (allowances: boolean): string => shown(monthlyCost(cloud, { allowances }, prices));
  return [
    `List prices of ${prices.cloud[cloud].region} as of ${prices.known} in US dollars, from [prices.json](../terraform/costs/prices.json); the last column has the monthly allowances taken off.`,
    markdownTable([
      ['what', 'input', 'at rest, a month', 'a million requests', `${workload.sessions.toLocaleString('en')} sessions a month`],
      ...defaults[cloud].map((cost) => row(cost, true)),
      ['**all of the default**', '', '', '', `**${total(true)}** (${total(false)} without allowances)`],
      ...options[cloud].map((cost) => row(cost, false)),
    ]),
  ].join('\n\n');
}

/** The three defaults beside each other. */
export function costSummary(prices: Prices = readPrices()): string {
  const cell = (cloud: Cloud, choice: Parameters<typeof monthlyCost>[1]): string => shown(monthlyCost(cloud, choice, prices));
  const row = (what: string, choice: Parameters<typeof monthlyCost>[1]): string[] => [
    what,
    ...clouds.map((cloud) => cell(cloud, choice)),
  ];
  return markdownTable([
    [`${workload.sessions.toLocaleString('en')} sessions a month, US dollars`, 'AWS', 'Azure', 'Google Cloud'],
    row('the default without its alarms', { alarms: false }),
    row('the default', {}),
    row('the default, without monthly allowances', { allowances: false }),
  ]);
}

/** Where the tables go, seen from `terraform/`. */
export function costPage(terraform: string, cloud: Cloud): string {
  return join(terraform, '..', 'docs', `deploy-${cloud}.md`);
}
