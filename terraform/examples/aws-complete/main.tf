# Portolan on AWS as one would run it for customers: a name of one's own behind a load balancer with rules and a firewall, alarms that reach
# somebody, warm instances, a key of one's own, secrets written by Terraform without being in its state.

provider "aws" {
  region = var.region

  # Beside name, environment and managed-by, which the module sets.
  default_tags {
    tags = {
      owner = var.email
    }
  }
}

locals {
  packages = "${path.module}/../../../dist/packages/aws"
  manifest = jsondecode(file("${local.packages}/manifest.json"))
}

module "portolan" {
  source = "../../aws"

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
    min_instances = 2
    max_instances = 100
  }

  edge = {
    kind = "balancer"
    waf  = true
    domain = {
      name           = var.domain
      certificate_id = aws_acm_certificate_validation.this.certificate_arn
    }
    # The API on its own name only; what probes other paths does not wake the function.
    routes = [
      { priority = 10, hosts = [var.domain], paths = ["/v1/*", "/livez", "/readyz"] },
    ]
  }

  encryption_key_id = aws_kms_key.this.arn

  logs = {
    retention_days = 365
  }

  alarms = {
    notify              = [aws_sns_topic.alarms.arn]
    p99_latency_seconds = 1
  }

  tags = {
    team = "platform"
  }

  aws = {
    permissions_boundary_arn = var.permissions_boundary_arn
    balancer = {
      vpc_id             = var.vpc_id
      subnet_ids         = var.subnet_ids
      access_logs_bucket = aws_s3_bucket_policy.access_logs.bucket
    }
  }
}

# The name, in a zone that Route 53 has.
resource "aws_acm_certificate" "this" {
  domain_name       = var.domain
  validation_method = "DNS"

  lifecycle {
    create_before_destroy = true
  }
}

# One name, one record.
resource "aws_route53_record" "certificate" {
  zone_id = var.zone_id
  name    = one(aws_acm_certificate.this.domain_validation_options).resource_record_name
  type    = one(aws_acm_certificate.this.domain_validation_options).resource_record_type
  records = [one(aws_acm_certificate.this.domain_validation_options).resource_record_value]
  ttl     = 300
}

resource "aws_acm_certificate_validation" "this" {
  certificate_arn         = aws_acm_certificate.this.arn
  validation_record_fqdns = [aws_route53_record.certificate.fqdn]
}

# Who is told of alarms. The first message asks to confirm.
resource "aws_sns_topic" "alarms" {
  name              = "portolan-prod-alarms"
  kms_master_key_id = aws_kms_key.this.id
}

resource "aws_sns_topic_subscription" "email" {
  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = var.email
}
