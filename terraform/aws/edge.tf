# What the front doors share; each has a file of its own.
locals {
  rate_per_second = coalesce(var.edge.rate_per_second, 50)
  burst           = coalesce(var.edge.burst, 100)
  domain_name     = try(var.edge.domain.name, null)

  managed  = var.edge.kind == "managed" ? 1 : 0
  gateway  = var.edge.kind == "gateway" ? 1 : 0
  balancer = var.edge.kind == "balancer" ? 1 : 0
  url      = var.edge.kind == "function" ? 1 : 0

  # What API Gateway answers at; with a domain of one's own this address is off.
  edge_url = one(concat(
    [for url in aws_lambda_function_url.this : trimsuffix(url.function_url, "/")],
    [for api in aws_apigatewayv2_api.this : api.api_endpoint],
    [for stage in aws_api_gateway_stage.this : stage.invoke_url],
    [for balancer in aws_lb.this : "https://${balancer.dns_name}"],
  ))
  endpoint_url = local.domain_name == null ? local.edge_url : "https://${local.domain_name}"

  # Where the domain's DNS record has to point.
  domain_target = one(concat(
    [for domain in aws_apigatewayv2_domain_name.this : domain.domain_name_configuration[0].target_domain_name],
    [for domain in aws_api_gateway_domain_name.this : domain.regional_domain_name],
    [for balancer in aws_lb.this : balancer.dns_name],
  ))

  # What the control API takes and answers (docs/api.md). A function URL takes no OPTIONS in the list: it answers preflights itself.
  cors = {
    methods = ["DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"]
    headers = ["authorization", "content-type", "idempotency-key", "if-match", "traceparent"]
    exposed = ["etag", "location", "retry-after"]
  }

  # No headers, no query, no path: session ids and keys stay out.
  access_log_format = jsonencode({
    requestId      = "$context.requestId"
    time           = "$context.requestTimeEpoch"
    ip             = "$context.identity.sourceIp"
    method         = "$context.httpMethod"
    protocol       = "$context.protocol"
    status         = "$context.status"
    responseLength = "$context.responseLength"
    error          = "$context.error.message"
  })
}

# Under /aws/vendedlogs/ the log group's own policy is not touched, which has a size limit for the whole account.
resource "aws_cloudwatch_log_group" "edge" {
  count             = local.managed + local.gateway
  name              = "/aws/vendedlogs/${local.id}-edge"
  retention_in_days = var.logs.retention_days
  kms_key_id        = var.encryption_key_id
  tags              = local.tags
}
