import { describe, expect, test } from 'vitest';
import { checkPlan, rules } from '../../.build/terraform/check-plan.ts';
import type { Resource, Values } from '../../.build/terraform/rules/rule.ts';

/** What a rule is content with, and what it is not. A list of resources; the first is the one that is judged. */
interface Planted {
  readonly good: readonly Values[];
  readonly faults: readonly (readonly Values[])[];
  /** Types of the resources after the first. */
  readonly others?: readonly string[];
}

const one = (good: Values, ...faults: Values[]): Planted => ({ good: [good], faults: faults.map((fault) => [fault]) });
const policy = (...statements: object[]): string => JSON.stringify({ Version: '2012-10-17', Statement: statements });
const exact = {
  Effect: 'Allow',
  Action: ['dynamodb:GetItem'],
  Resource: ['arn:aws:dynamodb:eu-west-1:123456789012:table/portolan'],
};
const everyone = { ...exact, Principal: '*' };
const service = { ...exact, Principal: { Service: 'lambda.amazonaws.com' } };
const bucket = { id: 'logs', bucket: 'logs' };
const blocked = {
  bucket: 'logs',
  block_public_acls: true,
  block_public_policy: true,
  ignore_public_acls: true,
  restrict_public_buckets: true,
};
const groupRule = (name: string, count: boolean): Values => ({
  override_action: [count ? { count: [{}] } : { none: [{}] }],
  action: [],
  statement: [{ managed_rule_group_statement: [{ name }] }],
});
const logs4j = groupRule('AWSManagedRulesKnownBadInputsRuleSet', false);

/** A planted fault, at least one, for every rule there is. */
const planted: Readonly<Record<string, Planted>> = {
  'CKV_AWS_50, AWS-0066': one(
    { tracing_config: [{ mode: 'Active' }] },
    { tracing_config: [{ mode: 'PassThrough' }] },
    { tracing_config: [] },
  ),
  'CKV_AWS_363, aws_lambda_function_deprecated_runtime': one({ runtime: 'nodejs24.x' }, { runtime: 'nodejs18.x' }, {}),
  CKV_AWS_115: one(
    { reserved_concurrent_executions: 50 },
    { reserved_concurrent_executions: -1 },
    { reserved_concurrent_executions: null },
  ),
  CKV_AWS_116: one({ dead_letter_config: [{ target_arn: 'arn:aws:sqs:eu-west-1:123456789012:q' }] }, { dead_letter_config: [] }),
  CKV_AWS_45: one(
    { environment: [{ variables: { PORTOLAN_TABLE: 'portolan', PORTOLAN_CONFIG: '{"signingSecret":"signing-key"}' } }] },
    { environment: [{ variables: { PROXY: 'http://user:pass@gate.example.com' } }] },
    { environment: [{ variables: { KEY: 'AKIAIOSFODNN7EXAMPLE' } }] },
  ),
  'CKV_AWS_364, CKV_AWS_301, AWS-0067': one(
    { principal: 'apigateway.amazonaws.com', source_arn: 'arn:aws:execute-api:eu-west-1:123456789012:abc/*/*' },
    { principal: '*', source_arn: 'arn:aws:execute-api:eu-west-1:123456789012:abc/*/*' },
    { principal: 'apigateway.amazonaws.com', source_arn: null },
  ),
  CKV_AWS_258: one({ authorization_type: 'AWS_IAM' }, { authorization_type: 'NONE' }),
  CKV2_AWS_75: one({ cors: [{ allow_origins: ['https://app.example.com'] }] }, { cors: [{ allow_origins: ['*'] }] }),
  'CKV_AWS_76, CKV2_AWS_4, AWS-0001': one(
    { access_log_settings: [{ destination_arn: 'arn:aws:logs:eu-west-1:123456789012:log-group:edge' }] },
    { access_log_settings: [] },
  ),
  CKV_AWS_73: one({ xray_tracing_enabled: true }, { xray_tracing_enabled: false }),
  CKV_AWS_276: one({ settings: [{ data_trace_enabled: false }] }, { settings: [{ data_trace_enabled: true }] }),
  'AWS-0005': one(
    { domain_name_configuration: [{ security_policy: 'TLS_1_2' }] },
    { domain_name_configuration: [{ security_policy: 'TLS_1_0' }] },
    { security_policy: 'TLS_1_0' },
  ),
  'CKV_AWS_28, AWS-0024': one(
    { point_in_time_recovery: [{ enabled: true }] },
    { point_in_time_recovery: [{ enabled: false }] },
    {},
  ),
  'CKV_AWS_60, 61, 62, 63, 274, 275, 286, 287, 288, 289, 290, 355; CKV2_AWS_40, 56; AWS-0057, 0342, 0345': one(
    {
      policy: policy(
        exact,
        { Effect: 'Allow', Action: ['xray:PutTraceSegments'], Resource: ['*'] },
        { Effect: 'Deny', Action: '*', Resource: '*' },
      ),
    },
    { policy: policy({ ...exact, Action: 'dynamodb:*' }) },
    { policy: policy({ ...exact, Action: ['*'] }) },
    { policy: policy({ ...exact, Resource: '*' }) },
    { policy: policy({ ...exact, Action: ['xray:PutTraceSegments', 'dynamodb:GetItem'], Resource: ['*'] }) },
    { policy: policy({ Effect: 'Allow', NotAction: 'iam:*', Resource: exact.Resource }) },
    { policy: policy({ Effect: 'Allow', Action: 'dynamodb:GetItem', NotResource: 'arn:aws:dynamodb:eu-west-1:1:table/x' }) },
    { policy: JSON.stringify({ Statement: { ...exact, Action: '*' } }) },
  ),
  'CKV_AWS_274, AWS-0345': one(
    { policy_arn: 'arn:aws:iam::123456789012:policy/own' },
    { policy_arn: 'arn:aws:iam::aws:policy/AdministratorAccess' },
    { policy_arn: 'arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole' },
  ),
  'CKV_AWS_60, 61; AWS-0342': one(
    { assume_role_policy: policy(service) },
    { assume_role_policy: policy(everyone) },
    { assume_role_policy: policy({ ...exact, Principal: { AWS: ['*'] } }) },
  ),
  CKV_AWS_66: one({ retention_in_days: 30 }, { retention_in_days: 0 }, { retention_in_days: null }),
  CKV_AWS_319: one({ actions_enabled: true }, { actions_enabled: false }),
  'CKV_AWS_27, AWS-0096': one({ sqs_managed_sse_enabled: true }, { sqs_managed_sse_enabled: false, kms_master_key_id: null }),
  'CKV_AWS_72, 168, 387; AWS-0097': one(
    { policy: policy({ ...everyone, Action: 'sqs:SendMessage', Condition: { ArnEquals: { 'aws:SourceArn': 'x' } } }) },
    { policy: policy({ ...service, Action: 'sqs:*' }) },
    { policy: policy({ ...everyone, Action: 'sqs:SendMessage' }) },
  ),
  'CKV_AWS_7, AWS-0065': one(
    { enable_key_rotation: true, policy: policy(service) },
    { enable_key_rotation: false, policy: policy(service) },
  ),
  'CKV_AWS_33, 227; CKV2_AWS_64': one(
    { enable_key_rotation: true, policy: policy(service) },
    { enable_key_rotation: true, policy: policy(everyone) },
    { enable_key_rotation: true, policy: null },
  ),
  aws_write_only_arguments: one(
    { secret_string: '', secret_string_wo_version: 1 },
    { secret_string: 'secret', secret_string_wo_version: 1 },
    { secret_binary: 'c2VjcmV0', secret_string_wo_version: 1 },
    { secret_string: null, secret_string_wo_version: null },
  ),
  'CKV_AWS_2, CKV2_AWS_20, AWS-0054': one(
    { protocol: 'HTTP', default_action: [{ type: 'redirect', redirect: [{ protocol: 'HTTPS' }] }] },
    { protocol: 'HTTP', default_action: [{ type: 'forward' }] },
    { protocol: 'HTTP', default_action: [{ type: 'redirect', redirect: [{ protocol: 'HTTP' }] }] },
  ),
  'CKV_AWS_103, CKV2_AWS_74, AWS-0047': one(
    { protocol: 'HTTPS', ssl_policy: 'ELBSecurityPolicy-TLS13-1-2-2021-06' },
    { protocol: 'HTTPS', ssl_policy: 'ELBSecurityPolicy-2016-08' },
    { protocol: 'HTTPS' },
  ),
  CKV_AWS_91: one({ access_logs: [{ enabled: true }] }, { access_logs: [{ enabled: false }] }, { access_logs: [] }),
  'CKV_AWS_131, AWS-0052': one({ drop_invalid_header_fields: true }, { drop_invalid_header_fields: false }),
  CKV_AWS_150: one({ enable_deletion_protection: true }, { enable_deletion_protection: false }),
  CKV_AWS_328: one({ desync_mitigation_mode: 'strictest' }, { desync_mitigation_mode: 'monitor' }, {}),
  CKV_AWS_378: one({ target_type: 'lambda' }, { target_type: 'ip', protocol: 'HTTP' }),
  'CKV2_AWS_6; CKV_AWS_53, 54, 55, 56; AWS-0086, 0087, 0091, 0093, 0094': {
    others: ['aws_s3_bucket_public_access_block'],
    good: [bucket, blocked],
    faults: [[bucket], [bucket, { ...blocked, block_public_acls: false }], [bucket, { ...blocked, bucket: 'other' }]],
  },
  'CKV_AWS_21, AWS-0090': {
    others: ['aws_s3_bucket_versioning'],
    good: [bucket, { bucket: 'logs', versioning_configuration: [{ status: 'Enabled' }] }],
    faults: [[bucket], [bucket, { bucket: 'logs', versioning_configuration: [{ status: 'Suspended' }] }]],
  },
  'CKV_AWS_19, AWS-0088': {
    others: ['aws_s3_bucket_server_side_encryption_configuration'],
    good: [bucket, { bucket: 'logs' }],
    faults: [[bucket], [bucket, { bucket: 'other' }]],
  },
  CKV2_AWS_61: {
    others: ['aws_s3_bucket_lifecycle_configuration'],
    good: [bucket, { bucket: 'logs' }],
    faults: [[bucket], [bucket, { bucket: 'other' }]],
  },
  'CKV_AWS_20, 57; AWS-0092': one({ acl: 'private' }, { acl: 'public-read' }),
  CKV_AWS_70: one({ policy: policy(service) }, { policy: policy(everyone) }),
  'CKV_AWS_175, 342': one({ rule: [logs4j] }, { rule: [] }, { rule: [{ ...logs4j, override_action: [] }] }),
  CKV_AWS_192: one(
    { rule: [logs4j] },
    { rule: [groupRule('AWSManagedRulesCommonRuleSet', false)] },
    { rule: [groupRule('AWSManagedRulesKnownBadInputsRuleSet', true)] },
  ),
  CKV2_AWS_31: {
    others: ['aws_wafv2_web_acl_logging_configuration'],
    good: [{ arn: 'a', rule: [logs4j] }, { resource_arn: 'a' }],
    faults: [[{ arn: 'a', rule: [logs4j] }], [{ arn: 'a', rule: [logs4j] }, { resource_arn: 'b' }]],
  },
  'CKV_AZURE_3, AZU-0008': one({ https_traffic_only_enabled: true }, { https_traffic_only_enabled: false }),
  'CKV_AZURE_44, AZU-0011': one({ min_tls_version: 'TLS1_2' }, { min_tls_version: 'TLS1_0' }, {}),
  'CKV_AZURE_59, 190; CKV2_AZURE_47': one({ allow_nested_items_to_be_public: false }, { allow_nested_items_to_be_public: true }),
  CKV2_AZURE_40: one({ shared_access_key_enabled: false }, { shared_access_key_enabled: true }, {}),
  CKV2_AZURE_41: one({ sas_policy: [{ expiration_period: '00.01:00:00' }] }, { sas_policy: [] }),
  CKV_AZURE_244: one({ local_user_enabled: false }, { local_user_enabled: true }),
  CKV2_AZURE_38: one(
    { blob_properties: [{ delete_retention_policy: [{ days: 7 }] }] },
    { blob_properties: [{ delete_retention_policy: [{ days: 1 }] }] },
    {},
  ),
  'CKV_AZURE_34, AZU-0007': one({ container_access_type: 'private' }, { container_access_type: 'blob' }),
  'CKV_AZURE_42, 110; AZU-0016': one({ purge_protection_enabled: true }, { purge_protection_enabled: false }),
  'CKV_AZURE_42, 111': one({ soft_delete_retention_days: 90 }, { soft_delete_retention_days: null }),
  'CKV_AZURE_41, AZU-0017': one({ expiration_date: '2027-11-21T00:00:00Z' }, { expiration_date: null }),
  'CKV_AZURE_114, AZU-0015': one({ content_type: 'application/json' }, { content_type: null }),
  azurerm_write_only_arguments: one(
    { value: null, value_wo_version: 1 },
    { value: 'secret', value_wo_version: 1 },
    { value: null, value_wo_version: null },
  ),
  'CKV_AZURE_70, AZU-0004': one({ https_only: true }, { https_only: false }, {}),
  'CKV_AZURE_145, AZU-0006': one(
    { site_config: [{ minimum_tls_version: '1.2' }] },
    { site_config: [{ minimum_tls_version: '1.0' }] },
    {},
  ),
  CKV_AZURE_72: one({ site_config: [{ remote_debugging_enabled: false }] }, { site_config: [{ remote_debugging_enabled: true }] }),
  CKV_AZURE_78: one(
    { app_settings: { PORTOLAN_TABLE: 'portolan' } },
    { app_settings: { STORE: 'DefaultEndpointsProtocol=https;AccountName=x;AccountKey=abc' } },
  ),
  CKV_AZURE_173: one(
    { security: [{ frontend_tls10_enabled: false }] },
    { security: [{ frontend_tls10_enabled: true }] },
    { security: [{ triple_des_ciphers_enabled: true }] },
  ),
  CKV_AZURE_215: one({ url: 'https://portolan.azurewebsites.net' }, { url: 'http://portolan.azurewebsites.net' }),
  'CKV_GCP_41, GCP-0011': one(
    { role: 'roles/datastore.user', member: 'serviceAccount:a' },
    { role: 'roles/iam.serviceAccountTokenCreator', member: 'serviceAccount:a' },
  ),
  'CKV_GCP_42, 49, 117; GCP-0007': one(
    { role: 'roles/datastore.user', member: 'serviceAccount:a' },
    { role: 'roles/editor', member: 'serviceAccount:a' },
    { role: 'roles/secretmanager.admin', member: 'serviceAccount:a' },
  ),
  'CKV_GCP_46, GCP-0004, GCP-0006': one(
    { role: 'roles/datastore.user', member: 'serviceAccount:portolan@p.iam.gserviceaccount.com' },
    { role: 'roles/datastore.user', member: 'serviceAccount:123-compute@developer.gserviceaccount.com' },
    { role: 'roles/datastore.user', member: 'serviceAccount:p@appspot.gserviceaccount.com' },
  ),
  'CKV_GCP_46, GCP-0008': one(
    {
      service_config: [{ service_account_email: 'run@p.iam.gserviceaccount.com' }],
      build_config: [{ service_account: 'projects/p/serviceAccounts/build' }],
    },
    { service_config: [{ service_account_email: null }], build_config: [{ service_account: 'projects/p/serviceAccounts/build' }] },
    { service_config: [{ service_account_email: 'run@p.iam.gserviceaccount.com' }], build_config: [{}] },
  ),
  'CKV_GCP_102, 107': one(
    { role: 'roles/run.invoker', member: 'serviceAccount:gateway' },
    { role: 'roles/run.invoker', member: 'allUsers' },
  ),
  'CKV_GCP_29, GCP-0002': one({ uniform_bucket_level_access: true }, { uniform_bucket_level_access: false }),
  'CKV_GCP_114, GCP-0001': one({ public_access_prevention: 'enforced' }, { public_access_prevention: 'inherited' }),
  'CKV_GCP_78, GCP-0078': one({ versioning: [{ enabled: true }] }, { versioning: [] }),
  CKV_GCP_63: one({ name: 'code', logging: [{ log_bucket: 'logs' }] }, { name: 'code', logging: [{ log_bucket: 'code' }] }),
  google_write_only_arguments: one(
    { secret_data: null, secret_data_wo_version: 1 },
    { secret_data: 'secret', secret_data_wo_version: 1 },
    { secret_data: null, secret_data_wo_version: null },
  ),
  'no secret in a variable': one(
    { service_config: [{ environment_variables: { PORTOLAN_DATABASE: 'portolan' } }] },
    { service_config: [{ environment_variables: { KEY: '-----BEGIN PRIVATE KEY-----' } }] },
  ),
};

describe('the rules over plans', () => {
  test('have a planted fault each, and a name of their own', () => {
    const ids = rules.map((rule) => rule.ids);
    expect(new Set(ids).size).toBe(ids.length);
    expect(Object.keys(planted).toSorted()).toEqual(ids.toSorted());
  });

  for (const { ids, types } of rules) {
    test.for(types)(`${ids} is content with what is right, and finds each fault in %s`, (type) => {
      const { good, faults, others = [] } = planted[ids] ?? { good: [], faults: [] };
      const found = (values: readonly Values[]): string[] =>
        checkPlan(values.map((one, at): Resource => ({ address: `${at}`, type: [type, ...others][at] ?? '', values: one })))
          .filter((violation) => violation.ids === ids)
          .map(({ address }) => address);
      expect(found(good)).toEqual([]);
      expect(faults.length).toBeGreaterThan(0);
      for (const fault of faults) expect(found(fault), JSON.stringify(fault)).toEqual(['0']);
    });
  }

  const url: Resource = {
    address: 'aws_lambda_function_url.this',
    type: 'aws_lambda_function_url',
    values: { authorization_type: 'NONE' },
  };
  const exception = { ids: 'CKV_AWS_258', reason: 'Portolan authenticates' };

  test('can be broken where a reason is given, and nowhere else', () => {
    expect(checkPlan([url])).toMatchObject([{ ids: 'CKV_AWS_258', address: 'aws_lambda_function_url.this' }]);
    expect(checkPlan([url], [exception])).toEqual([]);
  });

  test('say so when an exception has outlived its reason', () => {
    expect(checkPlan([], [exception])).toMatchObject([{ demand: 'the exception is not needed (Portolan authenticates)' }]);
  });
});
