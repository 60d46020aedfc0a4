locals {
  # Every method the function takes. API Management has no operation for any method.
  gateway_methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

  # The client's address, and nothing that the client wrote there itself.
  gateway_client = "<set-header name=\"X-Forwarded-For\" exists-action=\"override\"><value>@(context.Request.IpAddress)</value></set-header>"

  gateway_rate = local.capabilities.rate_limit ? "<rate-limit-by-key calls=\"${coalesce(var.edge.rate_per_second, 50)}\" renewal-period=\"1\" counter-key=\"@(&quot;all&quot;)\" />" : ""
}

resource "azurerm_api_management" "this" {
  count = local.gateway ? 1 : 0

  name                = local.app_name
  resource_group_name = local.group
  location            = local.location
  sku_name            = var.azure.gateway_sku
  publisher_name      = "Portolan"
  publisher_email     = coalesce(var.azure.gateway_publisher_email, "nobody@example.com")
  min_api_version     = "2021-08-01"

  identity {
    type = "SystemAssigned"
  }

  tags = local.tags

  depends_on = [terraform_data.refusals]
}

resource "azurerm_api_management_api" "this" {
  count = local.gateway ? 1 : 0

  name                  = "portolan"
  api_management_name   = azurerm_api_management.this[0].name
  resource_group_name   = local.group
  revision              = "1"
  display_name          = "Portolan"
  path                  = ""
  protocols             = ["https"]
  service_url           = "https://${local.app_hostname}"
  subscription_required = false # Portolan asks for its own keys
}

resource "azurerm_api_management_api_operation" "this" {
  for_each = local.gateway ? toset(local.gateway_methods) : []

  operation_id        = lower(each.value)
  api_management_name = azurerm_api_management.this[0].name
  resource_group_name = local.group
  api_name            = azurerm_api_management_api.this[0].name
  display_name        = each.value
  method              = each.value
  url_template        = "/*"
}

resource "azurerm_api_management_api_policy" "this" {
  count = local.gateway ? 1 : 0

  api_management_name = azurerm_api_management.this[0].name
  resource_group_name = local.group
  api_name            = azurerm_api_management_api.this[0].name
  xml_content         = <<-XML
    <policies>
      <inbound><base />${local.gateway_client}${local.gateway_rate}</inbound>
      <backend><forward-request timeout="${var.runtime.timeout_seconds}" buffer-response="false" /></backend>
      <outbound><base /></outbound>
      <on-error><base /></on-error>
    </policies>
  XML
}

resource "azurerm_api_management_custom_domain" "this" {
  count = local.gateway && local.domain != null ? 1 : 0

  api_management_id = azurerm_api_management.this[0].id

  gateway {
    host_name                = local.domain
    key_vault_certificate_id = local.certificate_url
    default_ssl_binding      = true
  }

  depends_on = [azurerm_role_assignment.certificate]
}
