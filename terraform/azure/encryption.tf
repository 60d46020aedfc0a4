# Of its own: the function itself has no business with the key.
resource "azurerm_user_assigned_identity" "encryption" {
  count = local.encrypted ? 1 : 0

  name                = "${local.base}-encryption"
  resource_group_name = local.group
  location            = local.location
  tags                = local.tags

  depends_on = [terraform_data.refusals]
}

resource "azurerm_role_assignment" "encryption" {
  count = local.encrypted ? 1 : 0

  scope                = var.encryption_key_id
  role_definition_name = "Key Vault Crypto Service Encryption User"
  principal_id         = azurerm_user_assigned_identity.encryption[0].principal_id
  principal_type       = "ServicePrincipal"
}
