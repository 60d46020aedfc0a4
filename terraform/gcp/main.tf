# Portolan on Google Cloud: a 2nd-generation function, a Firestore database, secrets, and a front door. README.md says how the parts fit.

# Never disabled again: other deployments of the project use them too, and disabling one deletes what it holds.
resource "google_project_service" "this" {
  for_each = var.gcp.enable_apis ? local.apis : []

  project                    = local.project
  service                    = each.key
  disable_on_destroy         = false
  disable_dependent_services = false
}
