# API Gateway: keys, quotas and monitoring of Google's own can be added to the document later; here it forwards everything.

resource "google_api_gateway_api" "this" {
  provider = google-beta
  count    = local.gateway ? 1 : 0

  project      = local.project
  api_id       = local.prefix
  display_name = local.prefix
  labels       = local.labels

  depends_on = [google_project_service.this]
}

# It acts as this account, which may call the function and nothing else. Without one it takes the Compute Engine default account.
resource "google_service_account" "gateway" {
  count = local.gateway ? 1 : 0

  project      = local.project
  account_id   = "${local.account_prefix}-edge"
  display_name = "${local.prefix}: the API Gateway"

  depends_on = [google_project_service.this]
}

# A configuration cannot be changed, nor deleted while a gateway uses it: a new name each time, made before the old one goes.
resource "google_api_gateway_api_config" "this" {
  provider = google-beta
  count    = local.gateway ? 1 : 0

  project              = local.project
  api                  = google_api_gateway_api.this[0].api_id
  api_config_id_prefix = "${local.prefix}-"
  display_name         = local.prefix
  labels               = local.labels

  openapi_documents {
    document {
      path     = "openapi.json"
      contents = base64encode(local.gateway_document)
    }
  }

  gateway_config {
    backend_config {
      google_service_account = google_service_account.gateway[0].email
    }
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "google_api_gateway_gateway" "this" {
  provider = google-beta
  count    = local.gateway ? 1 : 0

  project      = local.project
  region       = coalesce(var.gcp.gateway_region, local.region)
  gateway_id   = local.prefix
  display_name = local.prefix
  labels       = local.labels
  api_config   = google_api_gateway_api_config.this[0].id
}

locals {
  # The methods that a path can have in OpenAPI 2. There are no others, and no CONNECT or TRACE anywhere at Google.
  gateway_methods = ["get", "put", "post", "delete", "options", "head", "patch"]

  # One path for all: `**` takes any number of segments, none too (https://cloud.google.com/api-gateway/docs/path-templating).
  gateway_document = jsonencode({
    swagger  = "2.0"
    info     = { title = local.prefix, version = "1" }
    schemes  = ["https"]
    produces = ["application/json"]
    x-google-backend = {
      address          = google_cloudfunctions2_function.this.service_config[0].uri
      path_translation = "APPEND_PATH_TO_ADDRESS"
      deadline         = var.runtime.timeout_seconds # 15 without it
      # It signs its calls in Authorization, for the address, and puts the caller's into X-Forwarded-Authorization, whence Portolan takes it
      # (PORTOLAN_FORWARDED_AUTHORIZATION): https://cloud.google.com/api-gateway/docs/oasv2-extensions#x-google-backend
      disable_auth = false
    }
    paths = {
      "/{path=**}" = {
        for method in local.gateway_methods : method => {
          operationId = "${method}Any"
          parameters  = [{ name = "path", in = "path", required = true, type = "string" }]
          responses   = { default = { description = "What Portolan answers" } }
        }
      }
    }
  })
}
