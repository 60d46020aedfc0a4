# Least privilege: all that is granted, to whom, on what. A grant more, or one less, fails here.
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

run "grants" {
  module { source = "../gcp" }
  variables {
    secrets = { api-keys = {}, signing-key = { existing_id = "projects/acme-portolan/secrets/portolan-test-signing-key" } }
  }

  # The function: its database and its secrets.
  assert {
    condition     = google_cloudfunctions2_function.this.service_config[0].service_account_email == google_service_account.function.email && google_service_account.function.account_id == "portolan-test-run"
    error_message = "The function acts as an account of its own."
  }
  assert {
    condition = (
      google_project_iam_member.state.role == "roles/datastore.user" && google_project_iam_member.state.member == google_service_account.function.member &&
      google_project_iam_member.state.condition[0].expression == "resource.name == \"projects/acme-portolan/databases/portolan-test\""
    )
    error_message = "It may use one database, not those of others in the project."
  }
  assert {
    condition = (
      toset([for grant in google_secret_manager_secret_iam_member.read : grant.secret_id]) == toset(["portolan-test-api-keys", "portolan-test-signing-key"]) &&
      alltrue([for grant in google_secret_manager_secret_iam_member.read : grant.role == "roles/secretmanager.secretAccessor" && grant.member == google_service_account.function.member])
    )
    error_message = "It may read the secrets that config names, one by one, and those that were there before too."
  }

  # The build: google#20571, and no default account.
  assert {
    condition     = google_cloudfunctions2_function.this.build_config[0].service_account == google_service_account.build.id && google_service_account.build.account_id == "portolan-test-build"
    error_message = "The build acts as another account of its own."
  }
  assert {
    condition     = google_project_iam_member.build_logs.role == "roles/logging.logWriter" && google_artifact_registry_repository_iam_member.build_images.role == "roles/artifactregistry.writer" && google_artifact_registry_repository_iam_member.build_images.repository == "portolan-test"
    error_message = "It may write logs, and images into one repository."
  }
  assert {
    condition = (
      google_project_iam_member.build_sources.role == "roles/storage.objectViewer" &&
      google_project_iam_member.build_sources.condition[0].expression == "resource.name.startsWith(\"projects/_/buckets/${google_storage_bucket.code.name}\") || resource.name.startsWith(\"projects/_/buckets/gcf-v2-sources-\")"
    )
    error_message = "It may read sources: ours, and the copy Cloud Functions builds from."
  }
  assert {
    condition     = alltrue([for grant in [google_project_iam_member.build_logs, google_project_iam_member.build_sources, google_artifact_registry_repository_iam_member.build_images] : grant.member == google_service_account.build.member])
    error_message = "And all of that as the build's account."
  }
  assert {
    condition     = time_sleep.build_permissions.create_duration == "60s"
    error_message = "The first build waits until its grants are known (google#20571)."
  }

  # google#12562: the invoker is a grant on the Cloud Run service.
  assert {
    condition     = keys(google_cloud_run_v2_service_iam_member.invoker) == ["allUsers"] && google_cloud_run_v2_service_iam_member.invoker["allUsers"].role == "roles/run.invoker" && google_cloud_run_v2_service_iam_member.invoker["allUsers"].name == "portolan-test" && google_cloud_run_v2_service_iam_member.invoker["allUsers"].location == "europe-west1"
    error_message = "A public front door lets everybody call, and Portolan asks for keys."
  }
  assert {
    condition     = length(google_pubsub_topic_iam_member.dead_letter) == 0
    error_message = "Nobody may publish dead letters unasked: the function publishes none."
  }
}

run "private" {
  module { source = "../gcp" }
  variables {
    edge = { kind = "function", public = false }
    gcp = {
      project_id             = "acme-portolan"
      region                 = "europe-west1"
      invokers               = ["serviceAccount:scraper@acme-portolan.iam.gserviceaccount.com"]
      deployer               = "deployer@acme-portolan.iam.gserviceaccount.com"
      dead_letter_publishers = ["serviceAccount:service-123456789012@gcp-sa-pubsub.iam.gserviceaccount.com"]
    }
  }
  assert {
    condition     = keys(google_cloud_run_v2_service_iam_member.invoker) == ["serviceAccount:scraper@acme-portolan.iam.gserviceaccount.com"] && google_cloudfunctions2_function.this.service_config[0].ingress_settings == "ALLOW_INTERNAL_ONLY"
    error_message = "Only who is named may call, and only from inside."
  }
  assert {
    condition     = strcontains(output.next_steps, "X-Serverless-Authorization: Bearer $(gcloud auth print-identity-token)")
    error_message = "The caller proves who it is beside Portolan's key."
  }
  assert {
    condition     = [for grant in google_pubsub_topic_iam_member.dead_letter : "${grant.member} ${grant.role} ${grant.topic}"] == ["serviceAccount:service-123456789012@gcp-sa-pubsub.iam.gserviceaccount.com roles/pubsub.publisher portolan-test-dead-letters"]
    error_message = "Who is named may publish dead letters."
  }
  assert {
    condition     = keys(google_service_account_iam_member.deployer) == ["build", "function"] && alltrue([for grant in google_service_account_iam_member.deployer : grant.role == "roles/iam.serviceAccountUser" && grant.member == "serviceAccount:deployer@acme-portolan.iam.gserviceaccount.com"])
    error_message = "CI may act as the two accounts, not as all of the project."
  }
}
