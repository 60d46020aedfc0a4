locals {
  # Keys are the same in the three modules; what is false is refused at plan when asked for (refusals.tf).
  capabilities = {
    architecture_arm64     = true
    concurrency            = false # more than one request at once in one instance
    cors                   = contains(["function", "managed"], var.edge.kind)
    custom_domain          = var.edge.kind != "function"
    encryption_key         = true
    min_instances          = true
    network                = true
    point_in_time_recovery = true
    private_edge           = contains(["gateway", "balancer"], var.edge.kind) # edge.public = false
    rate_limit             = contains(["managed", "gateway"], var.edge.kind)
    routes                 = var.edge.kind == "balancer"
    streaming              = contains(["function", "gateway"], var.edge.kind)
    waf                    = contains(["gateway", "balancer"], var.edge.kind)
  }
}
