import { looksSecret } from './looks-secret.ts';
import { block, blocks, companion, texts } from './rule.ts';
import type { Rule, Values } from './rule.ts';

interface Statement {
  readonly Effect?: string;
  readonly Action?: string | readonly string[];
  readonly NotAction?: unknown;
  readonly Resource?: string | readonly string[];
  readonly NotResource?: unknown;
  readonly Principal?: unknown;
  readonly Condition?: unknown;
}

/** What X-Ray has no resources for: the one exception to exact resources. */
const withoutResources = new Set([
  'xray:PutTraceSegments',
  'xray:PutTelemetryRecords',
  // Network interfaces are made before they have an id.
  'ec2:CreateNetworkInterface',
  'ec2:DescribeNetworkInterfaces',
  'ec2:DeleteNetworkInterface',
  'ec2:AssignPrivateIpAddresses',
  'ec2:UnassignPrivateIpAddresses',
]);

/** The statements of a policy document; none that cannot be read is passed over. */
export function statements(document: unknown): readonly Statement[] {
  const { Statement: found = [] } = JSON.parse(String(document)) as { Statement?: Statement | readonly Statement[] };
  return Array.isArray(found) ? (found as readonly Statement[]) : [found as Statement];
}

function isExact(statement: Statement): boolean {
  if (statement.Effect !== 'Allow') return true;
  if (statement.NotAction !== undefined || statement.NotResource !== undefined) return false;
  const actions = texts(statement.Action);
  if (actions.length === 0 || actions.some((action) => action.includes('*'))) return false;
  return !texts(statement.Resource).includes('*') || actions.every((action) => withoutResources.has(action));
}

function isForEveryone(statement: Statement): boolean {
  const { Effect, Principal, Condition } = statement;
  const principals =
    typeof Principal === 'object' && Principal !== null ? Object.values(Principal).flatMap(texts) : texts(Principal);
  return Effect === 'Allow' && principals.includes('*') && Condition === undefined;
}

const ofBucket = (bucket: Values) => (other: Values) => other['bucket'] === bucket['id'] || other['bucket'] === bucket['bucket'];

/** The rules that scanners have for what the AWS module makes. */
export const awsRules: readonly Rule[] = [
  {
    ids: 'CKV_AWS_50, AWS-0066',
    types: ['aws_lambda_function'],
    demand: 'tracing_config.mode is Active',
    holds: (values) => block(values, 'tracing_config')['mode'] === 'Active',
  },
  {
    ids: 'CKV_AWS_363, aws_lambda_function_deprecated_runtime',
    types: ['aws_lambda_function'],
    demand: 'the runtime is one AWS still keeps up to date',
    holds: ({ runtime }) => ['nodejs22.x', 'nodejs24.x'].includes(String(runtime)),
  },
  {
    ids: 'CKV_AWS_115',
    types: ['aws_lambda_function'],
    demand: 'reserved_concurrent_executions is set',
    holds: ({ reserved_concurrent_executions: reserved }) => typeof reserved === 'number' && reserved >= 0,
  },
  {
    ids: 'CKV_AWS_116',
    types: ['aws_lambda_function'],
    demand: 'dead_letter_config names a queue',
    holds: (values) => typeof block(values, 'dead_letter_config')['target_arn'] === 'string',
  },
  {
    ids: 'CKV_AWS_45',
    types: ['aws_lambda_function'],
    demand: 'no environment variable holds a secret',
    holds: (values) =>
      !Object.values((block(values, 'environment')['variables'] ?? {}) as object).some((one) => looksSecret(String(one))),
  },
  {
    ids: 'CKV_AWS_364, CKV_AWS_301, AWS-0067',
    types: ['aws_lambda_permission'],
    demand: 'it is given to a service, for one source_arn',
    holds: ({ principal, source_arn: source }) =>
      String(principal).endsWith('.amazonaws.com') && typeof source === 'string' && source !== '*',
  },
  {
    ids: 'CKV_AWS_258',
    types: ['aws_lambda_function_url'],
    demand: 'authorization_type is not NONE',
    holds: ({ authorization_type: type }) => type === 'AWS_IAM',
  },
  {
    ids: 'CKV2_AWS_75',
    types: ['aws_lambda_function_url'],
    demand: 'no origin is *',
    holds: (values) => !texts(block(values, 'cors')['allow_origins']).includes('*'),
  },
  {
    ids: 'CKV_AWS_76, CKV2_AWS_4, AWS-0001',
    types: ['aws_apigatewayv2_stage', 'aws_api_gateway_stage'],
    demand: 'access_log_settings name a log group',
    holds: (values) => typeof block(values, 'access_log_settings')['destination_arn'] === 'string',
  },
  {
    ids: 'CKV_AWS_73',
    types: ['aws_api_gateway_stage'],
    demand: 'xray_tracing_enabled',
    holds: (values) => values['xray_tracing_enabled'] === true,
  },
  {
    ids: 'CKV_AWS_276',
    types: ['aws_api_gateway_method_settings'],
    demand: 'data_trace_enabled is false: bodies and headers are not for logs',
    holds: (values) => block(values, 'settings')['data_trace_enabled'] === false,
  },
  {
    ids: 'AWS-0005',
    types: ['aws_apigatewayv2_domain_name', 'aws_api_gateway_domain_name'],
    demand: 'security_policy is TLS_1_2 or newer',
    holds: (values) => {
      const policy = values['security_policy'] ?? block(values, 'domain_name_configuration')['security_policy'];
      return /^TLS_1_2$|TLS13/.test(String(policy));
    },
  },
  {
    ids: 'CKV_AWS_28, AWS-0024',
    types: ['aws_dynamodb_table'],
    demand: 'point_in_time_recovery is enabled',
    holds: (values) => block(values, 'point_in_time_recovery')['enabled'] === true,
  },
  {
    ids: 'CKV_AWS_60, 61, 62, 63, 274, 275, 286, 287, 288, 289, 290, 355; CKV2_AWS_40, 56; AWS-0057, 0342, 0345',
    types: ['aws_iam_policy', 'aws_iam_role_policy'],
    demand: 'every action and every resource is named, without *',
    holds: ({ policy }) => statements(policy).every(isExact),
  },
  {
    ids: 'CKV_AWS_274, AWS-0345',
    types: ['aws_iam_role_policy_attachment', 'aws_iam_policy_attachment'],
    demand: 'no policy of AWS that grants more than we name',
    holds: ({ policy_arn: arn }) => !/:aws:policy\//.test(String(arn)),
  },
  {
    ids: 'CKV_AWS_60, 61; AWS-0342',
    types: ['aws_iam_role'],
    demand: 'not everyone can assume the role',
    holds: ({ assume_role_policy: policy }) => !statements(policy).some(isForEveryone),
  },
  {
    ids: 'CKV_AWS_66',
    types: ['aws_cloudwatch_log_group'],
    demand: 'retention_in_days is set',
    holds: ({ retention_in_days: days }) => Number(days) > 0,
  },
  {
    ids: 'CKV_AWS_319',
    types: ['aws_cloudwatch_metric_alarm'],
    demand: 'actions_enabled is not false',
    holds: ({ actions_enabled: enabled }) => enabled !== false,
  },
  {
    ids: 'CKV_AWS_27, AWS-0096',
    types: ['aws_sqs_queue'],
    demand: 'encrypted: sqs_managed_sse_enabled, or a key',
    holds: ({ sqs_managed_sse_enabled: managed, kms_master_key_id: key }) =>
      managed === true || (typeof key === 'string' && key !== ''),
  },
  {
    ids: 'CKV_AWS_72, 168, 387; AWS-0097',
    types: ['aws_sqs_queue_policy'],
    demand: 'no action is *, and not everyone may use the queue',
    holds: ({ policy }) =>
      statements(policy).every(
        (one) => one.Effect !== 'Allow' || (!texts(one.Action).some((action) => action.includes('*')) && !isForEveryone(one)),
      ),
  },
  {
    ids: 'CKV_AWS_7, AWS-0065',
    types: ['aws_kms_key'],
    demand: 'enable_key_rotation',
    holds: (values) => values['enable_key_rotation'] === true,
  },
  {
    ids: 'CKV_AWS_33, 227; CKV2_AWS_64',
    types: ['aws_kms_key'],
    demand: 'a policy of its own, not for everyone',
    holds: ({ policy, is_enabled: enabled }) =>
      enabled !== false && typeof policy === 'string' && !statements(policy).some(isForEveryone),
  },
  {
    ids: 'aws_write_only_arguments',
    types: ['aws_secretsmanager_secret_version'],
    demand: 'the value is written by secret_string_wo and kept nowhere',
    holds: ({ secret_string: text, secret_binary: binary, secret_string_wo_version: version }) =>
      !isWritten(text) && !isWritten(binary) && typeof version === 'number',
  },
  {
    ids: 'CKV_AWS_2, CKV2_AWS_20, AWS-0054',
    types: ['aws_lb_listener'],
    demand: 'HTTPS, or a redirect to it',
    holds: (values) =>
      ['HTTPS', 'TLS'].includes(String(values['protocol'])) ||
      blocks(values, 'default_action').every(
        (action) => action['type'] === 'redirect' && block(action, 'redirect')['protocol'] === 'HTTPS',
      ),
  },
  {
    ids: 'CKV_AWS_103, CKV2_AWS_74, AWS-0047',
    types: ['aws_lb_listener'],
    demand: 'ssl_policy allows TLS 1.2 and newer only',
    holds: ({ protocol, ssl_policy: policy }) =>
      protocol !== 'HTTPS' || /^ELBSecurityPolicy-(TLS13-1-[23]|FS-1-2-Res)/.test(String(policy)),
  },
  {
    ids: 'CKV_AWS_91',
    types: ['aws_lb'],
    demand: 'access_logs go to a bucket',
    holds: (values) => block(values, 'access_logs')['enabled'] === true,
  },
  {
    ids: 'CKV_AWS_131, AWS-0052',
    types: ['aws_lb'],
    demand: 'drop_invalid_header_fields',
    holds: (values) => values['drop_invalid_header_fields'] === true,
  },
  {
    ids: 'CKV_AWS_150',
    types: ['aws_lb'],
    demand: 'enable_deletion_protection',
    holds: (values) => values['enable_deletion_protection'] === true,
  },
  {
    ids: 'CKV_AWS_328',
    types: ['aws_lb'],
    demand: 'desync_mitigation_mode is defensive or strictest',
    holds: ({ desync_mitigation_mode: mode }) => ['defensive', 'strictest'].includes(String(mode)),
  },
  {
    ids: 'CKV_AWS_378',
    types: ['aws_lb_target_group'],
    demand: 'targets are functions, or reached by HTTPS',
    holds: ({ target_type: type, protocol }) => type === 'lambda' || protocol === 'HTTPS',
  },
  {
    ids: 'CKV2_AWS_6; CKV_AWS_53, 54, 55, 56; AWS-0086, 0087, 0091, 0093, 0094',
    types: ['aws_s3_bucket'],
    demand: 'a public access block with all four settings',
    holds: (bucket, all) =>
      companion(all, 'aws_s3_bucket_public_access_block', (values) =>
        [
          ofBucket(bucket)(values),
          ...['block_public_acls', 'block_public_policy', 'ignore_public_acls', 'restrict_public_buckets'].map(
            (name) => values[name] === true,
          ),
        ].every(Boolean),
      ),
  },
  {
    ids: 'CKV_AWS_21, AWS-0090',
    types: ['aws_s3_bucket'],
    demand: 'versioning is enabled',
    holds: (bucket, all) =>
      companion(
        all,
        'aws_s3_bucket_versioning',
        (values) => ofBucket(bucket)(values) && block(values, 'versioning_configuration')['status'] === 'Enabled',
      ),
  },
  {
    ids: 'CKV_AWS_19, AWS-0088',
    types: ['aws_s3_bucket'],
    demand: 'encrypted',
    holds: (bucket, all) => companion(all, 'aws_s3_bucket_server_side_encryption_configuration', ofBucket(bucket)),
  },
  {
    ids: 'CKV2_AWS_61',
    types: ['aws_s3_bucket'],
    demand: 'old versions end some day: a lifecycle configuration',
    holds: (bucket, all) => companion(all, 'aws_s3_bucket_lifecycle_configuration', ofBucket(bucket)),
  },
  {
    ids: 'CKV_AWS_20, 57; AWS-0092',
    types: ['aws_s3_bucket_acl'],
    demand: 'not public',
    holds: ({ acl }) => !String(acl).startsWith('public-'),
  },
  {
    ids: 'CKV_AWS_70',
    types: ['aws_s3_bucket_policy'],
    demand: 'not for everyone',
    holds: ({ policy }) => !statements(policy).some(isForEveryone),
  },
  {
    ids: 'CKV_AWS_175, 342',
    types: ['aws_wafv2_web_acl'],
    demand: 'it has rules, each with an action',
    holds: (values) =>
      blocks(values, 'rule').length > 0 &&
      blocks(values, 'rule').every((rule) => blocks(rule, 'action').length + blocks(rule, 'override_action').length === 1),
  },
  {
    ids: 'CKV_AWS_192',
    types: ['aws_wafv2_web_acl'],
    demand: 'AWSManagedRulesKnownBadInputsRuleSet is one of its rules (Log4j)',
    holds: (values) =>
      blocks(values, 'rule').some((rule) => {
        const group = block(block(rule, 'statement'), 'managed_rule_group_statement');
        return (
          group['name'] === 'AWSManagedRulesKnownBadInputsRuleSet' && blocks(block(rule, 'override_action'), 'count').length === 0
        );
      }),
  },
  {
    ids: 'CKV2_AWS_31',
    types: ['aws_wafv2_web_acl'],
    demand: 'a logging configuration',
    holds: ({ arn }, all) => companion(all, 'aws_wafv2_web_acl_logging_configuration', (values) => values['resource_arn'] === arn),
  },
];

/** Mocks write an empty text where a provider writes nothing. */
function isWritten(value: unknown): boolean {
  return typeof value === 'string' && value !== '';
}
