# The front doors.
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


# The platform's own HTTPS address: `function` and `managed` are the same on Azure.
run "function" {
  module { source = "../azure" }

  variables {
    edge = { kind = "function", streaming = true, cors_origins = ["https://app.example.com"] }
  }

  assert {
    condition     = output.endpoint_url == "https://portolan-mock.azurewebsites.net" && output.capabilities.streaming && azurerm_function_app_flex_consumption.this[0].app_settings["PORTOLAN_TRUSTED_HOPS"] == "0" && length(azurerm_api_management.this) + length(azurerm_cdn_frontdoor_profile.this) + length(azurerm_private_endpoint.function) == 0
    error_message = "Nothing stands before the function."
  }
  assert {
    condition     = one(azurerm_function_app_flex_consumption.this[0].site_config[0].cors).allowed_origins == toset(["https://app.example.com"])
    error_message = "The platform answers cross-origin requests."
  }
}

run "private" {
  module { source = "../azure" }

  variables {
    edge  = { public = false }
    azure = { resource_group_name = "portolan", location = "westeurope", private_endpoint_subnet_id = "/subscriptions/s/resourceGroups/r/providers/Microsoft.Network/virtualNetworks/v/subnets/endpoints" }
  }

  assert {
    condition = (
      !azurerm_function_app_flex_consumption.this[0].public_network_access_enabled && azurerm_private_endpoint.function[0].subnet_id == var.azure.private_endpoint_subnet_id &&
      azurerm_private_endpoint.function[0].private_service_connection[0].private_connection_resource_id == azurerm_function_app_flex_consumption.this[0].id &&
      azurerm_private_endpoint.function[0].private_service_connection[0].subresource_names == tolist(["sites"])
    )
    error_message = "The function answers in the network only."
  }
}

run "gateway" {
  module { source = "../azure" }

  variables {
    edge  = { kind = "gateway", domain = { name = "portolan.example.com", certificate_id = "/subscriptions/s/resourceGroups/r/providers/Microsoft.KeyVault/vaults/theirs/certificates/portolan" } }
    azure = { resource_group_name = "portolan", location = "westeurope", gateway_publisher_email = "ops@example.com" }
  }

  assert {
    condition     = azurerm_api_management.this[0].sku_name == "Consumption_0" && azurerm_api_management.this[0].publisher_email == "ops@example.com" && output.endpoint_url == "https://portolan.example.com"
    error_message = "API Management, paid by call, under the domain ${output.endpoint_url}."
  }
  assert {
    condition     = azurerm_api_management_api.this[0].service_url == "https://portolan-mock.azurewebsites.net" && azurerm_api_management_api.this[0].protocols == toset(["https"]) && !azurerm_api_management_api.this[0].subscription_required
    error_message = "Everything goes to the function over HTTPS; Portolan asks for its own keys."
  }
  assert {
    condition     = toset([for operation in azurerm_api_management_api_operation.this : "${operation.method} ${operation.url_template}"]) == toset([for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] : "${method} /*"])
    error_message = "Every method the function takes, every path."
  }
  assert {
    condition     = strcontains(azurerm_api_management_api_policy.this[0].xml_content, "timeout=\"29\"") && !strcontains(azurerm_api_management_api_policy.this[0].xml_content, "rate-limit")
    error_message = "The gateway waits as long as runtime.timeout_seconds says: ${azurerm_api_management_api_policy.this[0].xml_content}"
  }
  assert {
    condition = (
      azurerm_function_app_flex_consumption.this[0].app_settings["PORTOLAN_TRUSTED_HOPS"] == "1" &&
      strcontains(azurerm_api_management_api_policy.this[0].xml_content, "<set-header name=\"X-Forwarded-For\" exists-action=\"override\"><value>@(context.Request.IpAddress)</value></set-header>")
    )
    error_message = "The gateway tells the client's address, and the function takes its word."
  }
  assert {
    condition = (
      azurerm_api_management_custom_domain.this[0].gateway[0].host_name == "portolan.example.com" && azurerm_api_management_custom_domain.this[0].gateway[0].key_vault_certificate_id == "https://theirs.vault.azure.net/secrets/portolan" &&
      azurerm_role_assignment.certificate[0].scope == "/subscriptions/s/resourceGroups/r/providers/Microsoft.KeyVault/vaults/theirs/secrets/portolan" && azurerm_role_assignment.certificate[0].role_definition_name == "Key Vault Secrets User" &&
      azurerm_role_assignment.certificate[0].principal_id == azurerm_api_management.this[0].identity[0].principal_id
    )
    error_message = "The gateway may read its certificate, and nothing else of that vault."
  }
}

run "gateway_that_limits_the_rate" {
  command = plan
  module { source = "../azure" }

  variables {
    edge  = { kind = "gateway", rate_per_second = 7 }
    azure = { resource_group_name = "portolan", location = "westeurope", gateway_publisher_email = "ops@example.com", gateway_sku = "BasicV2_1" }
  }

  assert {
    condition     = output.capabilities.rate_limit && strcontains(azurerm_api_management_api_policy.this[0].xml_content, "<rate-limit-by-key calls=\"7\" renewal-period=\"1\" counter-key=\"@(&quot;all&quot;)\" />")
    error_message = "Seven calls a second of all clients together."
  }
}

run "balancer" {
  module { source = "../azure" }

  variables {
    edge    = { kind = "balancer" }
    runtime = { timeout_seconds = 60 }
  }

  assert {
    condition     = azurerm_cdn_frontdoor_profile.this[0].sku_name == "Standard_AzureFrontDoor" && azurerm_cdn_frontdoor_profile.this[0].response_timeout_seconds == 60 && output.endpoint_url == "https://portolan-mock.z01.azurefd.net" && length(azurerm_cdn_frontdoor_firewall_policy.this) == 0
    error_message = "Front Door, without a firewall."
  }
  assert {
    condition     = azurerm_function_app_flex_consumption.this[0].app_settings["PORTOLAN_TRUSTED_HOPS"] == "1"
    error_message = "Front Door is one hop before the function's own front end."
  }
  assert {
    condition = (
      azurerm_cdn_frontdoor_route.this[0].https_redirect_enabled && azurerm_cdn_frontdoor_route.this[0].forwarding_protocol == "HttpsOnly" && azurerm_cdn_frontdoor_route.this[0].patterns_to_match == tolist(["/*"]) &&
      length(azurerm_cdn_frontdoor_route.this[0].cache) == 0 && azurerm_cdn_frontdoor_origin.this[0].certificate_name_check_enabled && azurerm_cdn_frontdoor_origin.this[0].host_name == "portolan-mock.azurewebsites.net" &&
      length(azurerm_cdn_frontdoor_origin_group.this[0].health_probe) == 0
    )
    error_message = "Everything goes to the function over HTTPS, nothing is kept, no probe keeps the function awake."
  }
  assert {
    condition = (
      azurerm_function_app_flex_consumption.this[0].site_config[0].ip_restriction_default_action == "Deny" && length(azurerm_function_app_flex_consumption.this[0].site_config[0].ip_restriction) == 1 &&
      azurerm_function_app_flex_consumption.this[0].site_config[0].ip_restriction[0].service_tag == "AzureFrontDoor.Backend" &&
      azurerm_function_app_flex_consumption.this[0].site_config[0].ip_restriction[0].headers[0].x_azure_fdid == tolist([azurerm_cdn_frontdoor_profile.this[0].resource_guid])
    )
    error_message = "Only this Front Door may call the function."
  }
}

run "balancer_with_a_firewall_and_a_domain" {
  module { source = "../azure" }

  variables {
    edge = { kind = "balancer", waf = true, domain = { name = "portolan.example.com", certificate_id = "/subscriptions/s/resourceGroups/r/providers/Microsoft.KeyVault/vaults/theirs/certificates/portolan" } }
  }

  assert {
    condition = (
      azurerm_cdn_frontdoor_profile.this[0].sku_name == "Premium_AzureFrontDoor" && azurerm_cdn_frontdoor_firewall_policy.this[0].sku_name == "Premium_AzureFrontDoor" && azurerm_cdn_frontdoor_firewall_policy.this[0].mode == "Prevention" &&
      toset(azurerm_cdn_frontdoor_firewall_policy.this[0].managed_rule[*].type) == toset(["Microsoft_DefaultRuleSet", "Microsoft_BotManagerRuleSet"]) && alltrue([for rule in azurerm_cdn_frontdoor_firewall_policy.this[0].managed_rule : rule.action == "Block"]) &&
      length(azurerm_cdn_frontdoor_security_policy.this[0].security_policies[0].firewall[0].association[0].domain) == 2
    )
    error_message = "The firewall blocks, before both names."
  }
  assert {
    condition = (
      azurerm_cdn_frontdoor_custom_domain.this[0].host_name == "portolan.example.com" && azurerm_cdn_frontdoor_custom_domain.this[0].tls[0].minimum_tls_version == "TLS12" && azurerm_cdn_frontdoor_custom_domain.this[0].tls[0].certificate_type == "CustomerCertificate" &&
      one(one(azurerm_cdn_frontdoor_secret.this[0].secret).customer_certificate).key_vault_certificate_id == "https://theirs.vault.azure.net/certificates/portolan" &&
      azurerm_role_assignment.certificate[0].principal_id == azurerm_cdn_frontdoor_profile.this[0].identity[0].principal_id && !azurerm_cdn_frontdoor_route.this[0].link_to_default_domain
    )
    error_message = "The domain with the certificate, TLS 1.2, and only the domain."
  }
  assert {
    condition     = output.endpoint_url == "https://portolan.example.com" && strcontains(output.next_steps, "_dnsauth.portolan.example.com with mock-token") && strcontains(output.next_steps, "(CNAME) to portolan-mock.z01.azurefd.net")
    error_message = output.next_steps
  }
}

run "balancer_with_a_certificate_of_its_own" {
  command = plan
  module { source = "../azure" }

  variables {
    edge = { kind = "balancer", domain = { name = "portolan.example.com", certificate_id = "managed" } }
  }

  assert {
    condition     = azurerm_cdn_frontdoor_custom_domain.this[0].tls[0].certificate_type == "ManagedCertificate" && length(azurerm_cdn_frontdoor_secret.this) == 0 && length(azurerm_role_assignment.certificate) == 0
    error_message = "Front Door makes and renews the certificate."
  }
}
