# What edge.routes, edge.waf and edge.rate_per_second are in Cloud Armor's words; edge_armor.tf makes the policy of it.
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
