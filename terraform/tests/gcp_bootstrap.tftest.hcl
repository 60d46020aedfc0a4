# What is run once before the first deployment: where the state is kept, and whom CI deploys as.
mock_provider "google" {
  source = "./mocks/gcp"
}
mock_provider "google-beta" {
  source = "./mocks/gcp"
}
mock_provider "time" {}

variables {
  project_id = "acme-portolan"
}

run "bootstrap" {
  module { source = "../bootstrap/gcp" }
  variables {
    repository    = "acme/portolan"
    repository_id = "4711"
    environments  = ["production"]
    edge_roles    = ["roles/apigateway.admin"]
  }
  assert {
    condition     = google_iam_workload_identity_pool_provider.github.attribute_condition == "assertion.repository == 'acme/portolan' && assertion.repository_id == '4711' && (assertion.ref == 'refs/heads/main' || (has(assertion.environment) && assertion.environment == 'production')) && assertion.event_name != 'pull_request' && assertion.event_name != 'pull_request_target'"
    error_message = "Jobs of one repository, of its branch or its environment, and of no pull request."
  }
  assert {
    condition     = google_service_account_iam_member.ci.member == "principalSet://iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/portolan-ci/attribute.repository/acme/portolan" && google_service_account_iam_member.ci.role == "roles/iam.workloadIdentityUser"
    error_message = "They become the deployer, without a key."
  }
  assert {
    condition     = google_project_iam_member.deployer_grants.condition[0].expression == "api.getAttribute('iam.googleapis.com/modifiedGrantsByRole', []).hasOnly(['roles/datastore.user', 'roles/logging.logWriter', 'roles/storage.objectViewer'])" && length(setintersection(keys(google_project_iam_member.deployer), ["roles/owner", "roles/editor", "roles/iam.serviceAccountUser", "roles/iam.serviceAccountTokenCreator", "roles/resourcemanager.projectIamAdmin"])) == 0 && contains(keys(google_project_iam_member.deployer), "roles/apigateway.admin")
    error_message = "The deployer grants what the module grants, and acts as nobody else."
  }
  assert {
    condition     = google_storage_bucket.state.versioning[0].enabled && google_storage_bucket.state.uniform_bucket_level_access && google_storage_bucket.state.public_access_prevention == "enforced" && google_storage_bucket.state.force_destroy == false && google_storage_bucket_iam_member.state.role == "roles/storage.objectUser"
    error_message = "The state is versioned, closed, and not deleted with what made it."
  }
  assert {
    condition     = strcontains(output.backend, "bucket = \"acme-portolan-terraform-state\"")
    error_message = "The lines for a root's backend."
  }
}

run "bootstrap_of_nobody" {
  command = plan
  module { source = "../bootstrap/gcp" }
  variables {
    repository = "acme/portolan' || true"
    branches   = []
    edge_roles = ["roles/owner"]
  }
  expect_failures = [var.repository, var.environments, var.edge_roles]
}
