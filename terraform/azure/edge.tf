# Front doors. `function` and `managed` are the same on Azure: the function app's own HTTPS address, run by the platform without a price of
# its own. The others stand in edge_gateway.tf (API Management), edge_balancer.tf (Front Door) and edge_private.tf (private endpoint).

locals {
  endpoint_url = coalesce(
    local.domain == null ? null : "https://${local.domain}",
    one([for api in azurerm_api_management.this : trimsuffix(api.gateway_url, "/")]),
    one([for endpoint in azurerm_cdn_frontdoor_endpoint.this : "https://${endpoint.host_name}"]),
    "https://${local.app_hostname}",
  )
}

# The front door may read its certificate and nothing else of that vault.
resource "azurerm_role_assignment" "certificate" {
  count = local.certificate == null ? 0 : 1

  scope                = "${local.certificate[0]}/secrets/${local.certificate[2]}"
  role_definition_name = "Key Vault Secrets User"
  principal_id         = local.gateway ? azurerm_api_management.this[0].identity[0].principal_id : azurerm_cdn_frontdoor_profile.this[0].identity[0].principal_id
  principal_type       = "ServicePrincipal"
}
