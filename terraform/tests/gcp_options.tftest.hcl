# Options, one deployment for many of them.
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


run "regulated" {
  module { source = "../gcp" }
  variables {
    name                = "portolan-of-acme-inc"
    environment         = "prod"
    deletion_protection = false
    encryption_key_id   = "projects/acme-portolan/locations/europe-west1/keyRings/main/cryptoKeys/portolan"
    config              = jsonencode({ auth = { keysSecret = "api-keys" }, signingSecret = "signing-key", pools = {} })
    runtime             = { node_version = 22, memory_mb = 1024, min_instances = 1, max_instances = 10, concurrency = 1, attempt_timeout_ms = 750, timeout_seconds = 60 }
    settings            = { NODE_OPTIONS = "--enable-source-maps" }
    secrets             = { api-keys = { version = 3 }, signing-key = {} }
    secret_values       = { api-keys = "canary-of-the-options-test" }
    network             = { subnet_ids = ["projects/acme-network/regions/europe-west1/subnetworks/portolan"] }
    logs                = { retention_days = 365 }
    state               = { point_in_time_recovery = false }
    dead_letter         = { retention_days = 7 }
    tags                = { team = "core" }
    gcp                 = { project_id = "acme-portolan", region = "europe-west1", collection = "sessions", vpc_egress = "ALL_TRAFFIC", access_log_bucket = "acme-access-logs", image_retain_count = 7, enable_apis = false }
  }

  assert {
    condition = (
      google_cloudfunctions2_function.this.kms_key_name == var.encryption_key_id && google_artifact_registry_repository.images.kms_key_name == var.encryption_key_id &&
      google_storage_bucket.code.encryption[0].default_kms_key_name == var.encryption_key_id && google_firestore_database.state.cmek_config[0].kms_key_name == var.encryption_key_id &&
      google_pubsub_topic.dead_letter[0].kms_key_name == var.encryption_key_id && google_logging_project_bucket_config.this[0].cmek_settings[0].kms_key_name == var.encryption_key_id &&
      alltrue([for secret in google_secret_manager_secret.this : secret.replication[0].user_managed[0].replicas[0].customer_managed_encryption[0].kms_key_name == var.encryption_key_id && secret.replication[0].user_managed[0].replicas[0].location == "europe-west1" && length(secret.replication[0].auto) == 0])
    )
    error_message = "One's own key is on everything that is kept."
  }
  assert {
    condition = (
      google_cloudfunctions2_function.this.build_config[0].runtime == "nodejs22" && google_cloudfunctions2_function.this.service_config[0].available_memory == "1024Mi" &&
      google_cloudfunctions2_function.this.service_config[0].available_cpu == "0.5833" && google_cloudfunctions2_function.this.service_config[0].max_instance_request_concurrency == 1 &&
      google_cloudfunctions2_function.this.service_config[0].min_instance_count == 1 && google_cloudfunctions2_function.this.service_config[0].max_instance_count == 10 && google_cloudfunctions2_function.this.service_config[0].timeout_seconds == 60
    )
    error_message = "The runtime is what is asked for; one request at once leaves the processor to Google."
  }
  assert {
    condition = google_cloudfunctions2_function.this.service_config[0].environment_variables == tomap({
      GOOGLE_CLOUD_PROJECT         = "acme-portolan"
      LOG_EXECUTION_ID             = "true"
      NODE_OPTIONS                 = "--enable-source-maps"
      PORTOLAN_ATTEMPT_TIMEOUT_MS  = "750"
      PORTOLAN_COLLECTION          = "sessions"
      PORTOLAN_CONFIG              = var.config
      PORTOLAN_DATABASE            = "portolan-of-acme-inc-prod"
      PORTOLAN_FUNCTION_TIMEOUT_MS = "60000"
      PORTOLAN_SECRET_PREFIX       = "portolan-of-acme-inc-prod-"
      PORTOLAN_TRUSTED_HOPS        = "0"
    })
    error_message = "Settings: ${jsonencode(google_cloudfunctions2_function.this.service_config[0].environment_variables)}"
  }
  assert {
    condition     = google_firestore_field.expires_at.collection == "sessions" && alltrue([for field in google_firestore_field.unindexed : field.collection == "sessions"])
    error_message = "The policies are on the collection the function uses."
  }
  # A long name: account ids have 30 characters at most, connectors 25.
  assert {
    condition     = alltrue([for account in [google_service_account.function, google_service_account.build] : can(regex("^[a-z]([a-z0-9-]{4,28})[a-z0-9]$", account.account_id))]) && google_service_account.function.account_id != google_service_account.build.account_id && length(google_vpc_access_connector.this[0].name) <= 25
    error_message = "Names fit: ${google_service_account.function.account_id}, ${google_service_account.build.account_id}, ${google_vpc_access_connector.this[0].name}"
  }
  assert {
    condition     = google_vpc_access_connector.this[0].subnet[0].name == "portolan" && google_vpc_access_connector.this[0].subnet[0].project_id == "acme-network" && google_cloudfunctions2_function.this.service_config[0].vpc_connector == google_vpc_access_connector.this[0].id && google_cloudfunctions2_function.this.service_config[0].vpc_connector_egress_settings == "ALL_TRAFFIC"
    error_message = "The function reaches the network by a connector in its subnet, in whosever project that is."
  }
  assert {
    condition     = google_firestore_database.state.delete_protection_state == "DELETE_PROTECTION_DISABLED" && google_firestore_database.state.deletion_policy == "DELETE" && google_firestore_database.state.point_in_time_recovery_enablement == "POINT_IN_TIME_RECOVERY_DISABLED" && alltrue([for secret in google_secret_manager_secret.this : secret.deletion_protection == false && secret.version_destroy_ttl == null])
    error_message = "Without protection a destroy leaves nothing behind, and its names are free again."
  }
  assert {
    condition     = keys(google_secret_manager_secret_version.this) == ["api-keys"] && google_secret_manager_secret_version.this["api-keys"].secret_data_wo_version == 3 && google_secret_manager_secret_version.this["api-keys"].secret_data == null && google_secret_manager_secret_version.this["api-keys"].deletion_policy == "ABANDON"
    error_message = "A value is written by a write-only argument, and the version before it stays readable."
  }
  assert {
    condition     = strcontains(output.next_steps, "gcloud secrets versions add portolan-of-acme-inc-prod-signing-key --project acme-portolan") && !strcontains(output.next_steps, "portolan-of-acme-inc-prod-api-keys")
    error_message = "What is still empty is said."
  }
  assert {
    condition     = google_logging_project_bucket_config.this[0].retention_days == 365 && google_logging_project_sink.this[0].filter == google_logging_project_exclusion.this[0].filter && google_logging_project_bucket_config.this[0].location == "europe-west1" && output.log_location == google_logging_project_bucket_config.this[0].id
    error_message = "Logs are kept for a year, in one place."
  }
  # fabric#1898: a deleted bucket's name is taken for seven days.
  assert {
    condition     = google_logging_project_bucket_config.this[0].bucket_id == "portolan-of-acme-inc-prod-${time_static.logs[0].unix}"
    error_message = "The bucket of logs is called after its time, so that destroy and apply work in a row: ${google_logging_project_bucket_config.this[0].bucket_id}"
  }
  assert {
    condition     = google_storage_bucket.code.logging[0].log_bucket == "acme-access-logs" && one([for policy in google_artifact_registry_repository.images.cleanup_policies : policy.most_recent_versions[0].keep_count if policy.action == "KEEP"]) == 7 && google_pubsub_subscription.dead_letter[0].message_retention_duration == "604800s"
    error_message = "Access logs, images and retention as asked."
  }
  assert {
    condition     = length(google_project_service.this) == 0 && google_cloudfunctions2_function.this.labels["team"] == "core"
    error_message = "Services are left to others; labels are added."
  }
}

run "large_and_elsewhere" {
  command = plan
  module { source = "../gcp" }
  variables {
    runtime       = { memory_mb = 8193 }
    secret_prefix = "shared-"
    secrets       = { signing-key = { existing_id = "projects/123456789012/secrets/shared-signing-key" } }
    gcp           = { project_id = "acme-portolan", region = "europe-west1", firestore_location = "eur3", vpc_connector_id = "projects/acme-portolan/locations/europe-west1/connectors/shared" }
  }
  assert {
    condition     = google_cloudfunctions2_function.this.service_config[0].available_cpu == "4" && google_firestore_database.state.location_id == "eur3" && google_cloudfunctions2_function.this.service_config[0].vpc_connector == "projects/acme-portolan/locations/europe-west1/connectors/shared" && length(google_vpc_access_connector.this) == 0 && google_cloudfunctions2_function.this.service_config[0].vpc_connector_egress_settings == "PRIVATE_RANGES_ONLY"
    error_message = "Processors follow the memory; the database may be in two regions; a connector may be there already."
  }
  assert {
    condition     = length(google_secret_manager_secret.this) == 0 && output.secret_ids == tomap({ signing-key = "projects/123456789012/secrets/shared-signing-key" }) && google_secret_manager_secret_iam_member.read["signing-key"].secret_id == "shared-signing-key"
    error_message = "A secret that is there is read, not made."
  }
}
