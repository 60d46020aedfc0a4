# Portolan on Azure as one would run it for customers: a name of one's own behind Front Door with a firewall, storage and vault that answer
# the function's network only, alarms that reach somebody, a warm instance, secrets written by Terraform without being in its state.

provider "azurerm" {
  subscription_id     = var.subscription_id
  storage_use_azuread = true # the storage accounts have no shared keys

  # CI has rights in one resource group only; docs/deploy-azure.md registers them once.
  resource_provider_registrations = "none"

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
  environment         = "prod"
  deletion_protection = var.deletion_protection

  package = {
    path          = "${local.packages}/${local.manifest.path}"
    sha256_base64 = local.manifest.sha256_base64
  }

  config = file("${path.module}/portolan.json")
  secrets = {
    api-keys    = { version = var.secret_version }
    signing-key = { version = var.secret_version }
    vendor      = { version = var.secret_version }
  }
  secret_values = var.secret_values

  runtime = {
    memory_mb     = 2048
    min_instances = 1
    max_instances = 100
  }

  edge = {
    kind = "balancer"
    waf  = true
    domain = {
      name           = var.domain
      certificate_id = "managed" # Front Door makes and renews it
    }
  }

  network = {
    subnet_ids = [azurerm_subnet.function.id]
  }

  encryption_key_id = var.encryption_key_id

  logs = {
    retention_days = 90
  }

  alarms = {
    notify              = [azurerm_monitor_action_group.on_call.id]
    p99_latency_seconds = 1
  }

  tags = {
    team = "platform"
  }

  azure = {
    resource_group_name = var.resource_group_name
    location            = var.location
    replication         = "ZRS"
    allowed_ip_ranges   = var.deployer_ip_ranges
  }
}

resource "azurerm_virtual_network" "this" {
  name                = "portolan-prod"
  resource_group_name = var.resource_group_name
  location            = var.location
  address_space       = ["10.20.0.0/24"]
}

# Flex Consumption wants a subnet to itself, delegated to it.
resource "azurerm_subnet" "function" {
  name                 = "function"
  resource_group_name  = var.resource_group_name
  virtual_network_name = azurerm_virtual_network.this.name
  address_prefixes     = ["10.20.0.0/26"]
  service_endpoints    = ["Microsoft.KeyVault", "Microsoft.Storage"]

  delegation {
    name = "flex-consumption"
    service_delegation {
      name    = "Microsoft.App/environments"
      actions = ["Microsoft.Network/virtualNetworks/subnets/join/action"]
    }
  }
}

resource "azurerm_monitor_action_group" "on_call" {
  name                = "portolan-on-call"
  resource_group_name = var.resource_group_name
  short_name          = "portolan"

  email_receiver {
    name                    = "on-call"
    email_address           = var.email
    use_common_alert_schema = true
  }
}
