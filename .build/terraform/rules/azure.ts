import { looksSecret } from './looks-secret.ts';
import { block } from './rule.ts';
import type { Rule } from './rule.ts';

const functionApps = ['azurerm_function_app_flex_consumption', 'azurerm_linux_function_app', 'azurerm_linux_web_app'];

/** The rules that scanners have for what the Azure module makes. Checkov knows no Flex Consumption app: its rules are applied to it here. */
export const azureRules: readonly Rule[] = [
  {
    ids: 'CKV_AZURE_3, AZU-0008',
    types: ['azurerm_storage_account'],
    demand: 'https_traffic_only_enabled',
    holds: (values) => values['https_traffic_only_enabled'] === true,
  },
  {
    ids: 'CKV_AZURE_44, AZU-0011',
    types: ['azurerm_storage_account'],
    demand: 'min_tls_version is TLS1_2 or newer',
    holds: ({ min_tls_version: version }) => /^TLS1_[23]$/.test(String(version)),
  },
  {
    ids: 'CKV_AZURE_59, 190; CKV2_AZURE_47',
    types: ['azurerm_storage_account'],
    demand: 'allow_nested_items_to_be_public is false',
    holds: (values) => values['allow_nested_items_to_be_public'] === false,
  },
  {
    ids: 'CKV2_AZURE_40',
    types: ['azurerm_storage_account'],
    demand: 'shared_access_key_enabled is false',
    holds: (values) => values['shared_access_key_enabled'] === false,
  },
  {
    ids: 'CKV2_AZURE_41',
    types: ['azurerm_storage_account'],
    demand: 'a sas_policy',
    holds: (values) => typeof block(values, 'sas_policy')['expiration_period'] === 'string',
  },
  {
    ids: 'CKV_AZURE_244',
    types: ['azurerm_storage_account'],
    demand: 'local_user_enabled is false',
    holds: (values) => values['local_user_enabled'] === false,
  },
  {
    ids: 'CKV2_AZURE_38',
    types: ['azurerm_storage_account'],
    demand: 'deleted blobs can be brought back',
    holds: (values) => Number(block(block(values, 'blob_properties'), 'delete_retention_policy')['days']) >= 7,
  },
  {
    ids: 'CKV_AZURE_34, AZU-0007',
    types: ['azurerm_storage_container'],
    demand: 'private',
    holds: ({ container_access_type: access }) => access === 'private',
  },
  {
    ids: 'CKV_AZURE_42, 110; AZU-0016',
    types: ['azurerm_key_vault'],
    demand: 'purge_protection_enabled',
    holds: (values) => values['purge_protection_enabled'] === true,
  },
  {
    ids: 'CKV_AZURE_42, 111',
    types: ['azurerm_key_vault'],
    demand: 'soft_delete_retention_days of at least 7',
    holds: ({ soft_delete_retention_days: days }) => Number(days) >= 7,
  },
  {
    ids: 'CKV_AZURE_41, AZU-0017',
    types: ['azurerm_key_vault_secret'],
    demand: 'expiration_date is set',
    holds: ({ expiration_date: date }) => typeof date === 'string' && date !== '',
  },
  {
    ids: 'CKV_AZURE_114, AZU-0015',
    types: ['azurerm_key_vault_secret'],
    demand: 'content_type is set',
    holds: ({ content_type: type }) => typeof type === 'string' && type !== '',
  },
  {
    ids: 'azurerm_write_only_arguments',
    types: ['azurerm_key_vault_secret'],
    demand: 'the value is written by value_wo and kept nowhere',
    holds: ({ value, value_wo_version: version }) =>
      (value === null || value === undefined || value === '') && typeof version === 'number',
  },
  {
    ids: 'CKV_AZURE_70, AZU-0004',
    types: functionApps,
    demand: 'https_only',
    holds: (values) => values['https_only'] === true,
  },
  {
    ids: 'CKV_AZURE_145, AZU-0006',
    types: functionApps,
    demand: 'minimum_tls_version is 1.2 or newer',
    holds: (values) => /^1\.[23]$/.test(String(block(values, 'site_config')['minimum_tls_version'])),
  },
  {
    ids: 'CKV_AZURE_72',
    types: functionApps,
    demand: 'remote_debugging_enabled is not true',
    holds: (values) => block(values, 'site_config')['remote_debugging_enabled'] !== true,
  },
  {
    ids: 'CKV_AZURE_78',
    types: functionApps,
    demand: 'no setting holds a secret',
    holds: ({ app_settings: settings }) => !Object.values((settings ?? {}) as object).some((one) => looksSecret(String(one))),
  },
  {
    ids: 'CKV_AZURE_173',
    types: ['azurerm_api_management'],
    demand: 'no old TLS, no old ciphers',
    holds: (values) =>
      Object.entries(block(values, 'security')).every(
        ([name, value]) => !/(ssl30|tls10|tls11|triple_des|_cbc_|_rsa_with_aes).*enabled$/i.test(name) || value !== true,
      ),
  },
  {
    ids: 'CKV_AZURE_215',
    types: ['azurerm_api_management_backend'],
    demand: 'its url is https',
    holds: ({ url }) => String(url).startsWith('https://'),
  },
];
