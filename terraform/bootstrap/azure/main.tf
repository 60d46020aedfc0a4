# Run once for a resource group, by its owner: a store for Terraform's state, and an identity that CI becomes without any key.

provider "azurerm" {
  subscription_id     = var.subscription_id
  storage_use_azuread = true

  features {
    storage {
      data_plane_available = false
    }
  }
}

data "azurerm_client_config" "current" {}

locals {
  subscription = "/subscriptions/${data.azurerm_client_config.current.subscription_id}"
  deployed_in  = "${local.subscription}/resourceGroups/${var.resource_group_name}"
  suffix       = substr(sha256(lower("${local.deployed_in}/${var.name}")), 0, 6)
  tags         = { name = var.name, managed-by = "terraform" }
}

# Apart from what is deployed: destroying that must not take the state along.
resource "azurerm_resource_group" "state" {
  name     = "${var.name}-terraform"
  location = var.location
  tags     = local.tags
}

# The state. It holds no secret of Portolan's, but the names of everything.
resource "azurerm_storage_account" "state" {
  name                     = "${var.name}state${local.suffix}"
  resource_group_name      = azurerm_resource_group.state.name
  location                 = var.location
  account_kind             = "StorageV2"
  account_tier             = "Standard"
  account_replication_type = "ZRS"

  https_traffic_only_enabled       = true
  min_tls_version                  = "TLS1_2"
  shared_access_key_enabled        = false
  default_to_oauth_authentication  = true
  allow_nested_items_to_be_public  = false
  cross_tenant_replication_enabled = false
  local_user_enabled               = false

  blob_properties {
    versioning_enabled = true
    delete_retention_policy {
      days = 90
    }
    container_delete_retention_policy {
      days = 90
    }
  }

  sas_policy {
    expiration_period = "00.01:00:00"
  }

  tags = local.tags

  lifecycle {
    prevent_destroy = true
  }
}

resource "azurerm_storage_container" "state" {
  name                  = "tfstate"
  storage_account_id    = azurerm_storage_account.state.id
  container_access_type = "private"
}
