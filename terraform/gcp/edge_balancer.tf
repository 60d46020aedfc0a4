# Global external application load balancer: TLS 1.2 and newer, one function behind it, plain HTTP redirected.

resource "google_compute_global_address" "this" {
  count = local.balancer ? 1 : 0

  project = local.project
  name    = local.prefix
  labels  = local.labels

  depends_on = [google_project_service.this]
}

resource "google_compute_region_network_endpoint_group" "function" {
  count = local.balancer ? 1 : 0

  project               = local.project
  region                = local.region
  name                  = local.prefix
  network_endpoint_type = "SERVERLESS"

  cloud_run {
    service = google_cloudfunctions2_function.this.name # the service is called like the function
  }
}

resource "google_compute_backend_service" "function" {
  count = local.balancer ? 1 : 0

  project               = local.project
  name                  = local.prefix
  protocol              = "HTTPS"
  load_balancing_scheme = "EXTERNAL_MANAGED"
  security_policy       = google_compute_security_policy.this[0].id

  backend {
    group = google_compute_region_network_endpoint_group.function[0].id
  }

  log_config {
    enable      = true
    sample_rate = 1
  }
}

resource "google_compute_url_map" "https" {
  count = local.balancer ? 1 : 0

  project         = local.project
  name            = local.prefix
  default_service = google_compute_backend_service.function[0].id

  dynamic "default_route_action" {
    for_each = length(var.edge.cors_origins) > 0 ? [1] : []
    content {
      cors_policy {
        allow_origins     = var.edge.cors_origins
        allow_methods     = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]
        allow_headers     = ["authorization", "content-type", "idempotency-key", "if-match", "traceparent"]
        expose_headers    = ["etag", "location", "ratelimit", "retry-after"]
        max_age           = 600
        allow_credentials = false
        disabled          = false
      }
    }
  }
}

resource "google_compute_ssl_policy" "this" {
  count = local.balancer ? 1 : 0

  project         = local.project
  name            = local.prefix
  profile         = "MODERN"
  min_tls_version = "TLS_1_2" # Google's own default is 1.0

  depends_on = [google_project_service.this]
}

resource "google_compute_target_https_proxy" "this" {
  count = local.balancer ? 1 : 0

  project          = local.project
  name             = local.prefix
  url_map          = google_compute_url_map.https[0].id
  ssl_policy       = google_compute_ssl_policy.this[0].id
  ssl_certificates = local.certificate_map == null ? [var.edge.domain.certificate_id] : null
  certificate_map  = local.certificate_map
}

resource "google_compute_global_forwarding_rule" "https" {
  count = local.balancer ? 1 : 0

  project               = local.project
  name                  = local.prefix
  labels                = local.labels
  load_balancing_scheme = "EXTERNAL_MANAGED"
  ip_address            = google_compute_global_address.this[0].id
  port_range            = "443"
  target                = google_compute_target_https_proxy.this[0].id
}

resource "google_compute_url_map" "redirect" {
  count = local.balancer ? 1 : 0

  project = local.project
  name    = "${local.prefix}-redirect"

  default_url_redirect {
    https_redirect         = true
    redirect_response_code = "PERMANENT_REDIRECT" # 308 keeps the method
    strip_query            = false
  }

  depends_on = [google_project_service.this]
}

resource "google_compute_target_http_proxy" "redirect" {
  count = local.balancer ? 1 : 0

  project = local.project
  name    = "${local.prefix}-redirect"
  url_map = google_compute_url_map.redirect[0].id
}

resource "google_compute_global_forwarding_rule" "redirect" {
  count = local.balancer ? 1 : 0

  project               = local.project
  name                  = "${local.prefix}-redirect"
  labels                = local.labels
  load_balancing_scheme = "EXTERNAL_MANAGED"
  ip_address            = google_compute_global_address.this[0].id
  port_range            = "80"
  target                = google_compute_target_http_proxy.redirect[0].id
}

locals {
  # A certificate map of Certificate Manager, or a classic SSL certificate: the id says which.
  certificate_map = can(regex("/certificateMaps/", coalesce(local.certificate_id, "none"))) ? "//certificatemanager.googleapis.com/${trimprefix(trimprefix(local.certificate_id, "//certificatemanager.googleapis.com/"), "/")}" : null
}
