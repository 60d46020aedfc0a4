# Well-formed values for what Azure works out: bare mocks invent eight characters, which the provider refuses where it wants an id.

mock_data "azurerm_client_config" {
  defaults = {
    subscription_id = "00000000-0000-4000-8000-000000000001"
    tenant_id       = "00000000-0000-4000-8000-000000000002"
    client_id       = "00000000-0000-4000-8000-000000000003"
    object_id       = "00000000-0000-4000-8000-000000000004"
  }
}

mock_resource "azurerm_resource_group" {
  defaults = { id = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/portolan" }
}

mock_resource "azurerm_user_assigned_identity" {
  defaults = {
    id           = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/portolan/providers/Microsoft.ManagedIdentity/userAssignedIdentities/portolan"
    client_id    = "00000000-0000-4000-8000-000000000005"
    principal_id = "00000000-0000-4000-8000-000000000006"
    tenant_id    = "00000000-0000-4000-8000-000000000002"
  }
}

mock_resource "azurerm_storage_account" {
  defaults = {
    id                     = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/portolan/providers/Microsoft.Storage/storageAccounts/portolanmock"
    primary_blob_endpoint  = "https://portolanmock.blob.core.windows.net/"
    primary_table_endpoint = "https://portolanmock.table.core.windows.net/"
    primary_queue_endpoint = "https://portolanmock.queue.core.windows.net/"
  }
}

mock_resource "azurerm_storage_container" {
  defaults = { id = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/portolan/providers/Microsoft.Storage/storageAccounts/portolanmock/blobServices/default/containers/mock" }
}

mock_resource "azurerm_storage_blob" {
  defaults = {
    id  = "https://portolanmock.blob.core.windows.net/package/released-package.zip"
    url = "https://portolanmock.blob.core.windows.net/package/released-package.zip"
  }
}

mock_resource "azurerm_storage_queue" {
  defaults = { id = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/portolan/providers/Microsoft.Storage/storageAccounts/portolanmock/queueServices/default/queues/dead-letters" }
}

mock_resource "azurerm_resource_group_template_deployment" {
  defaults = { id = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/portolan/providers/Microsoft.Resources/deployments/table" }
}

mock_resource "azurerm_management_lock" {
  defaults = { id = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/portolan/providers/Microsoft.Authorization/locks/sessions" }
}

mock_resource "azurerm_role_assignment" {
  defaults = { id = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/portolan/providers/Microsoft.Authorization/roleAssignments/00000000-0000-4000-8000-000000000007" }
}

mock_resource "azurerm_key_vault" {
  defaults = {
    id        = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/portolan/providers/Microsoft.KeyVault/vaults/portolan-mock"
    vault_uri = "https://portolan-mock.vault.azure.net/"
  }
}

mock_resource "azurerm_key_vault_secret" {
  defaults = {
    id                      = "https://portolan-mock.vault.azure.net/secrets/portolan-test-mock/00000000000040008000000000000008"
    resource_id             = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/portolan/providers/Microsoft.KeyVault/vaults/portolan-mock/secrets/portolan-test-mock/versions/00000000000040008000000000000008"
    resource_versionless_id = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/portolan/providers/Microsoft.KeyVault/vaults/portolan-mock/secrets/portolan-test-mock"
    versionless_id          = "https://portolan-mock.vault.azure.net/secrets/portolan-test-mock"
  }
}

mock_resource "azurerm_service_plan" {
  defaults = { id = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/portolan/providers/Microsoft.Web/serverFarms/portolan" }
}

mock_resource "azurerm_function_app_flex_consumption" {
  defaults = {
    id               = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/portolan/providers/Microsoft.Web/sites/portolan"
    default_hostname = "portolan-mock.azurewebsites.net"
  }
}

mock_resource "azurerm_linux_function_app" {
  defaults = {
    id               = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/portolan/providers/Microsoft.Web/sites/portolan"
    default_hostname = "portolan-mock.azurewebsites.net"
  }
}

mock_resource "azurerm_log_analytics_workspace" {
  defaults = {
    id           = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/portolan/providers/Microsoft.OperationalInsights/workspaces/portolan"
    workspace_id = "00000000-0000-4000-8000-000000000009"
  }
}

mock_resource "azurerm_log_analytics_workspace_table" {
  defaults = { id = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/portolan/providers/Microsoft.OperationalInsights/workspaces/portolan/tables/AppTraces" }
}

mock_resource "azurerm_application_insights" {
  defaults = {
    id                = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/portolan/providers/Microsoft.Insights/components/portolan"
    connection_string = "InstrumentationKey=00000000-0000-4000-8000-00000000000a;IngestionEndpoint=https://westeurope-5.in.applicationinsights.azure.com/"
  }
}

mock_resource "azurerm_application_insights_workbook" {
  defaults = { id = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/portolan/providers/Microsoft.Insights/workbooks/00000000-0000-4000-8000-00000000000b" }
}

mock_resource "azurerm_monitor_scheduled_query_rules_alert_v2" {
  defaults = { id = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/portolan/providers/Microsoft.Insights/scheduledQueryRules/portolan" }
}

mock_resource "azurerm_monitor_metric_alert" {
  defaults = { id = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/portolan/providers/Microsoft.Insights/metricAlerts/portolan" }
}

mock_resource "azurerm_monitor_action_group" {
  defaults = { id = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/portolan/providers/Microsoft.Insights/actionGroups/portolan" }
}

mock_resource "azurerm_private_endpoint" {
  defaults = { id = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/portolan/providers/Microsoft.Network/privateEndpoints/portolan" }
}

mock_resource "azurerm_api_management" {
  defaults = {
    id          = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/portolan/providers/Microsoft.ApiManagement/service/portolan"
    gateway_url = "https://portolan-mock.azure-api.net"
    identity    = { principal_id = "00000000-0000-4000-8000-00000000000c", tenant_id = "00000000-0000-4000-8000-000000000002" }
  }
}

mock_resource "azurerm_api_management_api" {
  defaults = { id = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/portolan/providers/Microsoft.ApiManagement/service/portolan/apis/portolan" }
}

mock_resource "azurerm_cdn_frontdoor_profile" {
  defaults = {
    id            = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/portolan/providers/Microsoft.Cdn/profiles/portolan"
    resource_guid = "00000000-0000-4000-8000-00000000000d"
    identity      = { principal_id = "00000000-0000-4000-8000-00000000000e", tenant_id = "00000000-0000-4000-8000-000000000002" }
  }
}

mock_resource "azurerm_cdn_frontdoor_endpoint" {
  defaults = {
    id        = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/portolan/providers/Microsoft.Cdn/profiles/portolan/afdEndpoints/portolan"
    host_name = "portolan-mock.z01.azurefd.net"
  }
}

mock_resource "azurerm_cdn_frontdoor_origin_group" {
  defaults = { id = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/portolan/providers/Microsoft.Cdn/profiles/portolan/originGroups/portolan" }
}

mock_resource "azurerm_cdn_frontdoor_origin" {
  defaults = { id = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/portolan/providers/Microsoft.Cdn/profiles/portolan/originGroups/portolan/origins/function" }
}

mock_resource "azurerm_cdn_frontdoor_route" {
  defaults = { id = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/portolan/providers/Microsoft.Cdn/profiles/portolan/afdEndpoints/portolan/routes/all" }
}

mock_resource "azurerm_cdn_frontdoor_secret" {
  defaults = { id = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/portolan/providers/Microsoft.Cdn/profiles/portolan/secrets/portolan" }
}

mock_resource "azurerm_cdn_frontdoor_custom_domain" {
  defaults = {
    id               = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/portolan/providers/Microsoft.Cdn/profiles/portolan/customDomains/portolan"
    validation_token = "mock-token"
  }
}

mock_resource "azurerm_cdn_frontdoor_firewall_policy" {
  defaults = { id = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/portolan/providers/Microsoft.Network/frontDoorWebApplicationFirewallPolicies/portolan" }
}

mock_resource "time_static" {
  defaults = { rfc3339 = "2099-11-21T00:00:00Z" }
}

mock_resource "azurerm_virtual_network" {
  defaults = { id = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/portolan/providers/Microsoft.Network/virtualNetworks/portolan" }
}

mock_resource "azurerm_subnet" {
  defaults = { id = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/portolan/providers/Microsoft.Network/virtualNetworks/portolan/subnets/function" }
}
