resource "google_firestore_database" "state" {
  project     = local.project
  name        = local.prefix
  location_id = coalesce(var.gcp.firestore_location, local.region)
  type        = "FIRESTORE_NATIVE"

  point_in_time_recovery_enablement = coalesce(var.state.point_in_time_recovery, true) ? "POINT_IN_TIME_RECOVERY_ENABLED" : "POINT_IN_TIME_RECOVERY_DISABLED"

  # The provider's default on destroy is ABANDON: it says "destroyed", the database stays and costs, and its name is taken
  # (https://github.com/hashicorp/terraform-provider-google/issues/16488, 22535). Here a destroy deletes it, or is refused aloud (16325).
  deletion_policy         = "DELETE"
  delete_protection_state = var.deletion_protection ? "DELETE_PROTECTION_ENABLED" : "DELETE_PROTECTION_DISABLED"

  dynamic "cmek_config" {
    for_each = var.encryption_key_id[*]
    content {
      kms_key_name = cmek_config.value
    }
  }

  depends_on = [google_project_service.this]
}

# Records that have ended are deleted within a day; Portolan itself never answers one. No index: an index on an instant is a hot spot.
resource "google_firestore_field" "expires_at" {
  project    = local.project
  database   = google_firestore_database.state.name
  collection = var.gcp.collection
  field      = "expiresAt"

  ttl_config {}
  index_config {}
}

# Nothing is searched by these, and each index is another write to pay for, on every write.
resource "google_firestore_field" "unindexed" {
  for_each = toset(["value", "write"])

  project    = local.project
  database   = google_firestore_database.state.name
  collection = var.gcp.collection
  field      = each.key

  index_config {}
}
