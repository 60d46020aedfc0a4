# What no cloud takes. variables.tf is the same file in the three modules, so it is tried once, by itself. Each run breaks one rule of each of
# several variables; config looks at secrets, so the two are not broken together.
variables {
  name          = "portolan"
  package       = { path = "fixtures/function.zip", sha256_base64 = filebase64sha256("fixtures/function.zip") }
  secret_values = {}
}

run "round_1" {
  command = plan
  module { source = "./aws_rules" }
  variables {
    name          = "portolan-of-the-research-team" # too long for a key vault
    environment   = "production"
    package       = { path = "fixtures/none.zip", sha256_base64 = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=" }
    config        = "pools: {}"
    runtime       = { node_version = 18 }
    settings      = { PORTOLAN_TABLE = "mine" }
    secret_prefix = "team/"
    edge          = { kind = "proxy" }
    network       = { security_group_ids = ["sg-1"] }
    dead_letter   = { retention_days = 15 }
    logs          = { retention_days = 0 }
    alarms        = { p99_latency_seconds = 3000 }
    tags          = { Name = "mine" }
  }
  expect_failures = [var.name, var.environment, var.package, var.config, var.runtime, var.settings, var.secret_prefix, var.edge, var.network, var.dead_letter, var.logs, var.alarms, var.tags]
}

run "round_2" {
  command = plan
  module { source = "./aws_rules" }
  variables {
    name        = "Portolan"
    environment = "Dev"
    package     = { path = "fixtures/function.zip", sha256_base64 = filesha256("fixtures/function.zip") } # hexadecimal
    config      = jsonencode({ auth = { keysSecret = "api-keys" } })
    runtime     = { architecture = "arm" }
    settings    = { "MY-SETTING" = "x" }
    edge        = { rate_per_second = 0 }
    dead_letter = { retention_days = 1.5 }
    logs        = { retention_days = 3654 }
    alarms      = { error_percent = 100 }
  }
  expect_failures = [var.name, var.environment, var.package, var.config, var.runtime, var.settings, var.edge, var.dead_letter, var.logs, var.alarms]
}

run "round_3" {
  command = plan
  module { source = "./aws_rules" }
  variables {
    name     = "portolan-"
    package  = { path = "fixtures/function.zip", sha256_base64 = filebase64sha256("fixtures/other.zip") } # of another file
    config   = jsonencode({ signingSecret = "signing-key" })
    runtime  = { memory_mb = 128 }
    settings = { DB_PASSWORD = "x" }
    edge     = { burst = 5001 }
    alarms   = { cold_start_percent = -1 }
  }
  expect_failures = [var.name, var.package, var.config, var.runtime, var.settings, var.edge, var.alarms]
}

run "round_4" {
  command = plan
  module { source = "./aws_rules" }
  variables {
    name     = "port--olan"
    config   = jsonencode({ pools = { a = { vendor = "direct" }, b = { vendor = "bright-data", secret = "brightdata" } } })
    runtime  = { timeout_seconds = 4 }
    settings = { UPSTREAM = "http://user:word@gate.example.com" }
    edge     = { cors_origins = ["*"] }
    alarms   = { throttles = 0.5 }
  }
  expect_failures = [var.name, var.config, var.runtime, var.settings, var.edge, var.alarms]
}

run "round_5" {
  command = plan
  module { source = "./aws_rules" }
  variables {
    name     = "google-proxy" # Google's own word
    secrets  = { API_KEYS = {} }
    runtime  = { attempt_timeout_ms = 20 }
    settings = { NOTE = "-----BEGIN PRIVATE KEY-----" }
    edge     = { domain = { name = "https://portolan.example.com", certificate_id = "x" } }
    alarms   = { minimum_requests = 0 }
  }
  expect_failures = [var.name, var.secrets, var.runtime, var.settings, var.edge, var.alarms]
}

run "round_6" {
  command = plan
  module { source = "./aws_rules" }
  variables {
    name     = "internal-proxy" # a load balancer may not be called so on AWS
    secrets  = { api = { existing_id = "x", version = 1 } }
    runtime  = { max_instances = 0 }
    settings = { NOTE = "AKIAIOSFODNN7EXAMPLE" }
    edge     = { domain = { name = "portolan.example.com" } } # no certificate
    alarms   = { p99_latency_seconds = 0 }
  }
  expect_failures = [var.name, var.secrets, var.runtime, var.settings, var.edge, var.alarms]
}

run "round_7" {
  command = plan
  module { source = "./aws_rules" }
  variables {
    secrets = { api = { existing_id = "" } }
    runtime = { min_instances = 3, max_instances = 2 }
    edge    = { routes = [{ priority = 1, paths = ["/*"] }] } # without a balancer
  }
  expect_failures = [var.secrets, var.runtime, var.edge]
}

run "round_8" {
  command = plan
  module { source = "./aws_rules" }
  variables {
    secrets = { api = { version = 0 } }
    runtime = { concurrency = 0 }
    edge    = { kind = "balancer", routes = [{ priority = 1, paths = ["/a"] }, { priority = 1, paths = ["/b"] }] }
  }
  expect_failures = [var.secrets, var.runtime, var.edge]
}

run "routes_action" {
  command = plan
  module { source = "./aws_rules" }
  variables {
    edge = { kind = "balancer", routes = [{ priority = 1, action = "drop", paths = ["/a"] }] }
  }
  expect_failures = [var.edge]
}

run "routes_without_condition" {
  command = plan
  module { source = "./aws_rules" }
  variables {
    edge = { kind = "balancer", routes = [{ priority = 1 }] }
  }
  expect_failures = [var.edge]
}

run "routes_addresses" {
  command = plan
  module { source = "./aws_rules" }
  variables {
    edge = { kind = "balancer", routes = [{ priority = 1, source_ips = ["203.0.113.7"] }] }
  }
  expect_failures = [var.edge]
}

run "routes_methods" {
  command = plan
  module { source = "./aws_rules" }
  variables {
    edge = { kind = "balancer", routes = [{ priority = 1, methods = ["get"] }] }
  }
  expect_failures = [var.edge]
}

run "value_of_a_secret_that_exists" {
  command = plan
  module { source = "./aws_rules" }
  variables {
    secrets       = { api-keys = { existing_id = "x" } }
    secret_values = { api-keys = "y" }
  }
  expect_failures = [var.secret_values]
}

run "value_nobody_asked_for" {
  command = plan
  module { source = "./aws_rules" }
  variables {
    secrets       = { api-keys = {} }
    secret_values = { api-keys = "y" }
  }
  expect_failures = [var.secret_values]
}

run "config_is_no_object" {
  command = plan
  module { source = "./aws_rules" }
  variables {
    config = "[]"
  }
  expect_failures = [var.config]
}

run "config_names_a_certificate" {
  command = plan
  module { source = "./aws_rules" }
  variables {
    config = jsonencode({ upstreams = { api = { targets = [{ url = "https://api.example.com" }], tls = { ca = "private-ca" } } } })
  }
  expect_failures = [var.config]
}
