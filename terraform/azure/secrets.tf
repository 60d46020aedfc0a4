locals {
  vault_id  = local.own_vault ? azurerm_key_vault.this[0].id : local.their_vaults[0]
  vault_url = local.own_vault ? azurerm_key_vault.this[0].vault_uri : "https://${element(split("/", local.their_vaults[0]), -1)}.vault.azure.net"

  secret_ends = { for name, made in time_static.secret : name => var.azure.secret_days == 0 ? null : timeadd(made.rfc3339, "${var.azure.secret_days * 24}h") }

  # Without version: what a role can be given on.
  secret_ids = merge(
    local.existing,
    { for name, secret in azurerm_key_vault_secret.this : name => secret.resource_versionless_id },
    { for name in local.by_hand : name => "${local.vault_id}/secrets/${local.secret_prefix}${name}" },
  )
}

# A deleted vault keeps its name for vault_soft_delete_days, and purge protection means nobody can shorten that. To deploy again under the
# same name the provider takes the deleted vault back, with its secrets: features.key_vault.recover_soft_deleted_key_vaults and
# recover_soft_deleted_secrets, which are on by default and stand in the examples.
resource "azurerm_key_vault" "this" {
  count = local.own_vault ? 1 : 0

  name                       = local.vault_name
  resource_group_name        = local.group
  location                   = local.location
  tenant_id                  = data.azurerm_client_config.current.tenant_id
  sku_name                   = "standard"
  rbac_authorization_enabled = true
  purge_protection_enabled   = var.azure.vault_purge_protection
  soft_delete_retention_days = var.azure.vault_soft_delete_days

  dynamic "network_acls" {
    for_each = var.azure.allowed_ip_ranges == null ? [] : [var.azure.allowed_ip_ranges]
    content {
      default_action             = "Deny"
      bypass                     = "AzureServices"
      ip_rules                   = network_acls.value
      virtual_network_subnet_ids = compact([local.subnet_id])
    }
  }

  tags = local.tags

  depends_on = [terraform_data.refusals]
}

# When each version was written, so that its end does not move with every plan. The function passes over a secret that has ended, as over one
# that is disabled, and stops answering: next_steps says when that will be.
resource "time_static" "secret" {
  for_each = local.written
  triggers = { version = each.value }
}

resource "azurerm_key_vault_secret" "this" {
  for_each = local.written

  name             = "${local.secret_prefix}${each.key}"
  key_vault_id     = local.vault_id
  content_type     = "text/plain"
  expiration_date  = local.secret_ends[each.key]
  value_wo         = lookup(var.secret_values, each.key, null) # in no state and no plan
  value_wo_version = each.value
  tags             = local.tags

  lifecycle {
    precondition {
      condition     = contains(keys(var.secret_values), each.key)
      error_message = "secrets[\"${each.key}\"] has a version, and secret_values has no value for it. Give TF_VAR_secret_values with every plan, or leave the version out and fill the secret by hand."
    }
  }
}
