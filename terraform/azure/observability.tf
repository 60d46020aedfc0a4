resource "azurerm_log_analytics_workspace" "this" {
  name                         = local.base
  resource_group_name          = local.group
  location                     = local.location
  sku                          = "PerGB2018"
  retention_in_days            = var.logs.retention_days
  daily_quota_gb               = var.azure.log_daily_gb
  local_authentication_enabled = false
  tags                         = local.tags

  depends_on = [terraform_data.refusals]
}

# The function's lines on standard output arrive here as `traces` of the category Host.Function.Console, the line as the message; requests
# are measured by the host and, by host.json, never sampled.
resource "azurerm_application_insights" "this" {
  name                          = local.base
  resource_group_name           = local.group
  location                      = local.location
  workspace_id                  = azurerm_log_analytics_workspace.this.id
  application_type              = "Node.JS"
  local_authentication_disabled = true # the connection string alone lets nobody write
  tags                          = local.tags
}

# Left alone, the tables of Application Insights keep everything for 90 days, whatever the workspace says. Traces hold clients' addresses.
resource "azurerm_log_analytics_workspace_table" "this" {
  for_each = toset(["AppDependencies", "AppExceptions", "AppMetrics", "AppPerformanceCounters", "AppRequests", "AppTraces"])

  workspace_id      = azurerm_log_analytics_workspace.this.id
  name              = each.value
  retention_in_days = var.logs.retention_days
}

# Who read which secret, and who was refused.
resource "azurerm_monitor_diagnostic_setting" "vault" {
  count = local.own_vault ? 1 : 0

  name                       = "audit"
  target_resource_id         = azurerm_key_vault.this[0].id
  log_analytics_workspace_id = azurerm_log_analytics_workspace.this.id

  enabled_log {
    category = "AuditEvent"
  }
}
