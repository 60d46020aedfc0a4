locals {
  # Keys are the same in the three modules; what is false is refused at plan when asked for (refusals.tf).
  capabilities = {
    architecture_arm64     = false
    concurrency            = true # more than one request at once in one instance
    cors                   = local.balancer
    custom_domain          = local.balancer
    encryption_key         = true
    min_instances          = true
    network                = true
    point_in_time_recovery = true
    private_edge           = local.direct # edge.public = false
    rate_limit             = local.balancer
    routes                 = local.balancer
    streaming              = !local.gateway
    waf                    = local.balancer
  }
}
