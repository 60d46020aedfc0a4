resource "azurerm_cdn_frontdoor_profile" "this" {
  count = local.balancer ? 1 : 0

  name                     = local.base
  resource_group_name      = local.group
  sku_name                 = var.edge.waf ? "Premium_AzureFrontDoor" : "Standard_AzureFrontDoor" # managed rules are Premium's
  response_timeout_seconds = max(16, var.runtime.timeout_seconds)

  identity {
    type = "SystemAssigned"
  }

  tags = local.tags

  depends_on = [terraform_data.refusals]
}

resource "azurerm_cdn_frontdoor_endpoint" "this" {
  count = local.balancer ? 1 : 0

  name                     = local.app_name
  cdn_frontdoor_profile_id = azurerm_cdn_frontdoor_profile.this[0].id
  tags                     = local.tags
}

# No health probe: with one origin it changes nothing, and each of Front Door's places would keep the function awake with it.
resource "azurerm_cdn_frontdoor_origin_group" "this" {
  count = local.balancer ? 1 : 0

  name                     = "portolan"
  cdn_frontdoor_profile_id = azurerm_cdn_frontdoor_profile.this[0].id
  session_affinity_enabled = false

  load_balancing {}
}

resource "azurerm_cdn_frontdoor_origin" "this" {
  count = local.balancer ? 1 : 0

  name                           = "function"
  cdn_frontdoor_origin_group_id  = azurerm_cdn_frontdoor_origin_group.this[0].id
  enabled                        = true
  host_name                      = local.app_hostname
  origin_host_header             = local.app_hostname
  certificate_name_check_enabled = true
}

resource "azurerm_cdn_frontdoor_route" "this" {
  count = local.balancer ? 1 : 0

  name                            = "all"
  cdn_frontdoor_endpoint_id       = azurerm_cdn_frontdoor_endpoint.this[0].id
  cdn_frontdoor_origin_group_id   = azurerm_cdn_frontdoor_origin_group.this[0].id
  cdn_frontdoor_origin_ids        = [azurerm_cdn_frontdoor_origin.this[0].id]
  cdn_frontdoor_custom_domain_ids = azurerm_cdn_frontdoor_custom_domain.this[*].id
  patterns_to_match               = ["/*"]
  supported_protocols             = ["Http", "Https"] # Http is answered with a redirect
  https_redirect_enabled          = true
  forwarding_protocol             = "HttpsOnly"
  link_to_default_domain          = local.domain == null
}

resource "azurerm_cdn_frontdoor_secret" "this" {
  count = local.balancer && local.certificate != null ? 1 : 0

  name                     = "portolan"
  cdn_frontdoor_profile_id = azurerm_cdn_frontdoor_profile.this[0].id

  secret {
    customer_certificate {
      key_vault_certificate_id = "https://${local.certificate[1]}.vault.azure.net/certificates/${local.certificate[2]}"
    }
  }

  depends_on = [azurerm_role_assignment.certificate]
}

resource "azurerm_cdn_frontdoor_custom_domain" "this" {
  count = local.balancer && local.domain != null ? 1 : 0

  name                     = replace(local.domain, ".", "-")
  cdn_frontdoor_profile_id = azurerm_cdn_frontdoor_profile.this[0].id
  host_name                = local.domain

  tls {
    certificate_type        = local.managed_certificate ? "ManagedCertificate" : "CustomerCertificate"
    cdn_frontdoor_secret_id = one(azurerm_cdn_frontdoor_secret.this[*].id)
    minimum_tls_version     = "TLS12"
  }
}

resource "azurerm_cdn_frontdoor_custom_domain_association" "this" {
  count = local.balancer && local.domain != null ? 1 : 0

  cdn_frontdoor_custom_domain_id = azurerm_cdn_frontdoor_custom_domain.this[0].id
  cdn_frontdoor_route_ids        = [azurerm_cdn_frontdoor_route.this[0].id]
}

resource "azurerm_cdn_frontdoor_firewall_policy" "this" {
  count = local.balancer && var.edge.waf ? 1 : 0

  name                              = replace(local.base, "-", "") # letters and digits only
  resource_group_name               = local.group
  sku_name                          = "Premium_AzureFrontDoor"
  enabled                           = true
  mode                              = "Prevention"
  request_body_check_enabled        = true
  custom_block_response_status_code = 403

  managed_rule {
    type    = "Microsoft_DefaultRuleSet" # has the rules against Log4Shell
    version = "2.1"
    action  = "Block"
  }
  managed_rule {
    type    = "Microsoft_BotManagerRuleSet"
    version = "1.1"
    action  = "Block"
  }

  tags = local.tags
}

resource "azurerm_cdn_frontdoor_security_policy" "this" {
  count = local.balancer && var.edge.waf ? 1 : 0

  name                     = "portolan"
  cdn_frontdoor_profile_id = azurerm_cdn_frontdoor_profile.this[0].id

  security_policies {
    firewall {
      cdn_frontdoor_firewall_policy_id = azurerm_cdn_frontdoor_firewall_policy.this[0].id
      association {
        patterns_to_match = ["/*"]
        dynamic "domain" {
          for_each = concat(azurerm_cdn_frontdoor_endpoint.this[*].id, azurerm_cdn_frontdoor_custom_domain.this[*].id)
          content {
            cdn_frontdoor_domain_id = domain.value
          }
        }
      }
    }
  }
}

resource "azurerm_monitor_diagnostic_setting" "front_door" {
  count = local.balancer ? 1 : 0

  name                       = "access"
  target_resource_id         = azurerm_cdn_frontdoor_profile.this[0].id
  log_analytics_workspace_id = azurerm_log_analytics_workspace.this.id

  enabled_log {
    category = "FrontDoorAccessLog"
  }
  enabled_log {
    category = "FrontDoorWebApplicationFirewallLog"
  }
}
