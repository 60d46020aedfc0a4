# CI shows the token its platform signed for the job; Google exchanges it for an hour of the deployer. No key is made that could be lost.
resource "google_iam_workload_identity_pool" "ci" {
  project                   = var.project_id
  workload_identity_pool_id = "${var.name}-ci"
  display_name              = "${var.name} CI"

  depends_on = [google_project_service.this]
}

resource "google_iam_workload_identity_pool_provider" "github" {
  project                            = var.project_id
  workload_identity_pool_id          = google_iam_workload_identity_pool.ci.workload_identity_pool_id
  workload_identity_pool_provider_id = "github"
  display_name                       = "GitHub Actions"

  attribute_mapping = {
    "google.subject"       = "assertion.sub"
    "attribute.repository" = "assertion.repository"
  }

  # Everybody's jobs are signed by the same issuer: without a condition anyone on GitHub could come in. The repository, and of its jobs
  # those of a branch or of an environment (which may ask for a person's approval); never a pull request's.
  attribute_condition = join(" && ", concat(
    ["assertion.repository == '${var.repository}'"],
    var.repository_id == null ? [] : ["assertion.repository_id == '${var.repository_id}'"], # a name can be given to another repository
    ["(${join(" || ", concat(
      [for branch in var.branches : "assertion.ref == 'refs/heads/${branch}'"],
      [for environment in var.environments : "(has(assertion.environment) && assertion.environment == '${environment}')"],
    ))})"],
    ["assertion.event_name != 'pull_request'", "assertion.event_name != 'pull_request_target'"],
  ))

  oidc {
    issuer_uri = "https://token.actions.githubusercontent.com"
  }
}

resource "google_service_account" "deployer" {
  project      = var.project_id
  account_id   = "${var.name}-deployer"
  display_name = "Deploys ${var.name} from CI"

  depends_on = [google_project_service.this]
}

resource "google_service_account_iam_member" "ci" {
  service_account_id = google_service_account.deployer.name
  role               = "roles/iam.workloadIdentityUser"
  member             = "principalSet://iam.googleapis.com/${google_iam_workload_identity_pool.ci.name}/attribute.repository/${var.repository}"
}

resource "google_storage_bucket_iam_member" "state" {
  bucket = google_storage_bucket.state.name
  role   = "roles/storage.objectUser"
  member = google_service_account.deployer.member
}

# What applying the module takes. docs/deploy-gcp.md says what each is for.
resource "google_project_iam_member" "deployer" {
  for_each = toset(concat(local.deployer_roles, var.edge_roles))

  project = var.project_id
  role    = each.key
  member  = google_service_account.deployer.member
}

# It may grant roles, but only those that the module grants on the project: not one to itself that it does not have.
resource "google_project_iam_member" "deployer_grants" {
  project = var.project_id
  role    = "roles/resourcemanager.projectIamAdmin"
  member  = google_service_account.deployer.member

  condition {
    title       = "only-what-the-module-grants"
    description = "Roles that terraform/gcp grants on the project"
    expression  = "api.getAttribute('iam.googleapis.com/modifiedGrantsByRole', []).hasOnly(['roles/datastore.user', 'roles/logging.logWriter', 'roles/storage.objectViewer'])"
  }
}

locals {
  deployer_roles = [
    "roles/artifactregistry.admin",
    "roles/cloudfunctions.admin",
    "roles/datastore.owner",
    "roles/iam.serviceAccountAdmin",
    "roles/logging.configWriter",
    "roles/monitoring.editor",
    "roles/pubsub.admin",
    "roles/run.admin",
    "roles/secretmanager.admin",
    "roles/serviceusage.serviceUsageAdmin",
    "roles/storage.admin",
  ]
}
