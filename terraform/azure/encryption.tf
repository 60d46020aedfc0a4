locals {
  key       = try(regex("^/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft.KeyVault/vaults/([^/]+)/keys/([^/]+)$", var.encryption_key_id), null)
  encrypted = local.key != null
  # Without version: the key may be rotated in its vault.
  key_url = local.encrypted ? "https://${local.key[0]}.vault.azure.net/keys/${local.key[1]}" : null
}

# Of its own: the function itself has no business with the key.
resource "azurerm_user_assigned_identity" "encryption" {
  count = local.encrypted ? 1 : 0

  name                = "${local.base}-encryption"
  resource_group_name = local.group
  location            = local.location
  tags                = local.tags

  depends_on = [data.azurerm_client_config.current]
}

resource "azurerm_role_assignment" "encryption" {
  count = local.encrypted ? 1 : 0

  scope                = var.encryption_key_id
  role_definition_name = "Key Vault Crypto Service Encryption User"
  principal_id         = azurerm_user_assigned_identity.encryption[0].principal_id
  principal_type       = "ServicePrincipal"
}
