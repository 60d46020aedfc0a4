# The front door. `function` and `managed` are the function's own address: Cloud Run's front end is what Google runs without a fixed price.
locals {
  endpoint_url = (
    local.balancer ? "https://${try(var.edge.domain.name, "")}" :
    local.gateway ? "https://${one(google_api_gateway_gateway.this[*].default_hostname)}" :
    google_cloudfunctions2_function.this.service_config[0].uri
  )
}
