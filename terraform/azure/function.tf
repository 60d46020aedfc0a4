locals {
  # Exactly what the code reads (adapters/azure/module.ts).
  portolan_settings = merge(
    {
      PORTOLAN_TABLE          = local.table_name
      PORTOLAN_TABLE_ENDPOINT = trimsuffix(azurerm_storage_account.state.primary_table_endpoint, "/")
      PORTOLAN_KEY_VAULT_URL  = trimsuffix(local.vault_url, "/")
      PORTOLAN_SECRET_PREFIX  = local.secret_prefix
      PORTOLAN_TRUSTED_HOPS   = tostring(local.trusted_hops)
      AZURE_CLIENT_ID         = azurerm_user_assigned_identity.function.client_id
    },
    local.config == null ? {} : { PORTOLAN_CONFIG = local.config },
    var.runtime.attempt_timeout_ms == null ? {} : { PORTOLAN_ATTEMPT_TIMEOUT_MS = tostring(var.runtime.attempt_timeout_ms) },
  )

  # What the Functions host reads. All three of AzureWebJobsStorage's are needed: with the account's name alone the host looks for a
  # connection string, and the app is dead though the apply was green (azurerm#29693, AVM web-site#376).
  host_settings = {
    AzureWebJobsStorage__credential           = "managedidentity"
    AzureWebJobsStorage__clientId             = azurerm_user_assigned_identity.function.client_id
    APPLICATIONINSIGHTS_AUTHENTICATION_STRING = "ClientId=${azurerm_user_assigned_identity.function.client_id};Authorization=AAD"
  }

  # azurerm adds AzureWebJobsStorage with a connection string without key, which the host then prefers (azurerm#29149, #30732). It drops its
  # own for one of the same name in any case; reading back it hides the exact spelling only, so that one written like that differs at every
  # plan (azurerm#33211). Written in lower case and empty it replaces the broken one, is read back as it is, and the host, which takes an
  # empty value for none (azure-functions-host#11794), goes on to the three above.
  flex_settings = {
    azurewebjobsstorage              = ""
    AzureWebJobsStorage__accountName = azurerm_storage_account.host.name
  }

  # AzureWebJobsStorage__accountName is not among these: azurerm writes it itself, from storage_uses_managed_identity, and does not read it back
  # into app_settings, so that given here it would be a change at every plan.
  premium_settings = {
    WEBSITE_RUN_FROM_PACKAGE                     = local.premium ? azurerm_storage_blob.package[local.package_name].url : ""
    WEBSITE_RUN_FROM_PACKAGE_BLOB_MI_RESOURCE_ID = azurerm_user_assigned_identity.function.id
  }

  app_settings = merge(local.portolan_settings, local.host_settings, local.flex ? local.flex_settings : local.premium_settings)

  app_id       = one(concat(azurerm_function_app_flex_consumption.this[*].id, azurerm_linux_function_app.this[*].id))
  app_hostname = one(concat(azurerm_function_app_flex_consumption.this[*].default_hostname, azurerm_linux_function_app.this[*].default_hostname))

  # Behind Front Door only Front Door may call: by its network and by its id, because others' Front Doors have the same network.
  front_door_only = azurerm_cdn_frontdoor_profile.this[*].resource_guid
}

resource "azurerm_service_plan" "this" {
  name                         = local.base
  resource_group_name          = local.group
  location                     = local.location
  os_type                      = "Linux"
  sku_name                     = local.flex ? "FC1" : lookup(local.premium_sizes, var.runtime.memory_mb, "EP1")
  maximum_elastic_worker_count = local.premium ? var.runtime.max_instances : null
  tags                         = local.tags

  depends_on = [terraform_data.refusals]
}

resource "azurerm_function_app_flex_consumption" "this" {
  count = local.flex ? 1 : 0

  name                = local.app_name
  resource_group_name = local.group
  location            = local.location
  service_plan_id     = azurerm_service_plan.this.id

  storage_container_type            = "blobContainer"
  storage_container_endpoint        = "${azurerm_storage_account.host.primary_blob_endpoint}${azurerm_storage_blob.package[local.package_name].storage_container_name}"
  storage_authentication_type       = "UserAssignedIdentity"
  storage_user_assigned_identity_id = azurerm_user_assigned_identity.function.id

  runtime_name           = "node"
  runtime_version        = local.node_version
  instance_memory_in_mb  = var.runtime.memory_mb
  maximum_instance_count = var.runtime.max_instances
  http_concurrency       = var.runtime.concurrency

  dynamic "always_ready" {
    for_each = var.runtime.min_instances > 0 ? [var.runtime.min_instances] : []
    content {
      name           = "http"
      instance_count = always_ready.value
    }
  }

  identity {
    type         = "UserAssigned"
    identity_ids = [azurerm_user_assigned_identity.function.id]
  }

  https_only                                     = true
  public_network_access_enabled                  = var.edge.public
  virtual_network_subnet_id                      = local.subnet_id
  webdeploy_publish_basic_authentication_enabled = false # azurerm keeps the publishing password in the state: it opens nothing

  app_settings = merge(var.settings, local.app_settings)

  site_config {
    application_insights_connection_string = azurerm_application_insights.this.connection_string
    http2_enabled                          = true
    minimum_tls_version                    = "1.2"
    scm_minimum_tls_version                = "1.2"
    remote_debugging_enabled               = false
    ip_restriction_default_action          = length(local.front_door_only) > 0 ? "Deny" : "Allow"
    scm_ip_restriction_default_action      = "Deny" # nothing is deployed through it

    dynamic "ip_restriction" {
      for_each = local.front_door_only
      content {
        name        = "front-door"
        action      = "Allow"
        priority    = 100
        service_tag = "AzureFrontDoor.Backend"
        headers     = [{ x_azure_fdid = [ip_restriction.value], x_fd_health_probe = null, x_forwarded_for = null, x_forwarded_host = null }]
      }
    }

    dynamic "cors" {
      for_each = length(var.edge.cors_origins) > 0 ? [var.edge.cors_origins] : []
      content {
        allowed_origins = cors.value
      }
    }
  }

  tags = local.tags

  # A role takes minutes to reach every server: they come first.
  depends_on = [azurerm_role_assignment.function, azurerm_resource_group_template_deployment.table]
}

# Elastic Premium, for who needs more memory than Flex has, or instances that never sleep.
resource "azurerm_linux_function_app" "this" {
  count = local.premium ? 1 : 0

  name                = local.app_name
  resource_group_name = local.group
  location            = local.location
  service_plan_id     = azurerm_service_plan.this.id

  storage_account_name          = azurerm_storage_account.host.name
  storage_uses_managed_identity = true
  content_share_force_disabled  = true # a file share would need a shared key; the package is run where it lies
  functions_extension_version   = "~4"
  builtin_logging_enabled       = false

  identity {
    type         = "UserAssigned"
    identity_ids = [azurerm_user_assigned_identity.function.id]
  }

  https_only                                     = true
  public_network_access_enabled                  = var.edge.public
  virtual_network_subnet_id                      = local.subnet_id
  webdeploy_publish_basic_authentication_enabled = false
  ftp_publish_basic_authentication_enabled       = false

  app_settings = merge(var.settings, local.app_settings)

  site_config {
    application_insights_connection_string = azurerm_application_insights.this.connection_string
    http2_enabled                          = true
    minimum_tls_version                    = "1.2"
    scm_minimum_tls_version                = "1.2"
    ftps_state                             = "Disabled"
    remote_debugging_enabled               = false
    vnet_route_all_enabled                 = local.subnet_id != null
    elastic_instance_minimum               = max(1, var.runtime.min_instances)
    app_scale_limit                        = var.runtime.max_instances
    ip_restriction_default_action          = length(local.front_door_only) > 0 ? "Deny" : "Allow"
    scm_ip_restriction_default_action      = "Deny"

    application_stack {
      node_version = local.node_version
    }

    dynamic "ip_restriction" {
      for_each = local.front_door_only
      content {
        name        = "front-door"
        action      = "Allow"
        priority    = 100
        service_tag = "AzureFrontDoor.Backend"
        headers     = [{ x_azure_fdid = [ip_restriction.value], x_fd_health_probe = null, x_forwarded_for = null, x_forwarded_host = null }]
      }
    }

    dynamic "cors" {
      for_each = length(var.edge.cors_origins) > 0 ? [var.edge.cors_origins] : []
      content {
        allowed_origins = cors.value
      }
    }
  }

  tags       = local.tags
  depends_on = [azurerm_role_assignment.function, azurerm_resource_group_template_deployment.table]
}
