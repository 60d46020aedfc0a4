locals {
  # What the function may do, and on what; nothing else.
  grants = merge(
    {
      table    = { role = "Storage Table Data Contributor", scope = local.table_id }
      host     = { role = "Storage Blob Data Owner", scope = azurerm_storage_account.host.id } # leases of the host, and the package
      insights = { role = "Monitoring Metrics Publisher", scope = azurerm_application_insights.this.id }
    },
    # A secret that is filled by hand is not there yet, and a role needs something to be given on: then it is this vault, which holds nothing
    # but this deployment's secrets.
    length(local.by_hand) > 0 && local.own_vault ? {
      vault = { role = "Key Vault Secrets User", scope = local.vault_id }
      } : {
      for name, id in local.secret_ids : "secret-${name}" => { role = "Key Vault Secrets User", scope = id }
    },
  )
}

resource "azurerm_role_assignment" "function" {
  for_each = local.grants

  scope                = each.value.scope
  role_definition_name = each.value.role
  principal_id         = azurerm_user_assigned_identity.function.principal_id
  principal_type       = "ServicePrincipal" # a new identity is not everywhere at once: without this Azure may not find it
  description          = "Portolan's function (${local.base})"

  depends_on = [azurerm_resource_group_template_deployment.table]
}
