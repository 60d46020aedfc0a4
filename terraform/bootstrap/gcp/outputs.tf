output "backend" {
  description = "What to put into the `terraform` block of a root, to keep its state here."
  value       = "backend \"gcs\" {\n  bucket = \"${google_storage_bucket.state.name}\"\n  prefix = \"portolan-dev\"\n}"
}

output "state_bucket" {
  description = "The bucket: `terraform init -backend-config=bucket=...`."
  value       = google_storage_bucket.state.name
}

output "workload_identity_provider" {
  description = "For google-github-actions/auth."
  value       = google_iam_workload_identity_pool_provider.github.name
}

output "deployer" {
  description = "For google-github-actions/auth, and for gcp.deployer of the module."
  value       = google_service_account.deployer.email
}
