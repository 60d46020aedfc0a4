# 2nd-generation functions reach a VPC through a connector; direct egress is Cloud Run's own resource only.
resource "google_vpc_access_connector" "this" {
  count = length(var.network.subnet_ids) > 0 ? 1 : 0

  project = local.project
  region  = local.region
  name    = "p${substr(sha1(local.prefix), 0, 12)}-vpc" # at most 25 characters

  # The range of a connector is a /28, and it is the subnet's alone.
  subnet {
    name       = element(split("/", var.network.subnet_ids[0]), length(split("/", var.network.subnet_ids[0])) - 1)
    project_id = try(regex("projects/([^/]+)/", var.network.subnet_ids[0])[0], local.project)
  }
  machine_type  = "e2-micro"
  min_instances = 2
  max_instances = 3

  depends_on = [google_project_service.this]
}

locals {
  vpc_connector = var.gcp.vpc_connector_id != null ? var.gcp.vpc_connector_id : one(google_vpc_access_connector.this[*].id)
}
