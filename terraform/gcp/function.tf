resource "google_storage_bucket" "code" {
  project  = local.project
  name     = local.code_bucket
  location = local.region
  labels   = local.labels

  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = true # `make package` makes its content again

  versioning {
    enabled = true
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      days_since_noncurrent_time = 30
      with_state                 = "ARCHIVED"
    }
  }

  dynamic "encryption" {
    for_each = var.encryption_key_id[*]
    content {
      default_kms_key_name = encryption.value
    }
  }

  dynamic "logging" {
    for_each = var.gcp.access_log_bucket[*]
    content {
      log_bucket = logging.value
    }
  }

  depends_on = [google_project_service.this]
}

# The hash is in the name: under one name a new object is not deployed, because the function's configuration stays the same
# (https://github.com/hashicorp/terraform-provider-google/issues/1938, 10688).
resource "google_storage_bucket_object" "package" {
  bucket       = google_storage_bucket.code.name
  name         = "portolan-${replace(replace(trimsuffix(var.package.sha256_base64, "="), "+", "-"), "/", "_")}.zip"
  source       = var.package.path
  content_type = "application/zip"

  lifecycle {
    create_before_destroy = true # the running function's sources stay until the new ones are built
  }
}

# A repository of our own: the one Google makes (gcf-artifacts) belongs to all functions of the project and is never cleaned up.
resource "google_artifact_registry_repository" "images" {
  project       = local.project
  location      = local.region
  repository_id = local.prefix
  description   = "Images of the function ${local.prefix}"
  format        = "DOCKER"
  labels        = local.labels
  kms_key_name  = var.encryption_key_id

  cleanup_policies {
    id     = "keep-newest"
    action = "KEEP"
    most_recent_versions {
      keep_count = var.gcp.image_retain_count
    }
  }
  cleanup_policies {
    id     = "delete-rest"
    action = "DELETE"
    condition {
      older_than = "604800s" # 7 days
    }
  }

  depends_on = [google_project_service.this]
}

resource "google_cloudfunctions2_function" "this" {
  project      = local.project
  name         = local.prefix
  location     = local.region
  description  = "Portolan, ${var.environment}"
  labels       = local.labels
  kms_key_name = var.encryption_key_id

  build_config {
    runtime           = "nodejs${coalesce(var.runtime.node_version, 24)}"
    entry_point       = "portolan"
    service_account   = google_service_account.build.id
    docker_repository = google_artifact_registry_repository.images.id

    source {
      storage_source {
        bucket = google_storage_bucket.code.name
        object = google_storage_bucket_object.package.name
      }
    }
  }

  service_config {
    service_account_email            = google_service_account.function.email
    available_memory                 = "${var.runtime.memory_mb}Mi"
    available_cpu                    = local.cpu
    timeout_seconds                  = var.runtime.timeout_seconds
    min_instance_count               = var.runtime.min_instances
    max_instance_count               = var.runtime.max_instances
    max_instance_request_concurrency = local.concurrency
    all_traffic_on_latest_revision   = true
    ingress_settings                 = local.ingress
    environment_variables            = merge(var.settings, local.injected)
    vpc_connector                    = local.vpc_connector
    vpc_connector_egress_settings    = local.vpc_connector == null ? null : var.gcp.vpc_egress
  }

  # What it needs to answer its first request, and to be built at all.
  depends_on = [
    google_project_iam_member.state,
    google_project_service.this,
    google_secret_manager_secret_iam_member.read,
    time_sleep.build_permissions,
  ]

  lifecycle {
    precondition {
      condition     = length(local.refusals) == 0
      error_message = join("\n", local.refusals)
    }
  }
}

locals {
  # Open to the internet only where the internet is to come in; behind the balancer the function's own address answers nobody.
  ingress = local.balancer ? "ALLOW_INTERNAL_AND_GCLB" : var.edge.public ? "ALLOW_ALL" : "ALLOW_INTERNAL_ONLY"

  injected = merge(local.known, { PORTOLAN_DATABASE = google_firestore_database.state.name })
}
