# What is refused at plan. Sentences one by one: test/terraform/gcp-refusals.test.ts; here that a plan with them ends.
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


run "the_runtime" {
  command = plan
  module { source = "../gcp" }
  variables {
    runtime = { architecture = "arm64" }
  }
  expect_failures = [google_cloudfunctions2_function.this]
}

run "the_front_door" {
  command = plan
  module { source = "../gcp" }
  variables {
    edge = { kind = "balancer" }
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

run "the_project" {
  command = plan
  module { source = "../gcp" }
  variables {
    gcp = { project_id = "123456789012", region = "europe-west1" }
  }
  expect_failures = [var.gcp]
}

run "a_zone_for_a_region" {
  command = plan
  module { source = "../gcp" }
  variables {
    gcp = { project_id = "acme-portolan", region = "europe-west1-b" }
  }
  expect_failures = [var.gcp]
}

run "everybody_by_the_back_door" {
  command = plan
  module { source = "../gcp" }
  variables {
    edge = { kind = "function", public = false }
    gcp  = { project_id = "acme-portolan", region = "europe-west1", invokers = ["allUsers"] }
  }
  expect_failures = [var.gcp]
}
