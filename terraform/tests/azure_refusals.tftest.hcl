# What is refused at plan. A run breaks as many rules as can be seen at once.

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


run "the_shared_interface" {
  command = plan
  module { source = "../azure" }
  variables {
    name        = "Portolan--of-a-company-with-a-long-name"
    environment = "production"
    package     = { path = "fixtures/missing.zip", sha256_base64 = "0123456789abcdef" }
    settings    = { VENDOR_PASSWORD = "x", PORTOLAN_TABLE = "mine" }
    secrets     = { api-keys = { existing_id = "/subscriptions/s", version = 1 } }
    runtime     = { memory_mb = 1, timeout_seconds = 1, max_instances = 0 }
    edge        = { kind = "toll-gate", domain = { name = "portolan.example.com" } }
    alarms      = { error_percent = 100, throttles = -1 }
    logs        = { retention_days = 0 }
    dead_letter = { retention_days = 15 }
    network     = { security_group_ids = ["x"] }
    tags        = { Name = "mine" }
  }
  expect_failures = [
    var.name, var.environment, var.package, var.settings, var.secrets, var.runtime, var.edge, var.alarms, var.logs, var.dead_letter, var.network, var.tags,
  ]
}

run "the_hash_of_another_file" {
  command = plan
  module { source = "../azure" }
  variables {
    package = { path = "fixtures/function.zip", sha256_base64 = filebase64sha256("fixtures/other.zip") }
  }
  expect_failures = [var.package]
}

run "a_config_that_is_no_json" {
  command = plan
  module { source = "../azure" }
  variables {
    config = "auth: {}"
  }
  expect_failures = [var.config]
}

run "azure_itself" {
  command = plan
  module { source = "../azure" }
  variables {
    azure = {
      resource_group_name        = "/subscriptions/s/resourceGroups/portolan", location = "West Europe", plan = "consumption", replication = "RAID", secret_days = -1, vault_soft_delete_days = 91, allowed_ip_ranges = ["203.0.113.7/32"],
      private_endpoint_subnet_id = "subnet", gateway_sku = "Developer_1", log_daily_gb = 0
    }
  }
  expect_failures = [var.azure]
}

run "what_flex_consumption_has_not" {
  command = plan
  module { source = "../azure" }
  variables {
    runtime  = { architecture = "arm64", memory_mb = 1024, max_instances = 39, timeout_seconds = 231 }
    settings = { AzureWebJobsStorage__accountName = "mine" }
    config   = jsonencode({ filler = join("", [for number in range(1000) : "0123456789a"]) })
    logs     = { retention_days = 7 }
    state    = { point_in_time_recovery = true }
    network  = { subnet_ids = ["subnet-1", "subnet-2"], security_group_ids = ["sg-1"] }
    alarms   = { notify = ["arn:aws:sns:eu-central-1:123456789012:night"] }
    edge     = { rate_per_second = 10, waf = true, public = false, domain = { name = "portolan.example.com", certificate_id = "arn:aws:acm:x" } }
    secrets  = { api-keys = { existing_id = "arn:aws:secretsmanager:x" }, signing-key = {} }

    encryption_key_id = "arn:aws:kms:x"
  }
  expect_failures = [data.azurerm_client_config.current]
}

run "what_elastic_premium_has_not" {
  command = plan
  module { source = "../azure" }
  variables {
    runtime = { node_version = 24, memory_mb = 512, max_instances = 101, concurrency = 16 }
    azure   = { resource_group_name = "portolan", location = "westeurope", plan = "premium" }
  }
  expect_failures = [data.azurerm_client_config.current]
}

run "what_api_management_has_not" {
  command = plan
  module { source = "../azure" }
  variables {
    edge = { kind = "gateway", streaming = true, cors_origins = ["https://app.example.com"], public = false, rate_per_second = 10, waf = true }
  }
  expect_failures = [data.azurerm_client_config.current]
}

run "what_front_door_has_not" {
  command = plan
  module { source = "../azure" }
  variables {
    edge = { kind = "balancer", streaming = true, routes = [{ priority = 1, paths = ["/v1/*"] }] }
  }
  expect_failures = [data.azurerm_client_config.current]
}

run "a_version_without_a_value" {
  command = plan
  module { source = "../azure" }
  variables {
    secrets = { api-keys = { version = 1 } }
  }
  expect_failures = [azurerm_key_vault_secret.this["api-keys"]]
}
