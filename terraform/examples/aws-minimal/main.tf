# Portolan on AWS as cheap as it gets: at rest only secrets, alarms and the dashboard cost anything. `make package` first; docs/deploy-aws.md goes
# through it command by command.

provider "aws" {
  region = var.region
}

locals {
  packages = "${path.module}/../../../dist/packages/aws"
  manifest = jsondecode(file("${local.packages}/manifest.json"))
}

module "portolan" {
  source = "../../aws"

  name                = "portolan"
  environment         = var.environment
  deletion_protection = var.deletion_protection

  package = {
    path          = "${local.packages}/${local.manifest.path}"
    sha256_base64 = local.manifest.sha256_base64
  }

  # docs/configuration.md. It names secrets; they are filled after the first apply, the output next_steps says how.
  config = file("${path.module}/portolan.json")
  secrets = {
    api-keys    = {}
    signing-key = {}
    vendor      = {}
  }

  aws = {
    reserve_concurrency = var.reserve_concurrency
  }
}
