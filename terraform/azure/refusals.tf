locals {
  # What variables.tf allows and Azure does not: a sentence for each, shown together.
  refusals = [for rule in [
    { allowed = var.runtime.architecture != "arm64", say = "runtime.architecture: Azure Functions run on x86_64 only. Set it to \"x86_64\", or leave it out." },
    { allowed = !local.flex || contains([512, 2048, 4096], var.runtime.memory_mb), say = "runtime.memory_mb: Flex Consumption has instances of 512, 2048 and 4096 MiB." },
    { allowed = !local.premium || contains(keys(local.premium_sizes), tostring(var.runtime.memory_mb)), say = "runtime.memory_mb: Elastic Premium has instances of 3584 (EP1), 7168 (EP2) and 14336 MiB (EP3)." },
    { allowed = !local.flex || var.runtime.max_instances >= 40, say = "runtime.max_instances: Flex Consumption takes 40 to 1000 (azurerm 4.55). It is an upper bound and costs nothing until it is needed." },
    { allowed = !local.premium || var.runtime.max_instances <= 100, say = "runtime.max_instances: Elastic Premium takes 1 to 100, and in many regions 20 on Linux." },
    { allowed = !local.premium || local.node_version == "22", say = "runtime.node_version: azurerm knows no Node.js 24 for Elastic Premium. Set it to 22, leave it out, or take azure.plan = \"flex\"." },
    { allowed = local.flex || var.runtime.concurrency == null, say = "runtime.concurrency: Elastic Premium has no such bound. Leave it out, or take azure.plan = \"flex\"." },
    { allowed = var.runtime.timeout_seconds <= 230, say = "runtime.timeout_seconds: Azure's load balancer ends every request after 230 seconds. Set it to 230 or less." },
    { allowed = length(coalesce(local.config, "-")) <= 10000, say = "config is longer than 10000 characters, which is much for one app setting. Put it into the package instead: make package CLOUD=azure CONFIG=portolan.yaml, and leave config out." },
    { allowed = alltrue([for name in keys(var.settings) : !can(regex("^(?i:AzureWebJobsStorage|APPLICATIONINSIGHTS_|APPINSIGHTS_|FUNCTIONS_|WEBSITE_RUN_FROM_PACKAGE|AZURE_CLIENT_ID$|AzureFunctionsJobHost__)", name))]), say = "settings: AzureWebJobsStorage*, APPLICATIONINSIGHTS_*, APPINSIGHTS_*, FUNCTIONS_*, WEBSITE_RUN_FROM_PACKAGE*, AzureFunctionsJobHost__* and AZURE_CLIENT_ID are set by the module or the platform. Leave them out." },
    { allowed = local.own_vault || length(local.by_hand) == 0, say = "secrets: beside existing_id, give the others existing_id or version too: nobody can be given a role on a secret that is not there yet, and a role on the whole of your vault would be too much." },
    { allowed = var.logs.retention_days >= 30 && var.logs.retention_days <= 730, say = "logs.retention_days: Log Analytics keeps logs for 30 to 730 days." },
    { allowed = coalesce(var.state.point_in_time_recovery, false) == false, say = "state.point_in_time_recovery: Azure Tables have none. Leave it out; azure.replication keeps copies in other zones or regions." },
    { allowed = length(var.network.subnet_ids) <= 1 && length(var.network.security_group_ids) == 0, say = "network: a function app has one subnet (delegated to Microsoft.App/environments for Flex Consumption), and security groups belong to the subnet. Give one subnet id and no security groups." },
    { allowed = !var.edge.streaming || local.capabilities.streaming, say = "edge.streaming: on Azure \"function\" and \"managed\" stream. API Management and Front Door may hold answers back." },
    { allowed = (var.edge.rate_per_second == null && var.edge.burst == null) || (local.capabilities.rate_limit && var.edge.burst == null), say = "edge.rate_per_second: on Azure edge.kind \"gateway\" limits the rate, with azure.gateway_sku \"BasicV2_1\" or \"StandardV2_1\", and has no burst. Otherwise leave both out: Portolan limits each key itself (docs/configuration.md)." },
    { allowed = length(var.edge.cors_origins) == 0 || local.capabilities.cors, say = "edge.cors_origins: on Azure for edge.kind \"function\" or \"managed\"." },
    { allowed = !var.edge.waf || local.capabilities.waf, say = "edge.waf: on Azure the firewall stands before Front Door: set edge.kind = \"balancer\"." },
    { allowed = length(var.edge.routes) == 0 || local.capabilities.routes, say = "edge.routes: Front Door has no rules that answer 403 or 404 by such conditions. Use the AWS or Google Cloud module, or an Application Gateway of your own." },
    { allowed = var.edge.domain == null || local.capabilities.custom_domain, say = "edge.domain: Flex Consumption takes no certificates. Set edge.kind to \"gateway\" (API Management) or \"balancer\" (Front Door), or leave domain out." },
    { allowed = !local.gateway || can(regex("^[^@\\s]+@[^@\\s]+$", var.azure.gateway_publisher_email)), say = "azure.gateway_publisher_email: API Management (edge.kind = \"gateway\") wants the address of somebody responsible." },
  ] : rule.say if !rule.allowed]

  # Of ids apart: one that is made in the same apply is not known at plan, and would put all of the above off until then.
  refused_ids = [for rule in [
    { allowed = alltrue([for name, id in local.existing : can(regex("${local.vault_id_pattern}/secrets/[^/]+$", id)) && endswith(id, "/secrets/${local.secret_prefix}${name}")]), say = "secrets: on Azure existing_id is the secret's resource id without version, /subscriptions/.../resourceGroups/.../providers/Microsoft.KeyVault/vaults/<vault>/secrets/<name>, and <name> must be secret_prefix and the key." },
    { allowed = length(local.their_vaults) <= 1, say = "secrets: the function reads one vault, and existing_id names several. Copy the secrets into one." },
    { allowed = alltrue([for id in var.alarms.notify : can(regex("(?i)^/subscriptions/[^/]+/resourceGroups/[^/]+/providers/microsoft.insights/actionGroups/[^/]+$", id))]), say = "alarms.notify: on Azure each is an action group's resource id, /subscriptions/.../providers/Microsoft.Insights/actionGroups/<name>." },
    { allowed = alltrue([for id in var.network.subnet_ids : can(regex("^/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft.Network/virtualNetworks/[^/]+/subnets/[^/]+$", id))]), say = "network.subnet_ids: on Azure the subnet's resource id, /subscriptions/.../virtualNetworks/<network>/subnets/<subnet>." },
    { allowed = var.encryption_key_id == null || local.encrypted, say = "encryption_key_id: on Azure the key's resource id without version, /subscriptions/.../providers/Microsoft.KeyVault/vaults/<vault>/keys/<key>, in a vault in RBAC mode with purge protection." },
    { allowed = var.edge.public || (local.capabilities.private_edge && var.azure.private_endpoint_subnet_id != null), say = "edge.public = false: on Azure for edge.kind \"function\" or \"managed\", with azure.private_endpoint_subnet_id. API Management and Front Door are on the internet by nature." },
    { allowed = var.edge.domain == null || local.certificate != null || (local.balancer && local.managed_certificate), say = "edge.domain.certificate_id: on Azure the resource id of a certificate in Key Vault, /subscriptions/.../vaults/<vault>/certificates/<name>, or \"managed\" with edge.kind = \"balancer\"." },
  ] : rule.say if !rule.allowed]
}
