# What the shared interface allows and Azure does not: each is refused at plan, with a sentence that says what to do.
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

run "nothing_is_refused_by_default" {
  module { source = "./azure_rules" }
  assert {
    condition     = output.refusals == []
    error_message = "Nothing to refuse: ${jsonencode(output.refusals)}"
  }
}

run "on_flex_consumption" {
  module { source = "./azure_rules" }
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
  assert {
    condition = [for sentence in output.refusals : substr(sentence, 0, 24)] == [
      "runtime.architecture: Az",
      "runtime.memory_mb: Flex ",
      "runtime.max_instances: F",
      "runtime.timeout_seconds:",
      "config is longer than 10",
      "settings: AzureWebJobsSt",
      "secrets: beside existing",
      "logs.retention_days: Log",
      "state.point_in_time_reco",
      "network: a function app ",
      "edge.rate_per_second: on",
      "edge.waf: on Azure the f",
      "edge.domain: Flex Consum",
      "secrets: on Azure existi",
      "alarms.notify: on Azure ",
      "network.subnet_ids: on A",
      "encryption_key_id: on Az",
      "edge.public = false: on ",
      "edge.domain.certificate_",
    ]
    error_message = "Each by its sentence: ${jsonencode([for sentence in output.refusals : substr(sentence, 0, 24)])}"
  }
}

run "on_elastic_premium" {
  module { source = "./azure_rules" }
  variables {
    runtime = { node_version = 24, memory_mb = 512, max_instances = 101, concurrency = 16 }
    azure   = { resource_group_name = "portolan", location = "westeurope", plan = "premium" }
  }
  assert {
    condition     = [for sentence in output.refusals : split(":", sentence)[0]] == ["runtime.memory_mb", "runtime.max_instances", "runtime.node_version", "runtime.concurrency"]
    error_message = "Each by its sentence: ${jsonencode(output.refusals)}"
  }
}

run "before_api_management" {
  module { source = "./azure_rules" }
  variables {
    edge    = { kind = "gateway", streaming = true, cors_origins = ["https://app.example.com"], public = false, rate_per_second = 10, waf = true }
    secrets = { a = { existing_id = "/subscriptions/s/resourceGroups/r/providers/Microsoft.KeyVault/vaults/one/secrets/portolan-test-a" }, b = { existing_id = "/subscriptions/s/resourceGroups/r/providers/Microsoft.KeyVault/vaults/two/secrets/b" } }
  }
  assert {
    condition     = [for sentence in output.refusals : substr(sentence, 0, 24)] == ["edge.streaming: on Azure", "edge.rate_per_second: on", "edge.cors_origins: on Az", "edge.waf: on Azure the f", "azure.gateway_publisher_", "secrets: on Azure existi", "secrets: the function re", "edge.public = false: on "]
    error_message = "Each by its sentence: ${jsonencode([for sentence in output.refusals : substr(sentence, 0, 24)])}"
  }
}

run "before_front_door" {
  module { source = "./azure_rules" }
  variables {
    edge = { kind = "balancer", streaming = true, burst = 5, routes = [{ priority = 1, paths = ["/v1/*"] }] }
  }
  assert {
    condition     = [for sentence in output.refusals : split(":", sentence)[0]] == ["edge.streaming", "edge.rate_per_second", "edge.routes"]
    error_message = "Each by its sentence: ${jsonencode(output.refusals)}"
  }
}

# variables.azure.tf: each field alone, and together with the others.
run "azure_itself" {
  command = plan
  module { source = "./azure_rules" }
  variables {
    azure = {
      resource_group_name        = "/subscriptions/s/resourceGroups/portolan", location = "West Europe", plan = "consumption", replication = "RAID", secret_days = -1, vault_soft_delete_days = 91, allowed_ip_ranges = ["203.0.113.7/32"]
      private_endpoint_subnet_id = "subnet", gateway_sku = "Developer_1", log_daily_gb = 0
    }
  }
  expect_failures = [var.azure]
}

# The module itself asks its rules.
run "the_module" {
  command = plan
  module { source = "../azure" }
  variables {
    runtime = { max_instances = 39 }
    secrets = { api-keys = { existing_id = "arn:aws:secretsmanager:x" } }
  }
  expect_failures = [terraform_data.refusals]
}

run "a_version_without_a_value" {
  command = plan
  module { source = "../azure" }
  variables {
    secrets = { api-keys = { version = 1 } }
  }
  expect_failures = [azurerm_key_vault_secret.this["api-keys"]]
}
