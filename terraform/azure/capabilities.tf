locals {
  # Keys are the same in the three modules; what is false is refused at plan when asked for (refusals.tf).
  capabilities = {
    architecture_arm64     = false
    concurrency            = local.flex # more than one request at once in one instance
    cors                   = contains(["function", "managed"], var.edge.kind)
    custom_domain          = contains(["gateway", "balancer"], var.edge.kind) # Flex Consumption loads no certificates
    encryption_key         = true
    min_instances          = true
    network                = true
    point_in_time_recovery = false
    private_edge           = contains(["function", "managed"], var.edge.kind) # edge.public = false
    rate_limit             = var.edge.kind == "gateway" && var.azure.gateway_sku != "Consumption_0"
    routes                 = false
    streaming              = contains(["function", "managed"], var.edge.kind)
    waf                    = var.edge.kind == "balancer"
  }
}
