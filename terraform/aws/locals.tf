data "aws_region" "current" {}
data "aws_partition" "current" {}

locals {
  region    = data.aws_region.current.id
  partition = data.aws_partition.current.partition
  tags      = merge(var.tags, { name = var.name, environment = var.environment, managed-by = "terraform" })

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

  next_steps = join("\n", compact([
    local.domain_target == null ? "" : "Point ${local.domain_name} at ${local.domain_target} (CNAME or Route 53 alias).",
    length(local.empty_secrets) == 0 ? "" : "Fill the empty secrets, each with: aws secretsmanager put-secret-value --secret-id <${join(" | ", [for key in local.empty_secrets : "${local.secret_prefix}${key}"])}> --secret-string file://<file>",
    "Try it: curl ${local.endpoint_url}/healthz answers 200, curl -i ${local.endpoint_url}/v1/sessions answers 401 and asks for a key.",
    "A key: portolan keys create --print-record --tenant acme --scopes sessions:read,sessions:write,credentials:read; its record goes into the secret that auth.keysSecret names.",
    length(aws_lambda_function_url.this) == 0 ? "" : "If the address answers 403, the provider is older than 6.28: aws lambda add-permission --function-name ${local.id} --qualifier live --statement-id FunctionURLAllowInvokeAction --action lambda:InvokeFunction --principal '*' --invoked-via-function-url",
    length(aws_lambda_layer_version.shared) == 0 ? "" : "Other functions share the layer as ${aws_lambda_layer_version.shared[0].arn}.",
  ]))
}
