# Empty secrets, one per name in `secrets` that has none yet. A value, if any, is written by a write-only argument: it is in no state and no plan.
resource "google_secret_manager_secret" "this" {
  for_each = { for name, secret in var.secrets : name => secret if secret.existing_id == null }

  project   = local.project
  secret_id = "${local.secret_prefix}${each.key}"
  labels    = local.labels

  # There is no soft delete of a secret here: it is gone with its name free at once. So destroy is refused instead, and a destroyed version
  # stays recoverable for a week.
  deletion_protection = var.deletion_protection
  version_destroy_ttl = var.deletion_protection ? "604800s" : null

  replication {
    dynamic "auto" {
      for_each = var.encryption_key_id == null ? [1] : []
      content {}
    }
    # A key lives in one region, so a secret under it does too.
    dynamic "user_managed" {
      for_each = var.encryption_key_id[*]
      content {
        replicas {
          location = local.region
          customer_managed_encryption {
            kms_key_name = user_managed.value
          }
        }
      }
    }
  }

  depends_on = [google_project_service.this]
}

resource "google_secret_manager_secret_version" "this" {
  for_each = { for name, secret in var.secrets : name => secret if secret.version != null }

  secret                 = google_secret_manager_secret.this[each.key].id
  secret_data_wo         = lookup(var.secret_values, each.key, null)
  secret_data_wo_version = each.value.version

  # The version before stays readable: what was signed with the old value is still verified. Remove it by hand, docs/deploy.md says when.
  deletion_policy = "ABANDON"

  lifecycle {
    precondition {
      condition     = contains(keys(var.secret_values), each.key)
      error_message = "secrets[\"${each.key}\"] has a version, and secret_values has no value for it. Give TF_VAR_secret_values with every plan, or leave the version out and fill the secret by hand."
    }
  }
}

locals {
  secret_ids = { for name, secret in var.secrets : name => coalesce(secret.existing_id, "projects/${local.project}/secrets/${local.secret_prefix}${name}") }
}
