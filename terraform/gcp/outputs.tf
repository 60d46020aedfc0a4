# Names and types are the same in the three modules (checked). `null` or an empty collection: this cloud, or this configuration, has none.

output "endpoint_url" {
  description = "Where Portolan answers, without a slash at the end: `<endpoint_url>/livez`. string"
  value       = local.endpoint_url
}

output "next_steps" {
  description = "What to do now, with the commands. string"
  value       = local.next_steps
}

output "function_name" {
  description = "The function's name. string"
  value       = google_cloudfunctions2_function.this.name
}

output "function_id" {
  description = "The function's id in its cloud. string"
  value       = google_cloudfunctions2_function.this.id
}

output "identity" {
  description = "Whom the function acts as: role ARN, client id or service account. string"
  value       = google_service_account.function.email
}

output "state_name" {
  description = "The name of the database, as the function gets it. string"
  value       = google_firestore_database.state.name
}

output "state_id" {
  description = "The database's id in its cloud. string"
  value       = google_firestore_database.state.id
}

output "secret_ids" {
  description = "Ids of the secrets in their cloud, by the names config uses. map(string)"
  value       = tomap(local.secret_ids)
}

output "dead_letter_id" {
  description = "The dead-letter topic's id, or null. string"
  value       = one(google_pubsub_topic.dead_letter[*].id)
}

output "log_location" {
  description = "Where the function's logs are. string"
  value       = local.log_location
}

output "dashboard_url" {
  description = "The dashboard. string"
  value       = local.dashboard_url
}

output "alarm_names" {
  description = "Names of the alarms by p99_latency, error_rate, cold_starts, throttles, dead_letters; empty with alarms.enabled = false, without dead_letters where there is no queue. map(string)"
  value       = tomap({ for key, policy in google_monitoring_alert_policy.this : key => policy.display_name })
}

output "settings_injected" {
  description = "Names, sorted, of the environment variables the module sets beside `settings`. list(string)"
  value       = sort(keys(local.injected))
}

output "capabilities" {
  description = "What this cloud can do with this front door; what is false is refused at plan when asked for. Keys are the same on every cloud. map(bool)"
  value       = tomap(local.capabilities)
}

locals {
  dashboard_url = "https://console.cloud.google.com/monitoring/dashboards/builder/${element(split("/", google_monitoring_dashboard.this.id), length(split("/", google_monitoring_dashboard.this.id)) - 1)}?project=${local.project}"

  empty_secrets = sort([for name, secret in var.secrets : name if secret.existing_id == null && secret.version == null])

  # Not /healthz: Cloud Run answers that itself, with 404 (https://cloud.google.com/run/docs/known-issues).
  next_steps = join("\n", concat(
    length(local.empty_secrets) == 0 ? [] : ["Fill the secrets that are empty:"],
    [for name in local.empty_secrets : "  gcloud secrets versions add ${local.secret_prefix}${name} --project ${local.project} --data-file=FILE"],
    local.balancer ? ["Point ${try(var.edge.domain.name, "")} at ${one(google_compute_global_address.this[*].address)} (an A record)."] : [],
    [
      "Ask whether it is there (200), then for the sessions (401: it wants a key; docs/deploy-gcp.md makes the first one):",
      "  curl -i ${local.endpoint_url}/livez${local.caller}",
      "  curl -i ${local.endpoint_url}/v1/sessions${local.caller}",
    ],
  ))
  # Behind IAM the caller proves who it is in a field of its own; Authorization stays Portolan's.
  caller = var.edge.public ? "" : " -H \"X-Serverless-Authorization: Bearer $(gcloud auth print-identity-token)\""
}
