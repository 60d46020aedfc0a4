# Sessions. No shared keys here either: the table is made through Azure's resource manager, below.
resource "azurerm_storage_account" "state" {
  name                     = local.data_account
  resource_group_name      = local.group
  location                 = local.location
  account_kind             = "StorageV2"
  account_tier             = "Standard"
  account_replication_type = var.azure.replication

  https_traffic_only_enabled       = true
  min_tls_version                  = "TLS1_2"
  shared_access_key_enabled        = false
  default_to_oauth_authentication  = true
  allow_nested_items_to_be_public  = false
  cross_tenant_replication_enabled = false
  local_user_enabled               = false
  table_encryption_key_type        = local.encrypted ? "Account" : "Service"

  # There are no blobs in it: for the checkers, which cannot know.
  blob_properties {
    delete_retention_policy {
      days = 7
    }
  }

  sas_policy {
    expiration_period = "00.01:00:00"
  }

  dynamic "network_rules" {
    for_each = var.azure.allowed_ip_ranges == null ? [] : [var.azure.allowed_ip_ranges]
    content {
      default_action             = "Deny"
      bypass                     = ["AzureServices"]
      ip_rules                   = network_rules.value
      virtual_network_subnet_ids = compact([local.subnet_id])
    }
  }

  dynamic "identity" {
    for_each = local.encrypted ? [1] : []
    content {
      type         = "UserAssigned"
      identity_ids = [azurerm_user_assigned_identity.encryption[0].id]
    }
  }
  dynamic "customer_managed_key" {
    for_each = local.encrypted ? [1] : []
    content {
      key_vault_key_id          = local.key_url
      user_assigned_identity_id = azurerm_user_assigned_identity.encryption[0].id
    }
  }

  tags       = local.tags
  depends_on = [azurerm_role_assignment.encryption, terraform_data.refusals]
}

# Not azurerm_storage_table: it asks the table for its access policies, which Azure answers to shared keys only, whatever
# storage_use_azuread says (azurerm#32249, #30815, #23142).
resource "azurerm_resource_group_template_deployment" "table" {
  name                = "${local.base}-table"
  resource_group_name = local.group
  deployment_mode     = "Incremental"
  template_content = jsonencode({
    "$schema"      = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
    contentVersion = "1.0.0.0"
    resources = [{
      type       = "Microsoft.Storage/storageAccounts/tableServices/tables"
      apiVersion = "2023-05-01"
      name       = "${azurerm_storage_account.state.name}/default/${local.table_name}"
      properties = {}
    }]
  })
  tags = local.tags
}

locals {
  table_id = "${azurerm_storage_account.state.id}/tableServices/default/tables/${local.table_name}"
}

# Azure's answer to a protected table: nobody deletes the account while the lock is there, not even an owner. Terraform itself takes the
# lock off with what it locks, so `terraform destroy` is stopped by the reader of its plan alone.
resource "azurerm_management_lock" "state" {
  count = var.deletion_protection ? 1 : 0

  name       = "${local.base}-sessions"
  scope      = azurerm_storage_account.state.id
  lock_level = "CanNotDelete"
  notes      = "Holds Portolan's sessions. Set deletion_protection = false and apply to remove this lock."
}
