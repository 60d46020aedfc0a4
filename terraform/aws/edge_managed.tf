# An HTTP API.
resource "aws_apigatewayv2_api" "this" {
  count                        = local.managed
  name                         = local.id
  protocol_type                = "HTTP"
  disable_execute_api_endpoint = var.edge.domain != null
  tags                         = local.tags

  dynamic "cors_configuration" {
    for_each = length(var.edge.cors_origins) > 0 ? [var.edge.cors_origins] : []
    content {
      allow_origins  = cors_configuration.value
      allow_methods  = local.cors.methods
      allow_headers  = local.cors.headers
      expose_headers = local.cors.exposed
      max_age        = 600
    }
  }
}

resource "aws_apigatewayv2_integration" "this" {
  count                  = local.managed
  api_id                 = aws_apigatewayv2_api.this[0].id
  integration_type       = "AWS_PROXY"
  integration_uri        = aws_lambda_alias.live.invoke_arn
  payload_format_version = "2.0"
  timeout_milliseconds   = min(30000, var.runtime.timeout_seconds * 1000)
}

resource "aws_apigatewayv2_route" "this" {
  count     = local.managed
  api_id    = aws_apigatewayv2_api.this[0].id
  route_key = "$default"
  target    = "integrations/${aws_apigatewayv2_integration.this[0].id}"
  # Portolan authenticates (CKV_AWS_309 is skipped with this reason).
  authorization_type = "NONE"
}

resource "aws_apigatewayv2_stage" "this" {
  count       = local.managed
  api_id      = aws_apigatewayv2_api.this[0].id
  name        = "$default"
  auto_deploy = true
  tags        = local.tags

  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.edge[0].arn
    format          = local.access_log_format
  }

  # No logging_level here: HTTP APIs refuse it.
  default_route_settings {
    detailed_metrics_enabled = false
    throttling_rate_limit    = local.rate_per_second
    throttling_burst_limit   = local.burst
  }

  # Settings of a route that is not there yet fail.
  depends_on = [aws_apigatewayv2_route.this]
}

resource "aws_lambda_permission" "managed" {
  count         = local.managed
  statement_id  = "http-api"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.this.function_name
  qualifier     = aws_lambda_alias.live.name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.this[0].execution_arn}/*/*"
}

resource "aws_apigatewayv2_domain_name" "this" {
  count       = var.edge.domain == null ? 0 : local.managed
  domain_name = local.domain_name
  tags        = local.tags

  domain_name_configuration {
    certificate_arn = var.edge.domain.certificate_id
    endpoint_type   = "REGIONAL"
    security_policy = "TLS_1_2"
  }
}

resource "aws_apigatewayv2_api_mapping" "this" {
  count       = length(aws_apigatewayv2_domain_name.this)
  api_id      = aws_apigatewayv2_api.this[0].id
  domain_name = aws_apigatewayv2_domain_name.this[0].id
  stage       = aws_apigatewayv2_stage.this[0].id
}
