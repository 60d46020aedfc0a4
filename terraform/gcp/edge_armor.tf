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

locals {
  rate_window = 10 # seconds: the shortest that Cloud Armor counts over

  # A rule that throttles counts for itself, so with several forwarding rules there is no one limit, and asking for it is refused.
  forwarding = length([for route in var.edge.routes : route if route.action == "forward"])
  rate_limit = local.balancer && local.forwarding <= 1 ? coalesce(var.edge.rate_per_second, 50) : null

  # cve-canary holds the rules against Log4j.
  armor_firewall = var.edge.waf ? ["sqli-v33-stable", "xss-v33-stable", "lfi-v33-stable", "rce-v33-stable", "protocolattack-v33-stable", "scannerdetection-v33-stable", "cve-canary"] : []

  # Cloud Armor's language: at most five conditions joined. The values of one become one regular expression, only blocks of addresses
  # need one each. `*` is any text, `?` any character; what else has a meaning in a regular expression stands in brackets.
  armor_routes = [for route in var.edge.routes : {
    priority   = route.priority
    action     = route.action
    conditions = length(local.route_conditions[route.priority]) + max(length(route.source_ips) - 1, 0)
    expression = join(" && ", local.route_conditions[route.priority])
  }]

  route_conditions = { for route in var.edge.routes : route.priority => concat(
    length(route.hosts) == 0 ? [] : ["request.headers['host'].lower().matches('^(${join("|", [for host in route.hosts : local.pattern[host]])})(:[0-9]+)?$')"],
    length(route.paths) == 0 ? [] : ["request.path.matches('^(${join("|", [for path in route.paths : local.pattern[path]])})$')"],
    length(route.methods) == 0 ? [] : ["request.method.matches('^(${join("|", route.methods)})$')"],
    [for name, values in route.headers : "request.headers['${lower(name)}'].matches('^(${join("|", [for value in values : local.pattern[value]])})$')"],
    [for name, value in route.query : "request.query.matches('(^|&)${local.pattern[name]}=${local.pattern[value]}(&|$)')"],
    length(route.source_ips) == 0 ? [] : ["(${join(" || ", [for block in route.source_ips : "inIpRange(origin.ip, '${block}')"])})"],
  ) }

  route_texts = distinct(flatten([for route in var.edge.routes : concat(route.hosts, route.paths, flatten(values(route.headers)), keys(route.query), values(route.query))]))
  pattern     = { for text in local.route_texts : text => replace(replace(replace(text, "/[.+$()|{}]/", "[$0]"), "*", ".*"), "?", ".") }
}
