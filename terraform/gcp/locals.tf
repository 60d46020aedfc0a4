locals {
  prefix = "${var.name}-${var.environment}" # 6 to 29 characters

  project = var.gcp.project_id
  region  = var.gcp.region

  labels = merge(var.tags, { name = var.name, environment = var.environment, managed-by = "terraform" })

  # Account ids have at most 30 characters: where the suffix does not fit, a hash keeps them apart.
  account_prefix = length(local.prefix) <= 24 ? local.prefix : "${trimsuffix(substr(local.prefix, 0, 17), "-")}-${substr(sha1(local.prefix), 0, 6)}"

  # Bucket names are one namespace for all of Google.
  code_bucket = "${local.prefix}-code-${substr(sha256("${local.project}/${local.region}/${local.prefix}"), 0, 12)}"

  secret_prefix = coalesce(var.secret_prefix, "${local.prefix}-")

  # Google fills the smallest fraction of a processor for a small memory, and takes more than one request at once with a whole one only.
  concurrency = coalesce(var.runtime.concurrency, 80)
  cpu         = local.concurrency == 1 ? null : var.runtime.memory_mb <= 4096 ? "1" : var.runtime.memory_mb <= 8192 ? "2" : var.runtime.memory_mb <= 16384 ? "4" : "8"

  direct   = contains(["function", "managed"], var.edge.kind) # Cloud Run's own address is what Google runs without a fixed price
  gateway  = var.edge.kind == "gateway"
  balancer = var.edge.kind == "balancer"

  certificate_id = try(var.edge.domain.certificate_id, null)

  apis = toset(concat(
    [
      "artifactregistry.googleapis.com",
      "cloudbuild.googleapis.com",
      "cloudfunctions.googleapis.com",
      "firestore.googleapis.com",
      "iam.googleapis.com",
      "logging.googleapis.com",
      "monitoring.googleapis.com",
      "run.googleapis.com",
      "secretmanager.googleapis.com",
      "storage.googleapis.com",
    ],
    var.dead_letter.enabled ? ["pubsub.googleapis.com"] : [],
    local.gateway ? ["apigateway.googleapis.com", "servicecontrol.googleapis.com", "servicemanagement.googleapis.com"] : [],
    local.balancer || length(var.network.subnet_ids) > 0 ? ["compute.googleapis.com"] : [],
    length(var.network.subnet_ids) > 0 ? ["vpcaccess.googleapis.com"] : [],
  ))
}
