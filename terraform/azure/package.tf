# Files of the host: the package, the timer's lease, the keys of the Functions host. No shared keys: whoever comes has a role.
resource "azurerm_storage_account" "host" {
  name                     = local.host_account
  resource_group_name      = local.group
  location                 = local.location
  account_kind             = "StorageV2"
  account_tier             = "Standard"
  account_replication_type = "LRS" # everything in it can be made again

  https_traffic_only_enabled       = true
  min_tls_version                  = "TLS1_2"
  shared_access_key_enabled        = false
  default_to_oauth_authentication  = true
  allow_nested_items_to_be_public  = false
  cross_tenant_replication_enabled = false
  local_user_enabled               = false
  queue_encryption_key_type        = local.encrypted ? "Account" : "Service"

  # Undoes a deletion by mistake.
  blob_properties {
    delete_retention_policy {
      days = 7
    }
    container_delete_retention_policy {
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

# A container per package, named after its hash: a new package is a new container, the function changes over to it in one update, and the
# old one goes afterwards. The same package is the same name, so nothing happens. An earlier package is deployed again in the same way.
#
# Not `zip_deploy_file`: azurerm calls an endpoint that Flex Consumption does not have (azurerm#29630), it redeploys when the path changes,
# not the content (azurerm#21527), and it needs the publishing password, which is off here. What a Flex app starts is the blob
# `released-package.zip` of its deployment container, which is also where Azure's own One Deploy leaves it.
locals {
  # Not the hash itself: base64 has characters that a container's name has not.
  package_name = "package-${substr(sha256(var.package.sha256_base64), 0, 16)}"
}

resource "azurerm_storage_container" "package" {
  for_each = toset([local.package_name])

  name                  = each.value
  storage_account_id    = azurerm_storage_account.host.id
  container_access_type = "private"

  lifecycle {
    create_before_destroy = true # the old one goes when the function has left it
  }
}

resource "azurerm_storage_blob" "package" {
  for_each = toset([local.package_name])

  name                   = "released-package.zip"
  storage_account_name   = azurerm_storage_account.host.name
  storage_container_name = azurerm_storage_container.package[each.value].name
  type                   = "Block"
  content_type           = "application/zip"
  source                 = var.package.path

  lifecycle {
    create_before_destroy = true
    ignore_changes        = [source] # the same package under another path; another package is another instance
  }
}
