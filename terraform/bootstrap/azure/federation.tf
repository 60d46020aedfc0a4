# CI shows the token that GitHub signed for the job; Azure exchanges it for an hour of this identity. No key is made that could be lost.
resource "azurerm_user_assigned_identity" "ci" {
  name                = "${var.name}-ci"
  resource_group_name = azurerm_resource_group.state.name
  location            = var.location
  tags                = local.tags
}

# Everybody's jobs are signed by the same issuer. The subject says whose: this repository's, of a branch or of an environment; a pull
# request's is another.
resource "azurerm_federated_identity_credential" "github" {
  for_each = merge(
    { for branch in var.branches : "branch-${branch}" => "ref:refs/heads/${branch}" },
    { for environment in var.environments : "environment-${environment}" => "environment:${environment}" },
  )

  name                = substr(replace("github-${each.key}", "/[^A-Za-z0-9-]/", "-"), 0, 120)
  resource_group_name = azurerm_resource_group.state.name
  parent_id           = azurerm_user_assigned_identity.ci.id
  issuer              = "https://token.actions.githubusercontent.com"
  audience            = ["api://AzureADTokenExchange"]
  subject             = "repo:${var.repository}:${each.value}"
}

resource "azurerm_role_assignment" "state" {
  scope                = "${azurerm_storage_account.state.id}/blobServices/default/containers/${azurerm_storage_container.state.name}"
  role_definition_name = "Storage Blob Data Contributor"
  principal_id         = azurerm_user_assigned_identity.ci.principal_id
  principal_type       = "ServicePrincipal"
}

locals {
  # What applying the module takes, in its resource group. docs/deploy-azure.md says what each is for.
  deployer_roles = [
    "Contributor",
    "Key Vault Secrets Officer",
    "Locks Contributor",
    "Storage Blob Data Contributor",
  ]

  # The roles that terraform/azure gives, by the ids Microsoft has given them (https://learn.microsoft.com/azure/role-based-access-control/built-in-roles).
  granted_roles = {
    "Key Vault Crypto Service Encryption User" = "e147488a-f6f5-4113-8e2d-b22465e65bf6"
    "Key Vault Secrets User"                   = "4633458b-17de-408a-b874-0445c86b69e6"
    "Monitoring Metrics Publisher"             = "3913510d-42f4-4e42-8a64-420c390055eb"
    "Storage Blob Data Owner"                  = "b7e6dc6d-f1e8-4753-8033-0f276bb0955b"
    "Storage Table Data Contributor"           = "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3"
  }
  granted = join(", ", values(local.granted_roles))
}

resource "azurerm_role_assignment" "deployer" {
  for_each = toset(local.deployer_roles)

  scope                = local.deployed_in
  role_definition_name = each.value
  principal_id         = azurerm_user_assigned_identity.ci.principal_id
  principal_type       = "ServicePrincipal"
}

# It may give roles, but only those that the module gives, and to service principals only: it cannot make itself an owner.
resource "azurerm_role_assignment" "deployer_grants" {
  scope                = local.deployed_in
  role_definition_name = "Role Based Access Control Administrator"
  principal_id         = azurerm_user_assigned_identity.ci.principal_id
  principal_type       = "ServicePrincipal"
  condition_version    = "2.0"
  condition            = <<-EOT
    (
      !(ActionMatches{'Microsoft.Authorization/roleAssignments/write'})
      OR
      (
        @Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {${local.granted}}
        AND
        @Request[Microsoft.Authorization/roleAssignments:PrincipalType] ForAnyOfAnyValues:StringEqualsIgnoreCase {'ServicePrincipal'}
      )
    )
    AND
    (
      !(ActionMatches{'Microsoft.Authorization/roleAssignments/delete'})
      OR
      @Resource[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {${local.granted}}
    )
  EOT
}
