/** What one way to deploy allows a request, whatever the configuration says. `undefined`: not limited, or not by a figure. */
export interface PlatformLimits {
  readonly name: string;
  /** Longest a request may take, milliseconds. */
  readonly timeoutMs?: number;
  /** Greatest request content, bytes; a binary one counts a third more where it comes as base64. */
  readonly requestBytes?: number;
  /** Greatest request header section, bytes. */
  readonly requestFieldBytes?: number;
  readonly source: string;
}

/** As the vendors' pages gave them in November 2026. A Lambda takes 6 MB at once, whatever stands before it. */
export const platformLimits: readonly PlatformLimits[] = [
  {
    name: 'API Gateway REST API',
    timeoutMs: 29_000,
    requestBytes: 6_291_456,
    requestFieldBytes: 10_240,
    source: 'https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html',
  },
  {
    name: 'API Gateway HTTP API',
    timeoutMs: 30_000,
    requestBytes: 6_291_456,
    requestFieldBytes: 10_240,
    source: 'https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html',
  },
  {
    name: 'Lambda function URL',
    timeoutMs: 900_000,
    requestBytes: 6_291_456,
    source: 'https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html',
  },
  {
    name: 'ALB with a Lambda target',
    timeoutMs: 900_000,
    requestBytes: 1_048_576,
    source: 'https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html',
  },
  {
    name: 'Azure Functions',
    timeoutMs: 230_000,
    requestBytes: 104_857_600,
    source: 'https://learn.microsoft.com/azure/azure-functions/functions-bindings-http-webhook-trigger#limits',
  },
  {
    name: 'Cloud Run functions',
    timeoutMs: 3_600_000,
    requestBytes: 33_554_432,
    source: 'https://cloud.google.com/functions/quotas',
  },
];
