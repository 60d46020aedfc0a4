# Whom the function acts as. It has the three grants below and nothing else: what it reads and writes is one database and its own secrets.
resource "google_service_account" "function" {
  project      = local.project
  account_id   = "${local.account_prefix}-run"
  display_name = "${local.prefix}: the function"

  depends_on = [google_project_service.this]
}

# Firestore has no roles on one database, so the grant is the project's, with a condition on the database's name. Google documents the form:
# https://cloud.google.com/firestore/docs/manage-databases#database_access_permissions
resource "google_project_iam_member" "state" {
  project = local.project
  role    = "roles/datastore.user"
  member  = google_service_account.function.member

  condition {
    title       = "${local.prefix}-database"
    description = "Only the database of ${local.prefix}"
    expression  = "resource.name == \"projects/${local.project}/databases/${google_firestore_database.state.name}\""
  }
}

resource "google_secret_manager_secret_iam_member" "read" {
  for_each = var.secrets

  project   = local.project
  secret_id = "${local.secret_prefix}${each.key}"
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.function.member

  depends_on = [google_secret_manager_secret.this]
}

# Whom the build acts as. Without one of its own Cloud Build takes the Compute Engine default account, which on older projects may edit
# everything, and on newer ones nothing, so that the build fails
# (https://github.com/GoogleCloudPlatform/terraform-google-cloud-functions/issues/129).
resource "google_service_account" "build" {
  project      = local.project
  account_id   = "${local.account_prefix}-build"
  display_name = "${local.prefix}: builds the function's image"

  depends_on = [google_project_service.this]
}

resource "google_project_iam_member" "build_logs" {
  project = local.project
  role    = "roles/logging.logWriter" # no narrower resource takes it
  member  = google_service_account.build.member
}

resource "google_artifact_registry_repository_iam_member" "build_images" {
  project    = local.project
  location   = google_artifact_registry_repository.images.location
  repository = google_artifact_registry_repository.images.repository_id
  role       = "roles/artifactregistry.writer"
  member     = google_service_account.build.member
}

# The build reads the sources from where Cloud Functions copies them, a bucket of its own (gcf-v2-sources-<number>-<region>) that is there
# only after the first build: a grant on our bucket alone fails (https://github.com/hashicorp/terraform-provider-google/issues/20571).
resource "google_project_iam_member" "build_sources" {
  project = local.project
  role    = "roles/storage.objectViewer"
  member  = google_service_account.build.member

  condition {
    title       = "${local.prefix}-sources"
    description = "Only the sources of functions"
    expression = join(" || ", [
      "resource.name.startsWith(\"projects/_/buckets/${google_storage_bucket.code.name}\")",
      "resource.name.startsWith(\"projects/_/buckets/gcf-v2-sources-\")",
    ])
  }
}

# Grants take a while to be known everywhere, and a build that begins before fails for good (the same issue). Google's example waits as long.
resource "time_sleep" "build_permissions" {
  create_duration = "${var.gcp.iam_settle_seconds}s"

  triggers = { account = google_service_account.build.email } # another account is another wait

  depends_on = [
    google_artifact_registry_repository_iam_member.build_images,
    google_project_iam_member.build_logs,
    google_project_iam_member.build_sources,
    google_service_account_iam_member.deployer,
  ]
}

# Who deploys in CI without owning the project must be let act as the accounts it gives to the function, the build and the gateway: as
# these, not as every account of the project.
resource "google_service_account_iam_member" "deployer" {
  for_each = var.gcp.deployer == null ? {} : merge(
    { function = google_service_account.function.name, build = google_service_account.build.name },
    local.gateway ? { gateway = google_service_account.gateway[0].name } : {},
  )

  service_account_id = each.value
  role               = "roles/iam.serviceAccountUser"
  member             = "serviceAccount:${var.gcp.deployer}"
}

# Who may call it. On the Cloud Run service that every 2nd-generation function is: the function's own IAM resource says it worked and is
# answered with 403 (https://github.com/hashicorp/terraform-provider-google/issues/12562, 15200, 20320, 21674).
resource "google_cloud_run_v2_service_iam_member" "invoker" {
  for_each = local.invokers

  project  = local.project
  location = google_cloudfunctions2_function.this.location
  name     = google_cloudfunctions2_function.this.name # the service is called like the function
  role     = "roles/run.invoker"
  member   = each.value
}

locals {
  # By names that are known before the account is.
  invokers = (
    local.gateway ? { gateway = google_service_account.gateway[0].member } :
    var.edge.public ? { allUsers = "allUsers" } :
    { for member in var.gcp.invokers : member => member }
  )
}
