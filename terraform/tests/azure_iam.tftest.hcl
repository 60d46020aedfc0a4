# What the function may do: exactly these roles, on exactly these things.
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


# Two accounts with ids of their own: the mocks give one id to a type.
override_resource {
  target = azurerm_storage_account.host
  values = {
    id                    = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/portolan/providers/Microsoft.Storage/storageAccounts/thehost"
    primary_blob_endpoint = "https://thehost.blob.core.windows.net/"
  }
}
override_resource {
  target = azurerm_storage_account.state
  values = {
    id                     = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/portolan/providers/Microsoft.Storage/storageAccounts/thestate"
    primary_table_endpoint = "https://thestate.table.core.windows.net/"
  }
}

run "least_privilege" {
  module { source = "../azure" }

  variables {
    secrets       = { api-keys = { version = 1 } }
    secret_values = { api-keys = "canary" }
  }

  assert {
    condition = { for key, grant in azurerm_role_assignment.function : key => "${grant.role_definition_name} on ${trimprefix(grant.scope, "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/portolan/providers/")}" } == {
      table           = "Storage Table Data Contributor on Microsoft.Storage/storageAccounts/thestate/tableServices/default/tables/portolan"
      host            = "Storage Blob Data Owner on Microsoft.Storage/storageAccounts/thehost"
      insights        = "Monitoring Metrics Publisher on Microsoft.Insights/components/portolan"
      secret-api-keys = "Key Vault Secrets User on Microsoft.KeyVault/vaults/portolan-mock/secrets/portolan-test-mock"
    }
    error_message = "grants: ${jsonencode({ for key, grant in azurerm_role_assignment.function : key => [grant.role_definition_name, grant.scope] })}"
  }
  assert {
    condition     = alltrue([for grant in azurerm_role_assignment.function : grant.principal_id == azurerm_user_assigned_identity.function.principal_id && grant.principal_type == "ServicePrincipal"])
    error_message = "All of them to the function's identity."
  }
  assert {
    condition     = one(azurerm_function_app_flex_consumption.this[0].identity).type == "UserAssigned" && one(azurerm_function_app_flex_consumption.this[0].identity).identity_ids == toset([azurerm_user_assigned_identity.function.id])
    error_message = "Which is the only identity of the function."
  }
  assert {
    condition     = length(azurerm_role_assignment.encryption) == 0 && length(azurerm_role_assignment.certificate) == 0
    error_message = "Nobody else is given anything."
  }
}

# An empty secret is not there to be given a role on.
run "secrets_filled_by_hand" {
  module { source = "../azure" }

  variables {
    secrets       = { api-keys = { version = 1 }, signing-key = {} }
    secret_values = { api-keys = "canary" }
  }

  assert {
    condition     = toset([for grant in azurerm_role_assignment.function : "${grant.role_definition_name} on ${grant.scope}" if strcontains(grant.role_definition_name, "Vault")]) == toset(["Key Vault Secrets User on ${azurerm_key_vault.this[0].id}"])
    error_message = "The role is on the deployment's own vault."
  }
  assert {
    condition     = output.secret_ids["signing-key"] == "${azurerm_key_vault.this[0].id}/secrets/portolan-test-signing-key" && strcontains(output.next_steps, "--name portolan-test-signing-key --file")
    error_message = "next_steps says how to fill it: ${output.next_steps}"
  }
}

run "secrets_you_have" {
  module { source = "../azure" }

  variables {
    secrets = { api-keys = { existing_id = "/subscriptions/s/resourceGroups/r/providers/Microsoft.KeyVault/vaults/theirs/secrets/portolan-test-api-keys" } }
  }

  assert {
    condition     = length(azurerm_key_vault.this) == 0 && azurerm_function_app_flex_consumption.this[0].app_settings["PORTOLAN_KEY_VAULT_URL"] == "https://theirs.vault.azure.net"
    error_message = "Their vault is read, and none is made."
  }
  assert {
    condition     = toset([for grant in azurerm_role_assignment.function : grant.scope if strcontains(grant.role_definition_name, "Vault")]) == toset(["/subscriptions/s/resourceGroups/r/providers/Microsoft.KeyVault/vaults/theirs/secrets/portolan-test-api-keys"])
    error_message = "Of their vault the function may read this one secret."
  }
}
