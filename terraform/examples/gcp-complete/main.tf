# Portolan on Google Cloud as one would run it for customers: a name of one's own behind a load balancer with a firewall, alarms that reach
# somebody, warm instances, secrets written by Terraform without being in its state, a service account for CI.

provider "google" {
  project = var.project_id
  region  = var.region
}

# Asked for by the module, used with edge.kind = "gateway" only.
provider "google-beta" {
  project = var.project_id
  region  = var.region
}

locals {
  packages = "${path.module}/../../../dist/packages/gcp"
  manifest = jsondecode(file("${local.packages}/manifest.json"))
}

module "portolan" {
  source = "../../gcp"

  name                = "portolan"
  environment         = "prod"
  deletion_protection = var.deletion_protection

  package = {
    path          = "${local.packages}/${local.manifest.path}"
    sha256_base64 = local.manifest.sha256_base64
  }

  config = file("${path.module}/portolan.json")
  secrets = {
    api-keys    = { version = var.secret_version }
    signing-key = { version = var.secret_version }
    vendor      = { version = var.secret_version }
  }
  secret_values = var.secret_values

  runtime = {
    memory_mb     = 1024
    min_instances = 1
    max_instances = 100
  }

  edge = {
    kind            = "balancer"
    waf             = true
    rate_per_second = 500
    domain = {
      name           = var.domain
      certificate_id = google_compute_managed_ssl_certificate.this.id
    }
  }

  encryption_key_id = var.encryption_key_id

  logs = {
    retention_days = 90
  }

  alarms = {
    notify              = [google_monitoring_notification_channel.email.name]
    p99_latency_seconds = 1
  }

  tags = {
    team = "platform"
  }

  gcp = {
    project_id = var.project_id
    region     = var.region
    deployer   = var.deployer
  }
}

# Issued once the name points at the balancer's address, which takes Google from minutes to an hour.
resource "google_compute_managed_ssl_certificate" "this" {
  project = var.project_id
  name    = "portolan-prod-${substr(sha1(var.domain), 0, 8)}"

  managed {
    domains = [var.domain]
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "google_monitoring_notification_channel" "email" {
  project      = var.project_id
  display_name = "Portolan"
  type         = "email"
  labels = {
    email_address = var.email
  }
}
