# What a deployment is that says nothing but where: encryption, TLS, retention, tags, the settings the code reads.
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


run "defaults" {
  module { source = "../azure" }

  # The function.
  assert {
    condition = (
      azurerm_service_plan.this.sku_name == "FC1" && azurerm_service_plan.this.os_type == "Linux" &&
      length(azurerm_linux_function_app.this) == 0 && azurerm_function_app_flex_consumption.this[0].name == output.function_name && startswith(output.function_name, "portolan-test-")
    )
    error_message = "A Flex Consumption app called <name>-<environment>-<six characters>."
  }
  assert {
    condition = (
      azurerm_function_app_flex_consumption.this[0].runtime_name == "node" && azurerm_function_app_flex_consumption.this[0].runtime_version == "24" &&
      azurerm_function_app_flex_consumption.this[0].instance_memory_in_mb == 512 && azurerm_function_app_flex_consumption.this[0].maximum_instance_count == 50 &&
      azurerm_function_app_flex_consumption.this[0].http_concurrency == null && length(azurerm_function_app_flex_consumption.this[0].always_ready) == 0
    )
    error_message = "Node.js 24, 512 MiB, fifty instances at most, none at rest."
  }
  assert {
    condition = (
      azurerm_function_app_flex_consumption.this[0].https_only && azurerm_function_app_flex_consumption.this[0].site_config[0].minimum_tls_version == "1.2" &&
      azurerm_function_app_flex_consumption.this[0].site_config[0].scm_minimum_tls_version == "1.2" && !azurerm_function_app_flex_consumption.this[0].site_config[0].remote_debugging_enabled &&
      azurerm_function_app_flex_consumption.this[0].site_config[0].ip_restriction_default_action == "Allow" && azurerm_function_app_flex_consumption.this[0].site_config[0].scm_ip_restriction_default_action == "Deny" &&
      azurerm_function_app_flex_consumption.this[0].public_network_access_enabled && azurerm_function_app_flex_consumption.this[0].virtual_network_subnet_id == null
    )
    error_message = "HTTPS of TLS 1.2 or newer only, open to callers, its deployment site closed to everybody."
  }
  assert {
    condition     = !azurerm_function_app_flex_consumption.this[0].webdeploy_publish_basic_authentication_enabled
    error_message = "azurerm keeps the publishing password in the state: it must open nothing."
  }
  assert {
    condition = azurerm_function_app_flex_consumption.this[0].app_settings == tomap({
      PORTOLAN_TABLE                            = "portolan"
      PORTOLAN_TABLE_ENDPOINT                   = "https://portolanmock.table.core.windows.net"
      PORTOLAN_KEY_VAULT_URL                    = "https://portolan-mock.vault.azure.net"
      PORTOLAN_SECRET_PREFIX                    = "portolan-test-"
      PORTOLAN_TRUSTED_HOPS                     = "0"
      AZURE_CLIENT_ID                           = "00000000-0000-4000-8000-000000000005"
      AzureWebJobsStorage__accountName          = azurerm_storage_account.host.name
      AzureWebJobsStorage__credential           = "managedidentity"
      AzureWebJobsStorage__clientId             = "00000000-0000-4000-8000-000000000005"
      APPLICATIONINSIGHTS_AUTHENTICATION_STRING = "ClientId=00000000-0000-4000-8000-000000000005;Authorization=AAD"
      azurewebjobsstorage                       = ""
    })
    error_message = "The settings are those adapters/azure/module.ts reads and those of the host: ${jsonencode(azurerm_function_app_flex_consumption.this[0].app_settings)}"
  }
  assert {
    condition     = output.settings_injected == tolist(sort(concat(keys(azurerm_function_app_flex_consumption.this[0].app_settings), ["APPLICATIONINSIGHTS_CONNECTION_STRING"])))
    error_message = "settings_injected names them, sorted: ${jsonencode(output.settings_injected)}"
  }

  # azurerm#29693, #29149, #30732, #33211; AVM web-site#376: without all three the app is dead though the apply is green; with the provider's
  # own AzureWebJobsStorage too. An override of another case replaces that one and does not differ at every plan.
  assert {
    condition = (
      length([for name, value in azurerm_function_app_flex_consumption.this[0].app_settings : name if lower(name) == "azurewebjobsstorage" && value == ""]) == 1 &&
      !contains(keys(azurerm_function_app_flex_consumption.this[0].app_settings), "AzureWebJobsStorage")
    )
    error_message = "The provider's connection string without key is replaced by an empty one, not under its exact name."
  }

  # azurerm#29630, #21527: zip_deploy_file does not work on Flex Consumption, and sees no change of content.
  assert {
    condition = (
      one(values(azurerm_storage_container.package)).name == "package-${substr(sha256(filebase64sha256("fixtures/function.zip")), 0, 16)}" && one(values(azurerm_storage_container.package)).container_access_type == "private" &&
      one(values(azurerm_storage_blob.package)).name == "released-package.zip" && one(values(azurerm_storage_blob.package)).source == "fixtures/function.zip" && one(values(azurerm_storage_blob.package)).storage_container_name == one(values(azurerm_storage_container.package)).name
    )
    error_message = "The package is the blob a Flex app starts, in a container named after its hash."
  }
  assert {
    condition = (
      azurerm_function_app_flex_consumption.this[0].storage_container_endpoint == "https://portolanmock.blob.core.windows.net/${one(values(azurerm_storage_container.package)).name}" &&
      azurerm_function_app_flex_consumption.this[0].storage_authentication_type == "UserAssignedIdentity" && azurerm_function_app_flex_consumption.this[0].storage_access_key == null &&
      azurerm_function_app_flex_consumption.this[0].storage_user_assigned_identity_id == azurerm_user_assigned_identity.function.id
    )
    error_message = "The function starts from that container, by its identity."
  }

  # Storage: no shared keys (azurerm#32249, #30815, #23142 are why the table is made by the resource manager).
  assert {
    condition = alltrue([for account in [azurerm_storage_account.host, azurerm_storage_account.state] :
      !account.shared_access_key_enabled && account.default_to_oauth_authentication && account.https_traffic_only_enabled && account.min_tls_version == "TLS1_2" &&
      !account.allow_nested_items_to_be_public && !account.cross_tenant_replication_enabled && !account.local_user_enabled && length(account.sas_policy) == 1 && length(account.name) <= 24
    ])
    error_message = "Both accounts: no shared keys, no public blobs, TLS 1.2, no local users, not replicated to other tenants."
  }
  assert {
    condition     = jsondecode(azurerm_resource_group_template_deployment.table.template_content).resources == [{ apiVersion = "2023-05-01", name = "${azurerm_storage_account.state.name}/default/portolan", properties = {}, type = "Microsoft.Storage/storageAccounts/tableServices/tables" }] && azurerm_resource_group_template_deployment.table.deployment_mode == "Incremental"
    error_message = "The table is made by the resource manager, and nothing else: ${azurerm_resource_group_template_deployment.table.template_content}"
  }
  assert {
    condition     = azurerm_management_lock.state[0].lock_level == "CanNotDelete" && azurerm_management_lock.state[0].scope == azurerm_storage_account.state.id
    error_message = "Nobody deletes the sessions while the lock is there."
  }
  assert {
    condition     = output.state_name == "portolan" && output.state_id == "${azurerm_storage_account.state.id}/tableServices/default/tables/portolan"
    error_message = "state ${output.state_name} ${output.state_id}"
  }

  # Vault.
  assert {
    condition = (
      azurerm_key_vault.this[0].rbac_authorization_enabled && azurerm_key_vault.this[0].purge_protection_enabled && azurerm_key_vault.this[0].soft_delete_retention_days == 90 &&
      can(regex("^[a-z](?:[a-z0-9]|-[a-z0-9]){2,23}$", azurerm_key_vault.this[0].name)) && length(azurerm_key_vault.this[0].name) <= 24
    )
    error_message = "The vault gives rights by roles, keeps what is deleted, and cannot be purged."
  }
  assert {
    condition     = length(output.secret_ids) == 0 && length(azurerm_key_vault_secret.this) == 0
    error_message = "No secrets are asked for, none is made."
  }

  # Logs.
  assert {
    condition = (
      azurerm_log_analytics_workspace.this.retention_in_days == 30 && !azurerm_log_analytics_workspace.this.local_authentication_enabled && azurerm_application_insights.this.local_authentication_disabled &&
      alltrue([for table in azurerm_log_analytics_workspace_table.this : table.retention_in_days == 30]) && contains(keys(azurerm_log_analytics_workspace_table.this), "AppTraces")
    )
    error_message = "Logs are kept for 30 days, in every table, and written by identities alone."
  }
  assert {
    condition     = azurerm_function_app_flex_consumption.this[0].site_config[0].application_insights_connection_string == azurerm_application_insights.this.connection_string && output.log_location == azurerm_application_insights.this.id
    error_message = "The function logs to Application Insights."
  }
  assert {
    condition     = azurerm_storage_queue.dead_letters[0].storage_account_id == azurerm_storage_account.host.id && output.dead_letter_id == "${azurerm_storage_account.host.id}/queueServices/default/queues/dead-letters"
    error_message = "dead letters ${output.dead_letter_id}"
  }
  assert {
    condition     = [for item in jsondecode(azurerm_application_insights_workbook.this.data_json).items : item.name] == ["title", "Requests", "Errors (%)", "Latency (ms)", "Cold starts (%)", "Throttles", "Dead letters", "State store latency (ms)", "State store errors"]
    error_message = "The dashboard has the tiles of every cloud: ${jsonencode([for item in jsondecode(azurerm_application_insights_workbook.this.data_json).items : item.name])}"
  }

  # Everything that can have tags has them.
  assert {
    condition = alltrue([for tags in [
      azurerm_function_app_flex_consumption.this[0].tags, azurerm_service_plan.this.tags, azurerm_storage_account.host.tags, azurerm_storage_account.state.tags, azurerm_key_vault.this[0].tags,
      azurerm_log_analytics_workspace.this.tags, azurerm_application_insights.this.tags, azurerm_application_insights_workbook.this.tags, azurerm_user_assigned_identity.function.tags,
      azurerm_resource_group_template_deployment.table.tags,
    ] : tags == tomap({ name = "portolan", environment = "test", managed-by = "terraform" })])
    error_message = "name, environment, managed-by."
  }

  # Outputs.
  assert {
    condition = (
      output.endpoint_url == "https://portolan-mock.azurewebsites.net" && output.identity == "00000000-0000-4000-8000-000000000005" && output.function_id == azurerm_function_app_flex_consumption.this[0].id &&
      strcontains(output.next_steps, "curl https://portolan-mock.azurewebsites.net/livez") && startswith(output.dashboard_url, "https://portal.azure.com/#@00000000-0000-4000-8000-000000000002/resource/subscriptions/")
    )
    error_message = "outputs: ${output.endpoint_url} ${output.next_steps}"
  }
  assert {
    condition = output.capabilities == tomap({
      architecture_arm64     = false, concurrency = true, cors = true, custom_domain = false, encryption_key = true, min_instances = true, network = true,
      point_in_time_recovery = false, private_edge = true, rate_limit = false, routes = false, streaming = true, waf = false,
    })
    error_message = "capabilities: ${jsonencode(output.capabilities)}"
  }
}
