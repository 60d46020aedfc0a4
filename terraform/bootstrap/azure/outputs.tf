output "backend" {
  description = "The file backend.hcl: terraform init -backend-config=backend.hcl."
  value       = <<-EOT
    resource_group_name  = "${azurerm_resource_group.state.name}"
    storage_account_name = "${azurerm_storage_account.state.name}"
    container_name       = "${azurerm_storage_container.state.name}"
    use_azuread_auth     = true
  EOT
}

output "ci" {
  description = "Variables of the CI job, beside `permissions: id-token: write`. None is a secret."
  value = {
    ARM_CLIENT_ID       = azurerm_user_assigned_identity.ci.client_id
    ARM_SUBSCRIPTION_ID = data.azurerm_client_config.current.subscription_id
    ARM_TENANT_ID       = data.azurerm_client_config.current.tenant_id
    ARM_USE_OIDC        = "true"
  }
}

output "granted_roles" {
  description = "The roles that CI may give, with Microsoft's ids."
  value       = local.granted_roles
}
