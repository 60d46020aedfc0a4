locals {
  next_steps = join("\n", flatten([
    local.domain_target == null ? [] : ["Point ${local.domain_name} at ${local.domain_target} (CNAME, or an alias of Route 53)."],
    length(local.empty_secrets) == 0 ? [] : ["Fill the empty secrets, each from a file:"],
    [for key in local.empty_secrets : "  aws secretsmanager put-secret-value --region ${local.region} --secret-id ${local.secret_prefix}${key} --secret-string file://FILE"],
    "Ask whether it is there (200), then for the sessions (401: it wants a key; docs/deploy-aws.md makes the first one):",
    "  curl -i ${local.endpoint_url}/livez",
    "  curl -i ${local.endpoint_url}/v1/sessions",
    # The provider adds this permission itself from 6.28 on (edge_function.tf).
    [for url in aws_lambda_function_url.this : "If that is 403 \"Forbidden\", the aws provider is older than 6.28: aws lambda add-permission --region ${local.region} --function-name ${local.id} --qualifier live --statement-id FunctionURLAllowInvokeAction --action lambda:InvokeFunction --principal '*' --invoked-via-function-url"],
    [for layer in aws_lambda_layer_version.shared : "Other functions share the layer as ${layer.arn}."],
  ]))
}
