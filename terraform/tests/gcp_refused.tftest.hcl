# What the shared interface allows and Google Cloud does not: each is refused at plan, with a sentence that says what to do.
mock_provider "google" {
  source = "./mocks/gcp"
}
mock_provider "google-beta" {
  source = "./mocks/gcp"
}
mock_provider "time" {}

variables {
  name          = "portolan"
  environment   = "test"
  package       = { path = "fixtures/function.zip", sha256_base64 = filebase64sha256("fixtures/function.zip") }
  secret_values = {}
  gcp           = { project_id = "acme-portolan", region = "europe-west1" }
}

run "nothing_is_refused_by_default" {
  module { source = "./gcp_rules" }
  assert {
    condition     = output.refusals == []
    error_message = "Nothing to refuse: ${jsonencode(output.refusals)}"
  }
}

run "runtime_and_services" {
  module { source = "./gcp_rules" }
  variables {
    config            = jsonencode({ x = join("", [for i in range(1000) : "äöü12345678901234567890123456789012345678"]) })
    settings          = { PORT = "1", x_google_flags = "1" }
    runtime           = { architecture = "arm64", concurrency = 1, memory_mb = 16385 }
    secrets           = { vendor = { existing_id = "projects/acme-other/secrets/portolan-test-vendor" }, misnamed = { existing_id = "projects/acme-portolan/secrets/misnamed" }, right = { existing_id = "projects/acme-portolan/secrets/portolan-test-right" } }
    encryption_key_id = "portolan"
    network           = { subnet_ids = ["portolan", "portolan-2"], security_group_ids = ["sg-1"] }
    logs              = { retention_days = 3651 }
    alarms            = { notify = ["oncall@example.com"] }
    tags              = { Team = "proxies" }
  }
  assert {
    condition = [for sentence in output.refusals : substr(sentence, 0, 24)] == [
      "runtime.architecture: Cl",
      "runtime.concurrency: wit",
      "config and settings: a f",
      "settings: PORT, x_google",
      "network.security_group_i",
      "network.subnet_ids: a fu",
      "network.subnet_ids must ",
      "encryption_key_id must b",
      "encryption_key_id: key, ",
      "secrets: existing_id of ",
      "logs.retention_days: Clo",
      "alarms.notify must be no",
      "tags are labels on Googl",
    ]
    error_message = "One sentence for each: ${jsonencode(output.refusals)}"
  }
  assert {
    condition     = strcontains(join("", output.refusals), "make package CONFIG=portolan.json") && strcontains(join("", output.refusals), "existing_id of misnamed, vendor must be projects/acme-portolan/secrets/portolan-test-<key>")
    error_message = "Sentences say what to do."
  }
}

run "front_doors_of_the_function" {
  module { source = "./gcp_rules" }
  variables {
    edge = {
      kind            = "function"
      rate_per_second = 10
      burst           = 20
      waf             = true
      cors_origins    = ["https://app.example.com"]
      domain          = { name = "portolan.example.com", certificate_id = "portolan" }
    }
  }
  assert {
    condition = [for sentence in output.refusals : substr(sentence, 0, 24)] == [
      "edge.domain: on Google C",
      "edge.domain.certificate_",
      "edge.waf: Cloud Armor st",
      "edge.rate_per_second: on",
      "edge.burst: Cloud Armor ",
      "edge.cors_origins: on Go",
    ]
    error_message = "One sentence for each: ${jsonencode(output.refusals)}"
  }
}

run "invokers_of_what_is_public" {
  module { source = "./gcp_rules" }
  variables {
    edge = { kind = "function" }
    gcp  = { project_id = "acme-portolan", region = "europe-west1", invokers = ["serviceAccount:caller@acme-portolan.iam.gserviceaccount.com"] }
  }
  assert {
    condition     = [for sentence in output.refusals : substr(sentence, 0, 13)] == ["gcp.invokers:"]
    error_message = "One sentence: ${jsonencode(output.refusals)}"
  }
}

run "front_doors_of_the_gateway" {
  module { source = "./gcp_rules" }
  variables {
    edge = { kind = "gateway", public = false, streaming = true }
  }
  assert {
    condition     = [for sentence in output.refusals : substr(sentence, 0, 20)] == ["edge.public = false:", "edge.streaming: API "]
    error_message = "One sentence for each: ${jsonencode(output.refusals)}"
  }
}

run "front_doors_of_the_balancer" {
  module { source = "./gcp_rules" }
  variables {
    edge = {
      kind            = "balancer"
      public          = false
      rate_per_second = 10
      routes = [
        { priority = 1, paths = ["/v1/' || true || '"] },
        { priority = 2, headers = { "x'y" = ["1"] } },
        { priority = 3, source_ips = [for i in range(6) : "203.0.113.${i}/32"] },
      ]
    }
  }
  assert {
    condition = [for sentence in output.refusals : substr(sentence, 0, 28)] == [
      "edge.public = false: API Gat",
      "edge.kind \"balancer\" needs e",
      "edge.rate_per_second: each f",
      "edge.routes: hosts, paths, h",
      "edge.routes: names of header",
      "edge.routes: a rule of Cloud",
    ]
    error_message = "One sentence for each: ${jsonencode(output.refusals)}"
  }
}

# As far as one can go.
run "just_allowed" {
  module { source = "./gcp_rules" }
  variables {
    settings          = { X = join("", concat([for i in range(1000) : "ääääääääääääääää"], [for i in range(564) : "x"])) } # with what the module sets: 32768 bytes
    runtime           = { memory_mb = 32768, architecture = "x86_64", timeout_seconds = 3600 }
    encryption_key_id = "projects/acme-keys/locations/europe-west1/keyRings/r/cryptoKeys/k"
    logs              = { retention_days = 3650 }
    edge = {
      kind   = "balancer"
      domain = { name = "portolan.example.com", certificate_id = "projects/p/locations/global/certificateMaps/m" }
      routes = [{ priority = 1, hosts = ["a.example.com"], paths = ["/v1/*"], methods = ["GET"], query = { a = "b" }, source_ips = ["203.0.113.0/24"] }]
    }
  }
  assert {
    condition     = output.refusals == []
    error_message = "Nothing to refuse: ${jsonencode(output.refusals)}"
  }
}

run "a_byte_more" {
  module { source = "./gcp_rules" }
  variables {
    settings = { X = join("", concat([for i in range(1000) : "ääääääääääääääää"], [for i in range(566) : "x"])) }
    gcp      = { project_id = "acme-portolan", region = "europe-west1", collection = "portolans" }
  }
  assert {
    condition     = [for sentence in output.refusals : substr(sentence, 0, 19)] == ["config and settings"]
    error_message = jsonencode(output.refusals)
  }
}

# A variable of its own shows its sentences itself.
run "what_only_google_has" {
  command = plan
  module { source = "./gcp_rules" }
  variables {
    gcp = { project_id = "123456789012", region = "europe-west1-b" }
  }
  expect_failures = [var.gcp]
}

run "everybody_by_the_back_door" {
  command = plan
  module { source = "./gcp_rules" }
  variables {
    gcp = { project_id = "acme-portolan", region = "europe-west1", invokers = ["allUsers"] }
  }
  expect_failures = [var.gcp]
}

# And the module does refuse.
run "the_module" {
  command = plan
  module { source = "../gcp" }
  variables {
    runtime = { architecture = "arm64" }
  }
  expect_failures = [google_cloudfunctions2_function.this]
}

run "a_secret_without_a_value" {
  command = plan
  module { source = "../gcp" }
  variables {
    secrets = { api-keys = { version = 1 } }
  }
  expect_failures = [google_secret_manager_secret_version.this]
}
