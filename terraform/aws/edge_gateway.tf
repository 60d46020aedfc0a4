# A REST API, as one OpenAPI document: one resource instead of six, a deployment for each change, and response streaming
# (responseTransferMode) with every version of the provider; its own argument for that came with 6.25.
#
# Logging needs a role that API Gateway has once per account and region (terraform/bootstrap/aws makes it); without it the stage fails with
# "CloudWatch Logs role ARN must be set in account settings".
locals {
  private_gateway = local.gateway == 1 && !var.edge.public
  integration = merge(
    {
      type       = "aws_proxy"
      httpMethod = "POST"
      # The streaming address has another API version and action
      # (https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode-lambda.html).
      uri = (var.edge.streaming
        ? "arn:${local.partition}:apigateway:${local.region}:lambda:path/2021-11-15/functions/${aws_lambda_alias.live.arn}/response-streaming-invocations"
      : "arn:${local.partition}:apigateway:${local.region}:lambda:path/2015-03-31/functions/${aws_lambda_alias.live.arn}/invocations")
      timeoutInMillis     = min(var.edge.streaming ? 900000 : 29000, var.runtime.timeout_seconds * 1000)
      passthroughBehavior = "when_no_match"
    },
    var.edge.streaming ? { responseTransferMode = "STREAM" } : {},
  )
  openapi = jsonencode(merge(
    {
      openapi = "3.0.1"
      info    = { title = local.id, version = "1" }
      # Bytes arrive and leave as they are; without it a body that is no text would reach the client as base64.
      x-amazon-apigateway-binary-media-types = ["*/*"]
      paths = {
        "/"         = { x-amazon-apigateway-any-method = { responses = {}, x-amazon-apigateway-integration = local.integration } }
        "/{proxy+}" = { x-amazon-apigateway-any-method = { responses = {}, x-amazon-apigateway-integration = local.integration, parameters = [{ name = "proxy", in = "path", required = true, schema = { type = "string" } }] } }
      }
    },
    # A private API answers to nobody without a policy; this one lets in what comes by way of the named endpoints.
    local.private_gateway ? {
      x-amazon-apigateway-policy = {
        Version = "2012-10-17"
        Statement = [{
          Effect    = "Allow"
          Principal = "*"
          Action    = "execute-api:Invoke"
          Resource  = "execute-api:/*"
          Condition = { StringEquals = { "aws:SourceVpce" = var.aws.vpc_endpoint_ids } }
        }]
      }
    } : {},
  ))
}

resource "aws_api_gateway_rest_api" "this" {
  count                        = local.gateway
  name                         = local.id
  description                  = "Portolan"
  body                         = local.openapi
  disable_execute_api_endpoint = var.edge.domain != null
  tags                         = local.tags

  endpoint_configuration {
    types            = [local.private_gateway ? "PRIVATE" : "REGIONAL"]
    vpc_endpoint_ids = local.private_gateway ? var.aws.vpc_endpoint_ids : null
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_api_gateway_deployment" "this" {
  count       = local.gateway
  rest_api_id = aws_api_gateway_rest_api.this[0].id
  triggers    = { openapi = sha256(local.openapi) }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_api_gateway_stage" "this" {
  count                = local.gateway
  rest_api_id          = aws_api_gateway_rest_api.this[0].id
  deployment_id        = aws_api_gateway_deployment.this[0].id
  stage_name           = "live"
  xray_tracing_enabled = true
  tags                 = local.tags

  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.edge[0].arn
    format          = local.access_log_format
  }
}

resource "aws_api_gateway_method_settings" "this" {
  count       = local.gateway
  rest_api_id = aws_api_gateway_rest_api.this[0].id
  stage_name  = aws_api_gateway_stage.this[0].stage_name
  method_path = "*/*"

  settings {
    metrics_enabled        = true
    logging_level          = "ERROR"
    data_trace_enabled     = false # would log bodies and keys
    throttling_rate_limit  = local.rate_per_second
    throttling_burst_limit = local.burst
  }
}

resource "aws_lambda_permission" "gateway" {
  count         = local.gateway
  statement_id  = "rest-api"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.this.function_name
  qualifier     = aws_lambda_alias.live.name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_api_gateway_rest_api.this[0].execution_arn}/*/*"
}

resource "aws_api_gateway_domain_name" "this" {
  count                    = var.edge.domain == null ? 0 : local.gateway
  domain_name              = local.domain_name
  regional_certificate_arn = var.edge.domain.certificate_id
  security_policy          = "TLS_1_2"
  tags                     = local.tags

  endpoint_configuration {
    types = ["REGIONAL"]
  }
}

resource "aws_api_gateway_base_path_mapping" "this" {
  count       = length(aws_api_gateway_domain_name.this)
  api_id      = aws_api_gateway_rest_api.this[0].id
  stage_name  = aws_api_gateway_stage.this[0].stage_name
  domain_name = aws_api_gateway_domain_name.this[0].domain_name
}
