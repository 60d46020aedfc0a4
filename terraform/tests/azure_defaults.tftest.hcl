# What a deployment with nothing but names gets.

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

run "defaults" {
  module { source = "../azure" }
  assert {
    condition     = output.endpoint_url == "https://portolan-mock.azurewebsites.net"
    error_message = "url ${output.endpoint_url}"
  }
}
