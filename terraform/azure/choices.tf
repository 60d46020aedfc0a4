# What follows from the variables alone. Tests read it without the resources (terraform/tests/azure_rules).
locals {
  flex    = var.azure.plan == "flex"
  premium = var.azure.plan == "premium"
  # Elastic Premium sells memory and cores by size.
  premium_sizes = { 3584 = "EP1", 7168 = "EP2", 14336 = "EP3" }
  # azurerm's linux_function_app knows Node.js up to 22.
  node_version = tostring(coalesce(var.runtime.node_version, local.flex ? 24 : 22))

  config    = var.config == null ? null : jsonencode(jsondecode(var.config)) # without the white space of a pretty file
  subnet_id = one(slice(var.network.subnet_ids, 0, min(1, length(var.network.subnet_ids))))

  secret_prefix    = coalesce(var.secret_prefix, "${var.name}-${var.environment}-")
  vault_id_pattern = "^/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft.KeyVault/vaults/[^/]+"
  # The function reads one vault. Secrets you have say which; without any, the module makes one.
  existing     = { for name, secret in var.secrets : name => secret.existing_id if secret.existing_id != null }
  written      = { for name, secret in var.secrets : name => secret.version if secret.version != null }
  by_hand      = [for name, secret in var.secrets : name if secret.existing_id == null && secret.version == null]
  own_vault    = length(local.existing) == 0
  their_vaults = distinct([for id in values(local.existing) : try(regex(local.vault_id_pattern, id), "not an id")])

  key       = try(regex("^/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft.KeyVault/vaults/([^/]+)/keys/([^/]+)$", var.encryption_key_id), null)
  encrypted = local.key != null
  # Without version: the key may be rotated in its vault.
  key_url = local.encrypted ? "https://${local.key[0]}.vault.azure.net/keys/${local.key[1]}" : null

  gateway  = var.edge.kind == "gateway"
  balancer = var.edge.kind == "balancer"
  private  = !var.edge.public && contains(["function", "managed"], var.edge.kind)
  domain   = try(var.edge.domain.name, null)

  # Proxies of one's own before App Service, which itself adds the last address to X-Forwarded-For: behind Front Door or API Management that is
  # theirs, and the client's stands before it. Front Door adds it by itself
  # (https://learn.microsoft.com/azure/frontdoor/front-door-http-headers-protocol), API Management because its policy says so (edge_gateway.tf).
  trusted_hops = local.gateway || local.balancer ? 1 : 0

  # A certificate in a vault, by its resource id: what grants the front door its role, and where it is read.
  certificate_id  = try(var.edge.domain.certificate_id, null)
  certificate     = try(regex("^(/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft.KeyVault/vaults/([^/]+))/(?:certificates|secrets)/([^/]+)$", local.certificate_id), null)
  certificate_url = try("https://${local.certificate[1]}.vault.azure.net/secrets/${local.certificate[2]}", null)
  # Front Door makes and renews a certificate itself.
  managed_certificate = local.certificate_id == "managed"
}
