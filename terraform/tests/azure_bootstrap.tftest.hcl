# What is made once: the store of the state, and who CI is.

# Planned, not applied: the store of the state cannot be destroyed, so the test could not clean up after itself.
mock_provider "azurerm" {
  source          = "./mocks/azure"
  override_during = plan
}

variables {
  subscription_id     = "00000000-0000-4000-8000-000000000001"
  resource_group_name = "portolan"
  repository          = "acme/portolan"
}

run "bootstrap" {
  command = plan
  module { source = "../bootstrap/azure" }

  variables {
    branches     = ["main", "release/1.x"]
    environments = ["production"]
  }

  assert {
    condition = (
      !azurerm_storage_account.state.shared_access_key_enabled && azurerm_storage_account.state.min_tls_version == "TLS1_2" && !azurerm_storage_account.state.allow_nested_items_to_be_public &&
      azurerm_storage_account.state.blob_properties[0].versioning_enabled && azurerm_storage_account.state.blob_properties[0].delete_retention_policy[0].days == 90 && azurerm_storage_container.state.container_access_type == "private" &&
      can(regex("^[a-z0-9]{3,24}$", azurerm_storage_account.state.name))
    )
    error_message = "The state is kept in versions, and read by roles alone."
  }
  assert {
    condition     = azurerm_resource_group.state.name != var.resource_group_name
    error_message = "Destroying what is deployed does not take the state along."
  }
  assert {
    condition     = toset([for credential in azurerm_federated_identity_credential.github : credential.subject]) == toset(["repo:acme/portolan:ref:refs/heads/main", "repo:acme/portolan:ref:refs/heads/release/1.x", "repo:acme/portolan:environment:production"])
    error_message = "These jobs of this repository, no pull request: ${jsonencode([for credential in azurerm_federated_identity_credential.github : credential.subject])}"
  }
  assert {
    condition     = alltrue([for credential in azurerm_federated_identity_credential.github : can(regex("^[A-Za-z0-9-]{3,120}$", credential.name)) && credential.issuer == "https://token.actions.githubusercontent.com"])
    error_message = "Credentials have names Azure takes: ${jsonencode([for credential in azurerm_federated_identity_credential.github : credential.name])}"
  }
  assert {
    condition     = toset([for grant in azurerm_role_assignment.deployer : "${grant.role_definition_name} on ${grant.scope}"]) == toset([for role in ["Contributor", "Key Vault Secrets Officer", "Locks Contributor", "Storage Blob Data Contributor"] : "${role} on /subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/portolan"])
    error_message = "CI may do what an apply takes, in one resource group."
  }
  # Every role of terraform/azure/*.tf is one that CI may give, by Microsoft's own ids.
  assert {
    condition     = alltrue([for role in flatten([for file in fileset("../azure", "*.tf") : regexall("role(?:_definition_name)?\\s*=\\s*\"([A-Z][A-Za-z ]+)\"", file("../azure/${file}"))]) : contains(keys(output.granted_roles), role)])
    error_message = "A role that the module gives is missing in granted_roles."
  }
  assert {
    condition     = alltrue([for id in values(output.granted_roles) : length(regexall(id, azurerm_role_assignment.deployer_grants.condition)) == 2]) && strcontains(azurerm_role_assignment.deployer_grants.condition, "{'ServicePrincipal'}")
    error_message = "CI gives and takes only these roles, and gives them to no person."
  }
  assert {
    condition     = strcontains(output.backend, "use_azuread_auth     = true") && output.ci.ARM_CLIENT_ID == "00000000-0000-4000-8000-000000000005" && azurerm_role_assignment.state.role_definition_name == "Storage Blob Data Contributor" && endswith(azurerm_role_assignment.state.scope, "/containers/tfstate")
    error_message = "The state is opened by role: ${output.backend}"
  }
}

run "refused" {
  command = plan
  module { source = "../bootstrap/azure" }

  variables {
    name       = "Portolan"
    repository = "https://github.com/acme/portolan"
    branches   = ["release/*"]
  }
  expect_failures = [var.name, var.repository, var.branches]
}
