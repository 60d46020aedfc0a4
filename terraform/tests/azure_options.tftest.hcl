# What may be asked for beside the defaults.
mock_provider "azurerm" {
  source = "./mocks/azure"
}
mock_provider "time" {
  source = "./mocks/azure"
}

variables {
  name          = "portolan"
  environment   = "test"
  package       = { path = "fixtures/function.zip", sha256_base64 = filebase64sha256("fixtures/function.zip") }
  secret_values = {}
  azure         = { resource_group_name = "portolan", location = "westeurope" }
}


# The longest names, secrets that are written, one subnet, a key of one's own, instances that stay.
run "everything" {
  module { source = "../azure" }

  variables {
    name                = "portolan-of-acme-inc"
    environment         = "staging1"
    config              = jsonencode({ auth = { keysSecret = "api-keys" } })
    settings            = { TZ = "UTC" }
    secrets             = { api-keys = { version = 3 } }
    secret_values       = { api-keys = "canary" }
    deletion_protection = false
    encryption_key_id   = "/subscriptions/s/resourceGroups/r/providers/Microsoft.KeyVault/vaults/theirs/keys/portolan"
    network             = { subnet_ids = ["/subscriptions/s/resourceGroups/r/providers/Microsoft.Network/virtualNetworks/v/subnets/functions"] }
    runtime             = { node_version = 22, memory_mb = 2048, max_instances = 1000, min_instances = 2, concurrency = 100, attempt_timeout_ms = 500, timeout_seconds = 230 }
    logs                = { retention_days = 365 }
    tags                = { team = "edge" }
    azure = {
      resource_group_name = "portolan", location = "westeurope", replication = "ZRS", secret_days = 30, vault_soft_delete_days = 7, vault_purge_protection = false
      allowed_ip_ranges   = ["203.0.113.0/24", "198.51.100.7"], log_daily_gb = 1
    }
  }

  assert {
    condition = (
      can(regex("^[a-z][a-z0-9]{2,23}$", azurerm_storage_account.host.name)) && can(regex("^[a-z][a-z0-9]{2,23}$", azurerm_storage_account.state.name)) && azurerm_storage_account.host.name != azurerm_storage_account.state.name &&
      can(regex("^[a-z][a-z0-9-]{1,22}[a-z0-9]$", azurerm_key_vault.this[0].name)) && !strcontains(azurerm_key_vault.this[0].name, "--") && length(azurerm_function_app_flex_consumption.this[0].name) <= 60
    )
    error_message = "The longest names fit: ${azurerm_storage_account.host.name} ${azurerm_key_vault.this[0].name} ${azurerm_function_app_flex_consumption.this[0].name}"
  }
  assert {
    condition = (
      azurerm_function_app_flex_consumption.this[0].runtime_version == "22" && azurerm_function_app_flex_consumption.this[0].instance_memory_in_mb == 2048 && azurerm_function_app_flex_consumption.this[0].maximum_instance_count == 1000 &&
      azurerm_function_app_flex_consumption.this[0].http_concurrency == 100 && one(azurerm_function_app_flex_consumption.this[0].always_ready).name == "http" && one(azurerm_function_app_flex_consumption.this[0].always_ready).instance_count == 2
    )
    error_message = "The runtime is as asked."
  }
  assert {
    condition = (
      azurerm_function_app_flex_consumption.this[0].app_settings["PORTOLAN_CONFIG"] == var.config && azurerm_function_app_flex_consumption.this[0].app_settings["PORTOLAN_ATTEMPT_TIMEOUT_MS"] == "500" && azurerm_function_app_flex_consumption.this[0].app_settings["TZ"] == "UTC" &&
      contains(output.settings_injected, "PORTOLAN_CONFIG") && !contains(output.settings_injected, "TZ")
    )
    error_message = "Configuration and settings reach the function."
  }
  assert {
    condition = (
      azurerm_key_vault_secret.this["api-keys"].name == "portolan-of-acme-inc-staging1-api-keys" && azurerm_key_vault_secret.this["api-keys"].value_wo_version == 3 && azurerm_key_vault_secret.this["api-keys"].value == null &&
      azurerm_key_vault_secret.this["api-keys"].content_type == "text/plain" && azurerm_key_vault_secret.this["api-keys"].expiration_date == "2099-12-21T00:00:00Z"
    )
    error_message = "A secret has its value by the write-only argument, a type of content, and an end thirty days after it was written."
  }
  assert {
    condition     = strcontains(output.next_steps, "Before 2099-12-21T00:00:00Z, raise the version of the secret api-keys")
    error_message = "next_steps says when: ${output.next_steps}"
  }
  assert {
    condition     = output.secret_ids == tomap({ api-keys = azurerm_key_vault_secret.this["api-keys"].resource_versionless_id }) && !strcontains(jsonencode(azurerm_function_app_flex_consumption.this[0].app_settings), "canary")
    error_message = "secret_ids: ${jsonencode(output.secret_ids)}"
  }
  assert {
    condition     = azurerm_key_vault.this[0].soft_delete_retention_days == 7 && !azurerm_key_vault.this[0].purge_protection_enabled && azurerm_storage_account.state.account_replication_type == "ZRS" && length(azurerm_management_lock.state) == 0
    error_message = "What protects may be turned off, and copies be kept elsewhere."
  }
  assert {
    condition = (
      azurerm_function_app_flex_consumption.this[0].virtual_network_subnet_id == var.network.subnet_ids[0] &&
      alltrue([for account in [azurerm_storage_account.host, azurerm_storage_account.state] : one(account.network_rules).default_action == "Deny" && one(account.network_rules).ip_rules == toset(var.azure.allowed_ip_ranges) && one(account.network_rules).virtual_network_subnet_ids == toset(var.network.subnet_ids)]) &&
      one(azurerm_key_vault.this[0].network_acls).default_action == "Deny"
    )
    error_message = "Storage and vault answer the subnet and the addresses given, nobody else."
  }
  assert {
    condition = (
      alltrue([for account in [azurerm_storage_account.host, azurerm_storage_account.state] : one(account.customer_managed_key).key_vault_key_id == "https://theirs.vault.azure.net/keys/portolan" && one(account.customer_managed_key).user_assigned_identity_id == azurerm_user_assigned_identity.encryption[0].id]) &&
      azurerm_storage_account.state.table_encryption_key_type == "Account" && azurerm_storage_account.host.queue_encryption_key_type == "Account" &&
      azurerm_role_assignment.encryption[0].role_definition_name == "Key Vault Crypto Service Encryption User" && azurerm_role_assignment.encryption[0].scope == var.encryption_key_id
    )
    error_message = "Blobs, tables and queues are encrypted with the key, by an identity that may do nothing else."
  }
  assert {
    condition     = azurerm_log_analytics_workspace.this.retention_in_days == 365 && azurerm_log_analytics_workspace_table.this["AppTraces"].retention_in_days == 365 && azurerm_log_analytics_workspace.this.daily_quota_gb == 1
    error_message = "Logs are kept for a year, and one gigabyte a day at most."
  }
  assert {
    condition     = azurerm_storage_account.state.tags == tomap({ name = "portolan-of-acme-inc", environment = "staging1", managed-by = "terraform", team = "edge" })
    error_message = "The caller's tags are added."
  }
}

# The same deployment with another package: what changes, and what does not.
run "first_package" {
  state_key = "package"
  module { source = "../azure" }
}
run "the_same_package_elsewhere" {
  command   = plan
  state_key = "package"
  module { source = "../azure" }

  variables {
    package = { path = "./fixtures/function.zip", sha256_base64 = filebase64sha256("fixtures/function.zip") }
  }

  assert {
    condition     = one(values(azurerm_storage_container.package)).name == "package-${substr(sha256(filebase64sha256("fixtures/function.zip")), 0, 16)}" && one(values(azurerm_storage_blob.package)).source == "fixtures/function.zip"
    error_message = "An unchanged package is not deployed again, whatever its path."
  }
}
run "other_package" {
  state_key = "package"
  module { source = "../azure" }

  variables {
    package = { path = "fixtures/other.zip", sha256_base64 = filebase64sha256("fixtures/other.zip") }
  }

  assert {
    condition = (
      one(values(azurerm_storage_container.package)).name == "package-${substr(sha256(filebase64sha256("fixtures/other.zip")), 0, 16)}" && one(values(azurerm_storage_blob.package)).source == "fixtures/other.zip" &&
      endswith(azurerm_function_app_flex_consumption.this[0].storage_container_endpoint, "/${one(values(azurerm_storage_container.package)).name}")
    )
    error_message = "A changed package is a new container with the new file, and the function changes over to it."
  }
}

# Elastic Premium.
run "premium" {
  state_key = "premium"
  module { source = "../azure" }

  variables {
    runtime = { memory_mb = 7168, max_instances = 20 }
    network = { subnet_ids = ["/subscriptions/s/resourceGroups/r/providers/Microsoft.Network/virtualNetworks/v/subnets/functions"] }
    azure   = { resource_group_name = "portolan", location = "westeurope", plan = "premium" }
  }

  assert {
    condition     = azurerm_service_plan.this.sku_name == "EP2" && azurerm_service_plan.this.maximum_elastic_worker_count == 20 && length(azurerm_function_app_flex_consumption.this) == 0 && output.function_id == azurerm_linux_function_app.this[0].id
    error_message = "The size is chosen by the memory."
  }
  assert {
    condition = (
      azurerm_linux_function_app.this[0].https_only && azurerm_linux_function_app.this[0].site_config[0].ftps_state == "Disabled" && azurerm_linux_function_app.this[0].site_config[0].minimum_tls_version == "1.2" && azurerm_linux_function_app.this[0].site_config[0].application_stack[0].node_version == "22" &&
      !azurerm_linux_function_app.this[0].webdeploy_publish_basic_authentication_enabled && !azurerm_linux_function_app.this[0].ftp_publish_basic_authentication_enabled && azurerm_linux_function_app.this[0].site_config[0].vnet_route_all_enabled
    )
    error_message = "The same rules as on Flex Consumption."
  }
  assert {
    condition = (
      azurerm_linux_function_app.this[0].storage_uses_managed_identity && azurerm_linux_function_app.this[0].storage_account_access_key == null && azurerm_linux_function_app.this[0].content_share_force_disabled &&
      azurerm_linux_function_app.this[0].app_settings["AzureWebJobsStorage__credential"] == "managedidentity" && azurerm_linux_function_app.this[0].app_settings["AzureWebJobsStorage__clientId"] == output.identity &&
      azurerm_linux_function_app.this[0].app_settings["WEBSITE_RUN_FROM_PACKAGE"] == one(values(azurerm_storage_blob.package)).url && azurerm_linux_function_app.this[0].app_settings["WEBSITE_RUN_FROM_PACKAGE_BLOB_MI_RESOURCE_ID"] == azurerm_user_assigned_identity.function.id &&
      length([for name in keys(azurerm_linux_function_app.this[0].app_settings) : name if contains(["azurewebjobsstorage", "azurewebjobsstorage__accountname"], lower(name))]) == 0 &&
      azurerm_linux_function_app.this[0].storage_account_name == azurerm_storage_account.host.name
    )
    error_message = "No shared key: the package is run where it lies, read by the identity; what azurerm writes itself is not written twice."
  }
  assert {
    condition     = !output.capabilities.concurrency && alltrue([for name in ["PORTOLAN_TABLE", "PORTOLAN_TABLE_ENDPOINT", "PORTOLAN_KEY_VAULT_URL", "PORTOLAN_SECRET_PREFIX", "PORTOLAN_TRUSTED_HOPS", "AZURE_CLIENT_ID"] : contains(keys(azurerm_linux_function_app.this[0].app_settings), name)])
    error_message = "The code gets the same settings."
  }
}
