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

run "defaults" {
  module { source = "../gcp" }
  assert {
    condition     = output.endpoint_url == "https://portolan-test-abc123-ew.a.run.app"
    error_message = "url ${output.endpoint_url}"
  }
}
