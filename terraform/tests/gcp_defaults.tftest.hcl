# What a deployment is that says nothing but where, and what is certain of it: encryption, TLS, retention, labels, the settings the code reads.
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

  # The function.
  assert {
    condition     = google_cloudfunctions2_function.this.name == "portolan-test" && google_cloudfunctions2_function.this.location == "europe-west1" && google_cloudfunctions2_function.this.project == "acme-portolan"
    error_message = "The function is called <name>-<environment>, in the region and project given."
  }
  assert {
    condition     = google_cloudfunctions2_function.this.build_config[0].runtime == "nodejs24" && google_cloudfunctions2_function.this.build_config[0].entry_point == "portolan"
    error_message = "It runs the newest Node, and enters what dist/gcp exports."
  }
  assert {
    condition = (
      google_cloudfunctions2_function.this.service_config[0].available_memory == "512Mi" &&
      google_cloudfunctions2_function.this.service_config[0].available_cpu == "1" &&
      google_cloudfunctions2_function.this.service_config[0].max_instance_request_concurrency == 80 &&
      google_cloudfunctions2_function.this.service_config[0].min_instance_count == 0 &&
      google_cloudfunctions2_function.this.service_config[0].max_instance_count == 50 &&
      google_cloudfunctions2_function.this.service_config[0].timeout_seconds == 29
    )
    error_message = "Half a GiB, one processor for eighty requests at once, nothing at rest, fifty instances at most."
  }
  assert {
    condition     = google_cloudfunctions2_function.this.service_config[0].ingress_settings == "ALLOW_ALL" && google_cloudfunctions2_function.this.service_config[0].vpc_connector == null
    error_message = "The function's own address is the front door, and it has no network."
  }
  assert {
    condition = google_cloudfunctions2_function.this.service_config[0].environment_variables == tomap({
      GOOGLE_CLOUD_PROJECT         = "acme-portolan"
      LOG_EXECUTION_ID             = "true"
      PORTOLAN_COLLECTION          = "portolan"
      PORTOLAN_DATABASE            = "portolan-test"
      PORTOLAN_FUNCTION_TIMEOUT_MS = "29000"
      PORTOLAN_SECRET_PREFIX       = "portolan-test-"
      PORTOLAN_TRUSTED_HOPS        = "0"
    })
    error_message = "The settings are those adapters/gcp/module.ts reads, and LOG_EXECUTION_ID against fabric#2403: ${jsonencode(google_cloudfunctions2_function.this.service_config[0].environment_variables)}"
  }
  assert {
    condition     = output.settings_injected == tolist(["GOOGLE_CLOUD_PROJECT", "LOG_EXECUTION_ID", "PORTOLAN_COLLECTION", "PORTOLAN_DATABASE", "PORTOLAN_FUNCTION_TIMEOUT_MS", "PORTOLAN_SECRET_PREFIX", "PORTOLAN_TRUSTED_HOPS"])
    error_message = "settings_injected names them, sorted."
  }

  # google#1938, #10688: under one object name new code is not deployed.
  assert {
    condition     = google_storage_bucket_object.package.name == "portolan-${replace(replace(trimsuffix(filebase64sha256("fixtures/function.zip"), "="), "+", "-"), "/", "_")}.zip" && google_cloudfunctions2_function.this.build_config[0].source[0].storage_source[0].object == google_storage_bucket_object.package.name
    error_message = "The hash is in the object's name, and the function is built from that object."
  }
  assert {
    condition = (
      google_storage_bucket.code.uniform_bucket_level_access && google_storage_bucket.code.public_access_prevention == "enforced" &&
      google_storage_bucket.code.versioning[0].enabled && google_storage_bucket.code.force_destroy && length(google_storage_bucket.code.name) <= 63
    )
    error_message = "The bucket of the code is closed to the public, versioned, and does not stand in a destroy's way."
  }
  assert {
    condition     = google_cloudfunctions2_function.this.build_config[0].docker_repository == google_artifact_registry_repository.images.id && length(google_artifact_registry_repository.images.cleanup_policies) == 2
    error_message = "Images are in a repository of our own, which is cleaned up."
  }

  # State. google#16488, #22535: a destroy that leaves the database behind.
  assert {
    condition = (
      google_firestore_database.state.name == "portolan-test" && google_firestore_database.state.type == "FIRESTORE_NATIVE" && google_firestore_database.state.location_id == "europe-west1" &&
      google_firestore_database.state.point_in_time_recovery_enablement == "POINT_IN_TIME_RECOVERY_ENABLED" &&
      google_firestore_database.state.deletion_policy == "DELETE" && google_firestore_database.state.delete_protection_state == "DELETE_PROTECTION_ENABLED"
    )
    error_message = "The database is native, recoverable and protected; a destroy deletes it or is refused, it never abandons it."
  }
  assert {
    condition     = google_firestore_field.expires_at.field == "expiresAt" && google_firestore_field.expires_at.collection == "portolan" && length(google_firestore_field.expires_at.ttl_config) == 1 && length(google_firestore_field.expires_at.index_config[0].indexes) == 0
    error_message = "expiresAt has the time-to-live policy and no index."
  }
  assert {
    condition     = toset([for field in google_firestore_field.unindexed : field.field]) == toset(["value", "write"]) && alltrue([for field in google_firestore_field.unindexed : length(field.index_config) == 1 && length(field.index_config[0].indexes) == 0 && length(field.ttl_config) == 0])
    error_message = "value and write have no index."
  }

  # Dead letters and logs.
  assert {
    condition     = google_pubsub_subscription.dead_letter[0].message_retention_duration == "1209600s" && google_pubsub_subscription.dead_letter[0].expiration_policy[0].ttl == ""
    error_message = "Dead letters wait for 14 days, and their subscription never expires by itself."
  }
  assert {
    condition     = length(google_logging_project_bucket_config.this) == 0 && output.log_location == "projects/acme-portolan/locations/global/buckets/_Default"
    error_message = "Thirty days are what _Default keeps."
  }

  # What there is none of.
  assert {
    condition     = length(google_compute_global_forwarding_rule.https) + length(google_api_gateway_gateway.this) + length(google_compute_security_policy.this) + length(google_vpc_access_connector.this) + length(google_secret_manager_secret.this) == 0
    error_message = "Nothing with a fixed price is made unasked."
  }
  assert {
    condition     = toset(keys(google_project_service.this)) == toset([for name in ["artifactregistry", "cloudbuild", "cloudfunctions", "firestore", "iam", "logging", "monitoring", "pubsub", "run", "secretmanager", "storage"] : "${name}.googleapis.com"]) && alltrue([for api in google_project_service.this : !api.disable_on_destroy])
    error_message = "The services it needs are enabled, and never disabled again."
  }

  # Labels everywhere, in the module's words.
  assert {
    condition = alltrue([for labels in [
      google_cloudfunctions2_function.this.labels, google_storage_bucket.code.labels, google_artifact_registry_repository.images.labels,
      google_pubsub_topic.dead_letter[0].labels, google_pubsub_subscription.dead_letter[0].labels, google_monitoring_alert_policy.this["throttles"].user_labels,
    ] : labels == tomap({ name = "portolan", environment = "test", managed-by = "terraform" })])
    error_message = "Labels are name, environment and managed-by."
  }

  # Outputs.
  assert {
    condition     = output.endpoint_url == "https://portolan-test-abc123-ew.a.run.app" && output.function_name == "portolan-test" && output.state_name == "portolan-test" && output.identity == google_service_account.function.email && length(output.secret_ids) == 0 && output.dead_letter_id == google_pubsub_topic.dead_letter[0].id
    error_message = "Outputs say what was made."
  }
  # Cloud Run answers /healthz itself, with 404.
  assert {
    condition     = strcontains(output.next_steps, "curl -i https://portolan-test-abc123-ew.a.run.app/livez") && !strcontains(output.next_steps, "healthz")
    error_message = "The first request to try is one that arrives."
  }
  assert {
    condition     = output.dashboard_url == "https://console.cloud.google.com/monitoring/dashboards/builder/0a1b2c3d?project=acme-portolan"
    error_message = "The dashboard's address: ${output.dashboard_url}"
  }
  assert {
    condition     = output.capabilities == tomap({ architecture_arm64 = false, concurrency = true, cors = false, custom_domain = false, encryption_key = true, min_instances = true, network = true, point_in_time_recovery = true, private_edge = true, rate_limit = false, routes = false, streaming = true, waf = false })
    error_message = "What the default front door can do."
  }
}

# The same deployment with other code: a plan on the state above.
run "new_code_is_deployed" {
  command = plan
  module { source = "../gcp" }
  variables {
    package = { path = "fixtures/other.zip", sha256_base64 = filebase64sha256("fixtures/other.zip") }
  }
  assert {
    condition     = google_storage_bucket_object.package.name != run.defaults.function_name && google_storage_bucket_object.package.name == "portolan-${replace(replace(trimsuffix(filebase64sha256("fixtures/other.zip"), "="), "+", "-"), "/", "_")}.zip" && google_cloudfunctions2_function.this.build_config[0].source[0].storage_source[0].object == google_storage_bucket_object.package.name
    error_message = "Other bytes are another object, and so another build."
  }
}
