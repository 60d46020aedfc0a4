import { looksSecret } from './looks-secret.ts';
import { block } from './rule.ts';
import type { Rule } from './rule.ts';

const projectGrants = ['google_project_iam_member', 'google_project_iam_binding'];
const grants = [
  ...projectGrants,
  'google_secret_manager_secret_iam_member',
  'google_storage_bucket_iam_member',
  'google_pubsub_topic_iam_member',
  'google_cloud_run_v2_service_iam_member',
  'google_cloud_run_service_iam_member',
  'google_artifact_registry_repository_iam_member',
  'google_service_account_iam_member',
];

/** The rules that scanners have for what the Google Cloud module makes. */
export const gcpRules: readonly Rule[] = [
  {
    ids: 'CKV_GCP_41, GCP-0011',
    types: projectGrants,
    demand: 'nobody makes tokens of, or acts as, every service account of a project',
    holds: ({ role }) => !/^roles\/iam\.(serviceAccountUser|serviceAccountTokenCreator|workloadIdentityUser)$/.test(String(role)),
  },
  {
    ids: 'CKV_GCP_42, 49, 117; GCP-0007',
    types: grants,
    demand: 'no basic role, no administrator',
    holds: ({ role }) => !/^roles\/(owner|editor|viewer)$|[aA]dmin$/.test(String(role)),
  },
  {
    ids: 'CKV_GCP_46, GCP-0004, GCP-0006',
    types: grants,
    demand: 'not for the default service accounts',
    holds: ({ member }) => !/-compute@developer\.gserviceaccount\.com$|@appspot\.gserviceaccount\.com$/.test(String(member)),
  },
  {
    ids: 'CKV_GCP_46, GCP-0008',
    types: ['google_cloudfunctions2_function'],
    demand: 'it runs, and is built, under accounts of its own',
    holds: (values) =>
      [block(values, 'service_config')['service_account_email'], block(values, 'build_config')['service_account']].every(
        (account) => typeof account === 'string' && account !== '' && !/-compute@developer|@appspot\./.test(account),
      ),
  },
  {
    ids: 'CKV_GCP_102, 107',
    types: grants,
    demand: 'not for everyone',
    holds: ({ member }) => member !== 'allUsers' && member !== 'allAuthenticatedUsers',
  },
  {
    ids: 'CKV_GCP_29, GCP-0002',
    types: ['google_storage_bucket'],
    demand: 'uniform_bucket_level_access',
    holds: (values) => values['uniform_bucket_level_access'] === true,
  },
  {
    ids: 'CKV_GCP_114, GCP-0001',
    types: ['google_storage_bucket'],
    demand: 'public_access_prevention is enforced',
    holds: (values) => values['public_access_prevention'] === 'enforced',
  },
  {
    ids: 'CKV_GCP_78, GCP-0078',
    types: ['google_storage_bucket'],
    demand: 'versioning is enabled',
    holds: (values) => block(values, 'versioning')['enabled'] === true,
  },
  {
    ids: 'CKV_GCP_63',
    types: ['google_storage_bucket'],
    demand: 'it does not log to itself',
    holds: (values) => block(values, 'logging')['log_bucket'] !== values['name'],
  },
  {
    ids: 'google_write_only_arguments',
    types: ['google_secret_manager_secret_version'],
    demand: 'the value is written by secret_data_wo and kept nowhere',
    holds: ({ secret_data: data, secret_data_wo_version: version }) =>
      (data === null || data === undefined || data === '') && typeof version === 'number',
  },
  {
    ids: 'no secret in a variable',
    types: ['google_cloudfunctions2_function'],
    demand: 'no environment variable holds a secret',
    holds: (values) =>
      !Object.values((block(values, 'service_config')['environment_variables'] ?? {}) as object).some((one) =>
        looksSecret(String(one)),
      ),
  },
];
