# Logs are in the project's _Default bucket, which keeps them for 30 days. Another time, or a key of one's own, is a bucket of their own; then
# _Default leaves them out: they would be kept there for 30 days as well, and be paid for twice.
#
# A deleted bucket keeps its name for seven days, so the name has the time of its making in it: destroyed and applied again, it is another
# (https://github.com/GoogleCloudPlatform/cloud-foundation-fabric/pull/1898).
resource "time_static" "logs" {
  count = local.own_logs ? 1 : 0

  triggers = { location = local.log_place }
}

resource "google_logging_project_bucket_config" "this" {
  count = local.own_logs ? 1 : 0

  project        = local.project
  location       = local.log_place
  bucket_id      = "${local.prefix}-${time_static.logs[0].unix}"
  description    = "Logs of ${local.prefix}"
  retention_days = var.logs.retention_days

  dynamic "cmek_settings" {
    for_each = var.encryption_key_id[*]
    content {
      kms_key_name = cmek_settings.value
    }
  }

  depends_on = [google_project_service.this]
}

resource "google_logging_project_sink" "this" {
  count = local.own_logs ? 1 : 0

  project                = local.project
  name                   = local.prefix
  description            = "Logs of ${local.prefix}"
  destination            = "logging.googleapis.com/${google_logging_project_bucket_config.this[0].id}"
  filter                 = local.log_filter
  unique_writer_identity = true
}

resource "google_logging_project_exclusion" "this" {
  count = local.own_logs ? 1 : 0

  project     = local.project
  name        = local.prefix
  description = "Logs of ${local.prefix} are in a bucket of their own"
  filter      = local.log_filter

  depends_on = [google_logging_project_sink.this] # never in neither
}

locals {
  own_logs   = var.logs.retention_days != 30 || var.encryption_key_id != null
  log_filter = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=\"${local.prefix}\" AND resource.labels.location=\"${local.region}\""

  # A key lives in one region, and so does what is under it.
  log_place    = var.encryption_key_id == null ? "global" : local.region
  log_location = local.own_logs ? google_logging_project_bucket_config.this[0].id : "projects/${local.project}/locations/global/buckets/_Default"
}
