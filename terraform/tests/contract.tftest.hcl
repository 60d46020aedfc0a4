# One input, three modules: each takes it, and answers with the same outputs. Of each cloud's own object only what must be given is given.
mock_provider "aws" {
  source = "./mocks/aws"
}
mock_provider "azurerm" {
  source = "./mocks/azure"
}
mock_provider "google" {
  source = "./mocks/gcp"
}
mock_provider "google-beta" {
  source = "./mocks/gcp"
}
mock_provider "time" {
  source = "./mocks/azure"
}

variables {
  name                = "portolan"
  environment         = "test"
  package             = { path = "fixtures/function.zip", sha256_base64 = filebase64sha256("fixtures/function.zip") }
  config              = jsonencode({ auth = { keysSecret = "api-keys" }, signingSecret = "signing-key", pools = { main = { vendor = "direct" } } })
  runtime             = { node_version = 22, memory_mb = 2048, timeout_seconds = 20, attempt_timeout_ms = 800, max_instances = 40 }
  settings            = { LANG = "C" }
  secrets             = { api-keys = {}, signing-key = { version = 1 } }
  secret_values       = { signing-key = "canary-of-a-signing-key-with-32-characters" }
  secret_prefix       = "shared-"
  deletion_protection = false
  dead_letter         = { retention_days = 7 }
  logs                = { retention_days = 90 }
  alarms              = { error_percent = 2 }
  tags                = { team = "proxies" }
  azure               = { resource_group_name = "portolan", location = "westeurope" }
  gcp                 = { project_id = "acme-portolan", region = "europe-west1" }
}

run "aws" {
  module { source = "../aws" }

  # The same outputs, of the same types. A map is not equal to an object with the same members.
  assert {
    condition     = alltrue([for text in [output.endpoint_url, output.next_steps, output.function_name, output.function_id, output.identity, output.state_name, output.state_id, output.log_location, output.dashboard_url] : length(text) > 0]) && startswith(output.endpoint_url, "https://") && !endswith(output.endpoint_url, "/") && startswith(output.dashboard_url, "https://")
    error_message = "What was made is named by texts."
  }
  assert {
    condition     = strcontains(output.next_steps, "curl") && strcontains(output.next_steps, output.endpoint_url)
    error_message = "The next steps are commands: ${output.next_steps}"
  }
  assert {
    condition     = output.secret_ids == tomap(output.secret_ids) && keys(output.secret_ids) == tolist(["api-keys", "signing-key"])
    error_message = "secret_ids is a map with a member for each secret: ${jsonencode(output.secret_ids)}"
  }
  assert {
    condition     = output.alarm_names == tomap(output.alarm_names) && keys(output.alarm_names) == tolist(["cold_starts", "dead_letters", "error_rate", "p99_latency", "throttles"])
    error_message = "alarm_names is a map with the same members everywhere: ${jsonencode(output.alarm_names)}"
  }
  assert {
    condition     = output.capabilities == tomap(output.capabilities) && keys(output.capabilities) == tolist(["architecture_arm64", "concurrency", "cors", "custom_domain", "encryption_key", "min_instances", "network", "point_in_time_recovery", "private_edge", "rate_limit", "routes", "streaming", "waf"])
    error_message = "capabilities is a map with the same members everywhere: ${jsonencode(output.capabilities)}"
  }
  assert {
    condition     = output.settings_injected == sort(output.settings_injected) && contains(output.settings_injected, "PORTOLAN_CONFIG") && contains(output.settings_injected, "PORTOLAN_SECRET_PREFIX") && contains(output.settings_injected, "PORTOLAN_ATTEMPT_TIMEOUT_MS")
    error_message = "settings_injected is a sorted list: ${jsonencode(output.settings_injected)}"
  }
}

run "azure" {
  module { source = "../azure" }

  # The same outputs, of the same types. A map is not equal to an object with the same members.
  assert {
    condition     = alltrue([for text in [output.endpoint_url, output.next_steps, output.function_name, output.function_id, output.identity, output.state_name, output.state_id, output.log_location, output.dashboard_url] : length(text) > 0]) && startswith(output.endpoint_url, "https://") && !endswith(output.endpoint_url, "/") && startswith(output.dashboard_url, "https://")
    error_message = "What was made is named by texts."
  }
  assert {
    condition     = strcontains(output.next_steps, "curl") && strcontains(output.next_steps, output.endpoint_url)
    error_message = "The next steps are commands: ${output.next_steps}"
  }
  assert {
    condition     = output.secret_ids == tomap(output.secret_ids) && keys(output.secret_ids) == tolist(["api-keys", "signing-key"])
    error_message = "secret_ids is a map with a member for each secret: ${jsonencode(output.secret_ids)}"
  }
  assert {
    condition     = output.alarm_names == tomap(output.alarm_names) && keys(output.alarm_names) == tolist(["cold_starts", "dead_letters", "error_rate", "p99_latency", "throttles"])
    error_message = "alarm_names is a map with the same members everywhere: ${jsonencode(output.alarm_names)}"
  }
  assert {
    condition     = output.capabilities == tomap(output.capabilities) && keys(output.capabilities) == tolist(["architecture_arm64", "concurrency", "cors", "custom_domain", "encryption_key", "min_instances", "network", "point_in_time_recovery", "private_edge", "rate_limit", "routes", "streaming", "waf"])
    error_message = "capabilities is a map with the same members everywhere: ${jsonencode(output.capabilities)}"
  }
  assert {
    condition     = output.settings_injected == sort(output.settings_injected) && contains(output.settings_injected, "PORTOLAN_CONFIG") && contains(output.settings_injected, "PORTOLAN_SECRET_PREFIX") && contains(output.settings_injected, "PORTOLAN_ATTEMPT_TIMEOUT_MS")
    error_message = "settings_injected is a sorted list: ${jsonencode(output.settings_injected)}"
  }
}

run "gcp" {
  module { source = "../gcp" }

  # The same outputs, of the same types. A map is not equal to an object with the same members.
  assert {
    condition     = alltrue([for text in [output.endpoint_url, output.next_steps, output.function_name, output.function_id, output.identity, output.state_name, output.state_id, output.log_location, output.dashboard_url] : length(text) > 0]) && startswith(output.endpoint_url, "https://") && !endswith(output.endpoint_url, "/") && startswith(output.dashboard_url, "https://")
    error_message = "What was made is named by texts."
  }
  assert {
    condition     = strcontains(output.next_steps, "curl") && strcontains(output.next_steps, output.endpoint_url)
    error_message = "The next steps are commands: ${output.next_steps}"
  }
  assert {
    condition     = output.secret_ids == tomap(output.secret_ids) && keys(output.secret_ids) == tolist(["api-keys", "signing-key"])
    error_message = "secret_ids is a map with a member for each secret: ${jsonencode(output.secret_ids)}"
  }
  assert {
    condition     = output.alarm_names == tomap(output.alarm_names) && keys(output.alarm_names) == tolist(["cold_starts", "dead_letters", "error_rate", "p99_latency", "throttles"])
    error_message = "alarm_names is a map with the same members everywhere: ${jsonencode(output.alarm_names)}"
  }
  assert {
    condition     = output.capabilities == tomap(output.capabilities) && keys(output.capabilities) == tolist(["architecture_arm64", "concurrency", "cors", "custom_domain", "encryption_key", "min_instances", "network", "point_in_time_recovery", "private_edge", "rate_limit", "routes", "streaming", "waf"])
    error_message = "capabilities is a map with the same members everywhere: ${jsonencode(output.capabilities)}"
  }
  assert {
    condition     = output.settings_injected == sort(output.settings_injected) && contains(output.settings_injected, "PORTOLAN_CONFIG") && contains(output.settings_injected, "PORTOLAN_SECRET_PREFIX") && contains(output.settings_injected, "PORTOLAN_ATTEMPT_TIMEOUT_MS")
    error_message = "settings_injected is a sorted list: ${jsonencode(output.settings_injected)}"
  }
}
