# Cloud Armor before the balancer: the firewall, the rules of edge.routes, the rate limit. One list, the first match decides:
#
#        1000 ...  the firewall (edge.waf)
#   10001 - 60000  edge.routes, in their order; a forwarding one carries the rate limit
#          100000  without edge.routes: everything, with the rate limit
#      2147483647  what nothing matched: forwarded without edge.routes, else 404
resource "google_compute_security_policy" "this" {
  count = local.balancer ? 1 : 0

  project     = local.project
  name        = local.prefix
  description = "Before ${local.prefix}"
  type        = "CLOUD_ARMOR"

  advanced_options_config {
    json_parsing = "STANDARD" # a session's JSON is looked into as JSON, not as text
    log_level    = "NORMAL"
  }

  dynamic "rule" {
    for_each = local.armor_firewall
    content {
      priority    = 1000 + rule.key
      action      = "deny(403)"
      description = rule.value
      match {
        expr {
          expression = "evaluatePreconfiguredWaf('${rule.value}', {'sensitivity': 1})"
        }
      }
    }
  }

  dynamic "rule" {
    for_each = local.armor_routes
    content {
      priority    = 10000 + rule.value.priority
      action      = rule.value.action == "deny" ? "deny(403)" : local.rate_limit == null ? "allow" : "throttle"
      description = "edge.routes ${rule.value.priority}"
      match {
        expr {
          expression = rule.value.expression
        }
      }
      dynamic "rate_limit_options" {
        for_each = rule.value.action == "forward" ? local.rate_limit[*] : []
        content {
          conform_action = "allow"
          exceed_action  = "deny(429)"
          enforce_on_key = "ALL"
          rate_limit_threshold {
            count        = rate_limit_options.value * local.rate_window
            interval_sec = local.rate_window
          }
        }
      }
    }
  }

  # Everything else.
  dynamic "rule" {
    for_each = length(var.edge.routes) == 0 ? local.rate_limit[*] : []
    content {
      priority    = 100000
      action      = "throttle"
      description = "edge.rate_per_second"
      match {
        versioned_expr = "SRC_IPS_V1"
        config {
          src_ip_ranges = ["*"]
        }
      }
      rate_limit_options {
        conform_action = "allow"
        exceed_action  = "deny(429)"
        enforce_on_key = "ALL" # of all clients together, as on the other clouds
        rate_limit_threshold {
          count        = rule.value * local.rate_window
          interval_sec = local.rate_window
        }
      }
    }
  }

  rule {
    priority    = 2147483647
    action      = length(var.edge.routes) > 0 ? "deny(404)" : "allow"
    description = "What no rule matched"
    match {
      versioned_expr = "SRC_IPS_V1"
      config {
        src_ip_ranges = ["*"]
      }
    }
  }

  depends_on = [google_project_service.this]
}
