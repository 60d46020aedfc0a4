# The examples, with the package that `make package` wrote.
mock_provider "azurerm" {
  source = "./mocks/azure"
}
mock_provider "time" {
  source = "./mocks/azure"
}

variables {
  subscription_id     = "00000000-0000-4000-8000-000000000001"
  resource_group_name = "portolan"
}

run "minimal" {
  module { source = "../examples/azure-minimal" }
  assert {
    condition     = output.endpoint_url == "https://portolan-mock.azurewebsites.net" && strcontains(output.next_steps, "--name portolan-dev-signing-key --file")
    error_message = "An address, and what to do: ${output.next_steps}"
  }
}

# An action group, a network and a subnet that are made in the same apply: their ids are not known at plan, but names are.
run "complete" {
  module { source = "../examples/azure-complete" }
  variables {
    domain             = "portolan.example.com"
    email              = "on-call@example.com"
    deployer_ip_ranges = ["203.0.113.0/24"]
    secret_values      = { api-keys = "canary", signing-key = "canary", vendor = "canary" }
  }
  assert {
    condition     = output.endpoint_url == "https://portolan.example.com" && length(output.alarm_names) == 5 && strcontains(output.next_steps, "_dnsauth.portolan.example.com") && !strcontains(output.next_steps, "az keyvault secret set")
    error_message = "A name of one's own, alarms, and no secret left to fill: ${output.next_steps}"
  }
}
