# Portolan on Google Cloud with next to nothing that costs at rest. `make package` first; docs/deploy-gcp.md goes through it command by command.

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

  gcp = {
    project_id = var.project_id
    region     = var.region
  }
}
