locals {
  made_secrets    = { for key, secret in var.secrets : key => secret if secret.existing_id == null }
  written_secrets = { for key, secret in local.made_secrets : key => secret.version if secret.version != null }
  empty_secrets   = sort([for key, secret in local.made_secrets : key if secret.version == null])
  secret_ids      = { for key, secret in var.secrets : key => secret.existing_id == null ? aws_secretsmanager_secret.this[key].arn : secret.existing_id }
}

# A secret deleted with a recovery window keeps its name until the window is over: making it again fails ("scheduled for deletion"). So
# without deletion_protection it is deleted at once, and apply after destroy works.
resource "aws_secretsmanager_secret" "this" {
  for_each                = local.made_secrets
  name                    = "${local.secret_prefix}${each.key}"
  description             = "Portolan's secret ${each.key}"
  kms_key_id              = var.encryption_key_id
  recovery_window_in_days = var.deletion_protection ? 30 : 0
  tags                    = local.tags
}

# Write-only: the value is in no state and no plan.
resource "aws_secretsmanager_secret_version" "this" {
  for_each                 = local.written_secrets
  secret_id                = aws_secretsmanager_secret.this[each.key].id
  secret_string_wo         = lookup(var.secret_values, each.key, null)
  secret_string_wo_version = each.value

  lifecycle {
    precondition {
      condition     = contains(keys(var.secret_values), each.key)
      error_message = "secrets[\"${each.key}\"] has a version, and secret_values has no value for it. Give TF_VAR_secret_values with every plan, or leave the version out and fill the secret by hand."
    }
  }
}
