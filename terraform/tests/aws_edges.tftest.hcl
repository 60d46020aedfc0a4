# The front doors beside the default one, which aws_defaults has.
mock_provider "aws" {
  source = "./mocks/aws"
}

variables {
  name          = "portolan"
  environment   = "test"
  package       = { path = "fixtures/function.zip", sha256_base64 = filebase64sha256("fixtures/function.zip") }
  secret_values = {}
}

run "function_url" {
  module { source = "../aws" }

  variables {
    edge    = { kind = "function", streaming = true, cors_origins = ["https://app.example.com"] }
    runtime = { timeout_seconds = 900 }
  }

  assert {
    condition     = aws_lambda_function_url.this[0].invoke_mode == "RESPONSE_STREAM" && aws_lambda_function.this.handler == "index.streamHandler" && aws_lambda_function.this.environment[0].variables["PORTOLAN_EVENT_SOURCE"] == "aws-url"
    error_message = "A streaming URL calls the streaming handler, which is told where its events come from."
  }
  assert {
    condition     = aws_lambda_function_url.this[0].authorization_type == "NONE" && aws_lambda_function_url.this[0].qualifier == "live"
    error_message = "The URL is the alias's; Portolan authenticates, because IAM would take the Authorization header."
  }
  assert {
    condition     = aws_lambda_function_url.this[0].cors[0].allow_origins == toset(["https://app.example.com"]) && aws_lambda_function_url.this[0].cors[0].allow_credentials != true
    error_message = "Only the named origins."
  }
  assert {
    condition     = output.endpoint_url == "https://abcdefgh.lambda-url.eu-west-1.on.aws" && output.capabilities["streaming"] && !output.capabilities["custom_domain"] && strcontains(output.next_steps, "--invoked-via-function-url")
    error_message = "The address has no slash at its end, and next_steps knows the permission that older providers forget."
  }
  assert {
    condition     = length(aws_apigatewayv2_api.this) + length(aws_api_gateway_rest_api.this) + length(aws_lb.this) + length(aws_cloudwatch_log_group.edge) == 0
    error_message = "One front door only."
  }
}

run "rest_api" {
  module { source = "../aws" }

  variables {
    edge = { kind = "gateway", waf = true, domain = { name = "portolan.example.com", certificate_id = "arn:aws:acm:eu-west-1:123456789012:certificate/00000000-0000-4000-8000-000000000000" } }
  }

  assert {
    condition = alltrue([for path in ["/", "/{proxy+}"] :
      jsondecode(aws_api_gateway_rest_api.this[0].body).paths[path].x-amazon-apigateway-any-method.x-amazon-apigateway-integration == {
        type                = "aws_proxy"
        httpMethod          = "POST"
        uri                 = "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-west-1:123456789012:function:portolan-test:live/invocations"
        timeoutInMillis     = 29000
        passthroughBehavior = "when_no_match"
      }
    ])
    error_message = "Every path goes to the alias: ${aws_api_gateway_rest_api.this[0].body}"
  }
  assert {
    condition     = aws_api_gateway_deployment.this[0].triggers["openapi"] == sha256(aws_api_gateway_rest_api.this[0].body) && aws_api_gateway_rest_api.this[0].endpoint_configuration[0].types == tolist(["REGIONAL"])
    error_message = "Another document is another deployment."
  }
  assert {
    condition     = jsondecode(aws_api_gateway_rest_api.this[0].body).x-amazon-apigateway-binary-media-types == ["*/*"]
    error_message = "Content that is no text arrives as it is."
  }
  assert {
    condition     = aws_api_gateway_stage.this[0].xray_tracing_enabled && aws_api_gateway_stage.this[0].access_log_settings[0].destination_arn == aws_cloudwatch_log_group.edge[0].arn && aws_api_gateway_method_settings.this[0].settings[0].logging_level == "ERROR" && aws_api_gateway_method_settings.this[0].settings[0].data_trace_enabled == false && aws_api_gateway_method_settings.this[0].settings[0].throttling_rate_limit == 50
    error_message = "Traced and logged without bodies, and limited."
  }
  assert {
    condition     = aws_api_gateway_domain_name.this[0].security_policy == "TLS_1_2" && aws_api_gateway_rest_api.this[0].disable_execute_api_endpoint && output.endpoint_url == "https://portolan.example.com" && strcontains(output.next_steps, "d-abc.execute-api.eu-west-1.amazonaws.com")
    error_message = "The domain is the only address, with TLS 1.2, and next_steps says where its record points."
  }
  assert {
    condition     = aws_lambda_permission.gateway[0].source_arn == "arn:aws:execute-api:eu-west-1:123456789012:rest123/*/*" && aws_lambda_permission.gateway[0].qualifier == "live"
    error_message = "This API alone may call the alias."
  }
  assert {
    condition     = aws_wafv2_web_acl_association.this[0].resource_arn == aws_api_gateway_stage.this[0].arn && contains([for rule in aws_wafv2_web_acl.this[0].rule : rule.statement[0].managed_rule_group_statement[0].name], "AWSManagedRulesKnownBadInputsRuleSet") && alltrue([for rule in aws_wafv2_web_acl.this[0].rule : length(rule.override_action[0].none) == 1 && length(rule.override_action[0].count) == 0])
    error_message = "The firewall is in front of the stage; its rules block, Log4j among them."
  }
  assert {
    condition     = startswith(aws_cloudwatch_log_group.waf[0].name, "aws-waf-logs-") && aws_wafv2_web_acl_logging_configuration.this[0].redacted_fields[0].single_header[0].name == "authorization" && alltrue([for rule in aws_wafv2_web_acl.this[0].rule : rule.visibility_config[0].sampled_requests_enabled == false])
    error_message = "What it logs has no keys."
  }
}

run "rest_api_streams" {
  module { source = "../aws" }

  variables {
    edge    = { kind = "gateway", public = false, streaming = true }
    runtime = { timeout_seconds = 600 }
    aws     = { vpc_endpoint_ids = ["vpce-0123456789abcdef0"] }
  }

  assert {
    condition = alltrue([for integration in [jsondecode(aws_api_gateway_rest_api.this[0].body).paths["/{proxy+}"].x-amazon-apigateway-any-method.x-amazon-apigateway-integration] :
      integration.responseTransferMode == "STREAM" && integration.timeoutInMillis == 600000 && integration.uri == "arn:aws:apigateway:eu-west-1:lambda:path/2021-11-15/functions/arn:aws:lambda:eu-west-1:123456789012:function:portolan-test:live/response-streaming-invocations"
    ])
    error_message = "A streaming integration has its own address and time: ${aws_api_gateway_rest_api.this[0].body}"
  }
  assert {
    condition     = aws_lambda_function.this.handler == "index.streamHandler" && aws_lambda_function.this.environment[0].variables["PORTOLAN_EVENT_SOURCE"] == "aws-rest"
    error_message = "It calls the streaming handler."
  }
  assert {
    condition     = aws_api_gateway_rest_api.this[0].endpoint_configuration[0].types == tolist(["PRIVATE"]) && jsondecode(aws_api_gateway_rest_api.this[0].body).x-amazon-apigateway-policy.Statement[0].Condition.StringEquals["aws:SourceVpce"] == ["vpce-0123456789abcdef0"]
    error_message = "A private API answers to the named endpoints only."
  }
}

run "balancer" {
  module { source = "../aws" }

  variables {
    edge = {
      kind   = "balancer"
      waf    = true
      domain = { name = "portolan.example.com", certificate_id = "arn:aws:acm:eu-west-1:123456789012:certificate/00000000-0000-4000-8000-000000000000" }
      routes = [
        { priority = 10, hosts = ["portolan.example.com"], paths = ["/v1/*"], methods = ["GET", "POST"] },
        { priority = 5, action = "deny", source_ips = ["198.51.100.0/24"] },
        { priority = 20, headers = { x-team = ["a", "b"] }, query = { debug = "1", trace = "1" } },
      ]
    }
    aws = { balancer = { vpc_id = "vpc-1", subnet_ids = ["subnet-1", "subnet-2"], access_logs_bucket = "acme-logs", client_cidrs = ["203.0.113.0/24", "2001:db8::/32"] } }
  }

  assert {
    condition     = aws_lb.this[0].drop_invalid_header_fields && aws_lb.this[0].desync_mitigation_mode == "strictest" && aws_lb.this[0].enable_deletion_protection && aws_lb.this[0].internal == false && aws_lb.this[0].access_logs[0].enabled && aws_lb.this[0].access_logs[0].bucket == "acme-logs"
    error_message = "The balancer drops what is malformed, logs, and cannot be deleted by mistake."
  }
  assert {
    condition     = aws_lb_listener.https[0].protocol == "HTTPS" && aws_lb_listener.https[0].port == 443 && aws_lb_listener.https[0].ssl_policy == "ELBSecurityPolicy-TLS13-1-2-2021-06" && aws_lb_listener.https[0].certificate_arn == var.edge.domain.certificate_id
    error_message = "HTTPS with TLS 1.2 or 1.3."
  }
  assert {
    condition     = aws_lb_listener.redirect[0].port == 80 && aws_lb_listener.redirect[0].default_action[0].redirect[0].protocol == "HTTPS" && aws_lb_listener.redirect[0].default_action[0].redirect[0].status_code == "HTTP_301"
    error_message = "HTTP is redirected."
  }
  assert {
    condition     = aws_lb_target_group.this[0].target_type == "lambda" && aws_lb_target_group.this[0].lambda_multi_value_headers_enabled && aws_lambda_function.this.environment[0].variables["PORTOLAN_EVENT_SOURCE"] == "aws-alb-multi" && aws_lb_target_group_attachment.this[0].target_id == aws_lambda_alias.live.arn
    error_message = "Header fields of one name all arrive, at the alias."
  }
  assert {
    condition     = aws_lambda_permission.balancer[0].source_arn == aws_lb_target_group.this[0].arn && aws_lambda_permission.balancer[0].principal == "elasticloadbalancing.amazonaws.com"
    error_message = "This target group alone may call."
  }
  assert {
    condition     = aws_lb_listener.https[0].default_action[0].type == "fixed-response" && aws_lb_listener.https[0].default_action[0].fixed_response[0].status_code == "404"
    error_message = "What no rule matches is not served."
  }
  assert {
    condition     = { for key, rule in aws_lb_listener_rule.this : key => [rule.priority, rule.action[0].type, length(rule.condition)] } == { "10" = [10, "forward", 3], "5" = [5, "fixed-response", 1], "20" = [20, "forward", 3] }
    error_message = "Each rule has its priority, its action and its conditions."
  }
  assert {
    condition = toset(flatten([for c in aws_lb_listener_rule.this["10"].condition : concat([for h in c.host_header : [for v in h.values : "host ${v}"]], [for p in c.path_pattern : [for v in p.values : "path ${v}"]], [for m in c.http_request_method : [for v in m.values : "method ${v}"]])])) == toset(["host portolan.example.com", "path /v1/*", "method GET", "method POST"]) && toset(flatten([for c in aws_lb_listener_rule.this["20"].condition : concat(
      [for h in c.http_header : [for v in h.values : "${h.http_header_name}: ${v}"]], [for q in c.query_string : "${q.key}=${q.value}"])
    ])) == toset(["x-team: a", "x-team: b", "debug=1", "trace=1"]) && flatten([for c in aws_lb_listener_rule.this["5"].condition : [for s in c.source_ip : tolist(s.values)]]) == ["198.51.100.0/24"]
    error_message = "Rules look at host, path, method, header, query and address."
  }
  assert {
    condition     = { for key, rule in aws_vpc_security_group_ingress_rule.balancer : key => coalesce(rule.cidr_ipv4, rule.cidr_ipv6) } == { "203.0.113.0/24 80" = "203.0.113.0/24", "203.0.113.0/24 443" = "203.0.113.0/24", "2001:db8::/32 80" = "2001:db8::/32", "2001:db8::/32 443" = "2001:db8::/32" }
    error_message = "Only the given clients, on the two ports."
  }
  assert {
    condition     = aws_wafv2_web_acl_association.this[0].resource_arn == aws_lb.this[0].arn && output.endpoint_url == "https://portolan.example.com" && strcontains(output.next_steps, "portolan-test-1.eu-west-1.elb.amazonaws.com")
    error_message = "The firewall is in front of the balancer, the domain points at it."
  }
  assert {
    condition     = strcontains([for q in aws_cloudwatch_metric_alarm.computed["error_rate"].metric_query : q.expression if q.id == "value"][0], "FILL(errors0, 0) + FILL(errors1, 0)")
    error_message = "Errors are the target's and the balancer's own."
  }
}

# The sentences are in aws_refused; here, that the module shows them.
run "refused" {
  command = plan
  module { source = "../aws" }

  variables {
    edge          = { kind = "function", waf = true }
    secrets       = { api-keys = { version = 1 } }
    secret_values = {}
  }

  expect_failures = [aws_lambda_function.this, aws_secretsmanager_secret_version.this["api-keys"]]
}
