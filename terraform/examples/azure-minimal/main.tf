# Portolan on Azure with next to nothing that costs at rest. `make package` first; docs/deploy-azure.md goes through it command by command.

provider "azurerm" {
  subscription_id     = var.subscription_id
  storage_use_azuread = true # the storage accounts have no shared keys

  features {
    # The provider need not look into the accounts it makes: that takes rights on their data, which come later.
    storage {
      data_plane_available = false
    }
    # A deleted vault keeps its name for months: taken back when it is made again, with its secrets; purging is refused anyway.
    key_vault {
      recover_soft_deleted_key_vaults       = true
      recover_soft_deleted_secrets          = true
      purge_soft_delete_on_destroy          = false
      purge_soft_deleted_secrets_on_destroy = false
    }
    log_analytics_workspace {
      permanently_delete_on_destroy = true
    }
    # The table goes with the deployment that made it.
    template_deployment {
      delete_nested_items_during_deletion = true
    }
  }
}

locals {
  packages = "${path.module}/../../../dist/packages/azure"
  manifest = jsondecode(file("${local.packages}/manifest.json"))
}

module "portolan" {
  source = "../../azure"

  name                = "portolan"
  environment         = var.environment
  deletion_protection = var.deletion_protection

  package = {
    path          = "${local.packages}/${local.manifest.path}"
    sha256_base64 = local.manifest.sha256_base64
  }

  # docs/configuration.md. It names secrets; they are filled after the first apply, the output next_steps says how.
  config = file("${path.module}/portolan.json")
  secrets = {
    api-keys    = {}
    signing-key = {}
    vendor      = {}
  }

  azure = {
    resource_group_name = var.resource_group_name
    location            = var.location
  }
}
