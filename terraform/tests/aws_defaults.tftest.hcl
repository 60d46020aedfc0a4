# What a deployment is that says as little as possible, and what is certain of it: encryption, TLS, retention, tags, the settings the code reads.
mock_provider "aws" {
  source = "./mocks/aws"
}

variables {
  name          = "portolan"
  environment   = "test"
  package       = { path = "fixtures/function.zip", sha256_base64 = filebase64sha256("fixtures/function.zip") }
  secret_values = {}
}

run "defaults" {
  module { source = "../aws" }

  # The function.
  assert {
    condition     = aws_lambda_function.this.function_name == "portolan-test" && aws_lambda_function.this.runtime == "nodejs24.x" && aws_lambda_function.this.architectures == tolist(["arm64"]) && aws_lambda_function.this.handler == "index.handler"
    error_message = "The function is called <name>-<environment>, runs the newest Node on arm64, and calls what dist/aws exports."
  }
  assert {
    condition     = aws_lambda_function.this.memory_size == 512 && aws_lambda_function.this.timeout == 29 && aws_lambda_function.this.reserved_concurrent_executions == 50
    error_message = "512 MB, 29 seconds, and fifty instances that nobody else can take and that take no more."
  }
  assert {
    condition     = aws_lambda_function.this.source_code_hash == var.package.sha256_base64 && aws_lambda_function.this.publish && aws_lambda_alias.live.name == "live" && aws_lambda_alias.live.function_version == aws_lambda_function.this.version
    error_message = "The package's hash deploys anew; each change is a published version, and the alias live points at it."
  }
  assert {
    condition     = aws_lambda_function.this.tracing_config[0].mode == "Active" && aws_lambda_function.this.dead_letter_config[0].target_arn == aws_sqs_queue.dead_letter[0].arn && length(aws_lambda_function.this.vpc_config) == 0
    error_message = "It is traced, its failed asynchronous work is kept, and it has no network of its own."
  }
  assert {
    condition     = aws_lambda_function.this.logging_config[0].log_format == "Text" && aws_lambda_function.this.logging_config[0].log_group == "/aws/lambda/portolan-test" && aws_cloudwatch_log_group.function.name == "/aws/lambda/portolan-test"
    error_message = "Lines go to the module's own log group as Portolan writes them; Lambda's JSON format would wrap them into strings."
  }
  assert {
    condition = aws_lambda_function.this.environment[0].variables == tomap({
      PORTOLAN_TABLE         = "portolan-test"
      PORTOLAN_SECRET_PREFIX = "portolan-test-"
      PORTOLAN_EVENT_SOURCE  = "aws-http-v2"
    })
    error_message = "The settings are those adapters/aws/module.ts and main.ts read: ${jsonencode(aws_lambda_function.this.environment[0].variables)}"
  }
  assert {
    condition     = output.settings_injected == tolist(["PORTOLAN_EVENT_SOURCE", "PORTOLAN_SECRET_PREFIX", "PORTOLAN_TABLE"])
    error_message = "settings_injected names them, sorted."
  }
  assert {
    condition     = length(aws_lambda_provisioned_concurrency_config.live) == 0 && length(aws_s3_object.package) == 0 && length(aws_lambda_layer_version.shared) == 0
    error_message = "Nothing that costs at rest, and no option, is on by itself."
  }

  # The table.
  assert {
    condition     = aws_dynamodb_table.state.name == "portolan-test" && aws_dynamodb_table.state.billing_mode == "PAY_PER_REQUEST" && aws_dynamodb_table.state.hash_key == "pk" && aws_dynamodb_table.state.range_key == "sk" && toset([for attribute in aws_dynamodb_table.state.attribute : "${attribute.name} ${attribute.type}"]) == toset(["pk S", "sk S"])
    error_message = "The table is the one of adapters/aws/dynamo-table.ts, paid by request."
  }
  assert {
    condition     = aws_dynamodb_table.state.ttl[0].enabled && aws_dynamodb_table.state.ttl[0].attribute_name == "ttl" && aws_dynamodb_table.state.point_in_time_recovery[0].enabled && aws_dynamodb_table.state.deletion_protection_enabled
    error_message = "Expired records are removed by ttl; the table can be restored to any second of 35 days, and cannot be destroyed by mistake."
  }

  # The queue.
  assert {
    condition     = aws_sqs_queue.dead_letter[0].message_retention_seconds == 1209600 && aws_sqs_queue.dead_letter[0].sqs_managed_sse_enabled == true
    error_message = "Dead letters are encrypted and kept 14 days."
  }

  # The front door.
  assert {
    condition     = aws_apigatewayv2_integration.this[0].payload_format_version == "2.0" && aws_apigatewayv2_integration.this[0].integration_uri == aws_lambda_alias.live.invoke_arn && aws_apigatewayv2_integration.this[0].timeout_milliseconds == 29000 && aws_apigatewayv2_route.this[0].route_key == "$default"
    error_message = "An HTTP API sends every request to the alias, in the format the code reads."
  }
  assert {
    condition     = aws_apigatewayv2_stage.this[0].default_route_settings[0].throttling_rate_limit == 50 && aws_apigatewayv2_stage.this[0].default_route_settings[0].throttling_burst_limit == 100
    error_message = "It limits to 50 a second, with bursts of 100."
  }
  assert {
    condition     = length(regexall("authorization|header|querystring|path|apiKey", aws_apigatewayv2_stage.this[0].access_log_settings[0].format)) == 0 && aws_apigatewayv2_stage.this[0].access_log_settings[0].destination_arn == aws_cloudwatch_log_group.edge[0].arn
    error_message = "It writes access logs, and nothing into them that could be a key or a session's id."
  }
  assert {
    condition     = aws_lambda_permission.managed[0].principal == "apigateway.amazonaws.com" && aws_lambda_permission.managed[0].source_arn == "arn:aws:execute-api:eu-west-1:123456789012:abc123/*/*" && aws_lambda_permission.managed[0].qualifier == "live"
    error_message = "This API alone may call the alias."
  }
  assert {
    condition     = length(aws_apigatewayv2_api.this[0].cors_configuration) == 0 && aws_apigatewayv2_api.this[0].disable_execute_api_endpoint == false
    error_message = "No browser of another origin is let in."
  }

  # Logs and tags.
  assert {
    condition     = aws_cloudwatch_log_group.function.retention_in_days == 30 && aws_cloudwatch_log_group.edge[0].retention_in_days == 30
    error_message = "Logs are kept 30 days."
  }
  assert {
    condition = alltrue([for tags in [aws_lambda_function.this.tags, aws_dynamodb_table.state.tags, aws_sqs_queue.dead_letter[0].tags, aws_iam_role.function.tags, aws_cloudwatch_log_group.function.tags, aws_apigatewayv2_api.this[0].tags, aws_cloudwatch_metric_alarm.p99_latency[0].tags] :
      tags == tomap({ name = "portolan", environment = "test", managed-by = "terraform" })
    ])
    error_message = "Every resource says what it belongs to."
  }

  # Outputs.
  assert {
    condition     = output.endpoint_url == "https://abc123.execute-api.eu-west-1.amazonaws.com" && strcontains(output.next_steps, "curl -i https://abc123.execute-api.eu-west-1.amazonaws.com/livez") && output.function_name == "portolan-test" && output.function_id == aws_lambda_alias.live.arn && output.identity == aws_iam_role.function.arn
    error_message = "The outputs say where it answers and what to try."
  }
  assert {
    condition     = output.state_name == "portolan-test" && output.state_id == aws_dynamodb_table.state.arn && output.secret_ids == tomap({}) && output.dead_letter_id == aws_sqs_queue.dead_letter[0].arn && output.log_location == "/aws/lambda/portolan-test" && endswith(output.dashboard_url, "#dashboards/dashboard/portolan-test")
    error_message = "The outputs name what was made."
  }
}

run "options" {
  module { source = "../aws" }

  variables {
    config              = file("fixtures/portolan.json")
    settings            = { LANG = "C", AWS_ENDPOINT_URL_DYNAMODB = "https://vpce.example.com" }
    runtime             = { node_version = 22, architecture = "x86_64", memory_mb = 1024, timeout_seconds = 10, attempt_timeout_ms = 500, max_instances = 9, min_instances = 2 }
    secrets             = { api-keys = { version = 3 }, signing-key = {}, vendor = { existing_id = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:shared-vendor-AbCdEf" } }
    secret_values       = { api-keys = "canary-of-a-key" }
    secret_prefix       = "shared-"
    state               = { point_in_time_recovery = false }
    deletion_protection = false
    network             = { subnet_ids = ["subnet-1", "subnet-2"], security_group_ids = ["sg-1"] }
    encryption_key_id   = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-4000-8000-000000000000"
    dead_letter         = { retention_days = 4 }
    logs                = { retention_days = 365 }
    tags                = { team = "proxies" }
    edge                = { rate_per_second = 5, burst = 6, cors_origins = ["https://app.example.com"], domain = { name = "portolan.example.com", certificate_id = "arn:aws:acm:eu-west-1:123456789012:certificate/00000000-0000-4000-8000-000000000000" } }
    aws = {
      permissions_boundary_arn = "arn:aws:iam::123456789012:policy/boundary"
      code_bucket              = "acme-code"
      layer                    = { path = "fixtures/other.zip", sha256_base64 = filebase64sha256("fixtures/other.zip") }
      layer_arns               = ["arn:aws:lambda:eu-west-1:123456789012:layer:insights:1"]
    }
  }

  assert {
    condition     = aws_lambda_function.this.runtime == "nodejs22.x" && aws_lambda_function.this.architectures == tolist(["x86_64"]) && aws_lambda_function.this.memory_size == 1024 && aws_lambda_function.this.timeout == 10 && aws_lambda_function.this.reserved_concurrent_executions == 9
    error_message = "The function is what runtime says."
  }
  assert {
    condition     = aws_lambda_provisioned_concurrency_config.live[0].provisioned_concurrent_executions == 2 && aws_lambda_provisioned_concurrency_config.live[0].qualifier == "live"
    error_message = "Two instances are kept warm, on the alias (terraform-provider-aws#15433)."
  }
  assert {
    condition = aws_lambda_function.this.environment[0].variables == tomap({
      PORTOLAN_TABLE              = "portolan-test"
      PORTOLAN_SECRET_PREFIX      = "shared-"
      PORTOLAN_EVENT_SOURCE       = "aws-http-v2"
      PORTOLAN_ATTEMPT_TIMEOUT_MS = "500"
      PORTOLAN_CONFIG             = jsonencode(jsondecode(file("fixtures/portolan.json")))
      LANG                        = "C"
      AWS_ENDPOINT_URL_DYNAMODB   = "https://vpce.example.com"
    })
    error_message = "config goes without its white space, beside the user's own settings."
  }
  assert {
    condition     = aws_lambda_function.this.filename == null && aws_lambda_function.this.s3_bucket == "acme-code" && aws_lambda_function.this.s3_key == aws_s3_object.package[0].key && aws_s3_object.package[0].key == "portolan-test/${filesha256("fixtures/function.zip")}.zip"
    error_message = "From a bucket the hash is in the key, so a new zip is new code."
  }
  assert {
    condition     = aws_lambda_function.this.layers == tolist(["arn:aws:lambda:eu-west-1:123456789012:layer:portolan-test-shared:1", "arn:aws:lambda:eu-west-1:123456789012:layer:insights:1"]) && strcontains(output.next_steps, "layer:portolan-test-shared:1")
    error_message = "The layer is published, used, and named for those who share it."
  }
  assert {
    condition     = aws_lambda_function.this.vpc_config[0].subnet_ids == toset(["subnet-1", "subnet-2"]) && aws_lambda_function.this.vpc_config[0].security_group_ids == toset(["sg-1"])
    error_message = "The function stands in the network."
  }
  assert {
    condition = alltrue([for key in [aws_lambda_function.this.kms_key_arn, aws_dynamodb_table.state.server_side_encryption[0].kms_key_arn, aws_sqs_queue.dead_letter[0].kms_master_key_id, aws_cloudwatch_log_group.function.kms_key_id, aws_cloudwatch_log_group.edge[0].kms_key_id, aws_secretsmanager_secret.this["api-keys"].kms_key_id] :
      key == var.encryption_key_id
    ])
    error_message = "Everything that is kept uses the key."
  }
  assert {
    condition     = aws_dynamodb_table.state.point_in_time_recovery[0].enabled == false && aws_dynamodb_table.state.deletion_protection_enabled == false && aws_secretsmanager_secret.this["signing-key"].recovery_window_in_days == 0
    error_message = "Without protection a destroy removes all at once, so that the same names can be used again."
  }
  assert {
    condition     = toset(keys(aws_secretsmanager_secret.this)) == toset(["api-keys", "signing-key"]) && aws_secretsmanager_secret.this["api-keys"].name == "shared-api-keys" && keys(aws_secretsmanager_secret_version.this) == ["api-keys"] && aws_secretsmanager_secret_version.this["api-keys"].secret_string_wo_version == 3
    error_message = "A secret that exists is not made; of those made, those with a version are written."
  }
  assert {
    condition     = aws_secretsmanager_secret_version.this["api-keys"].secret_string == null && aws_secretsmanager_secret_version.this["api-keys"].secret_string_wo == null
    error_message = "The value is in no plan and no state."
  }
  assert {
    condition     = output.secret_ids["vendor"] == "arn:aws:secretsmanager:eu-west-1:123456789012:secret:shared-vendor-AbCdEf" && length(output.secret_ids) == 3 && strcontains(output.next_steps, "shared-signing-key") && !strcontains(output.next_steps, "shared-api-keys")
    error_message = "All secrets are named, and those to fill by hand are said."
  }
  assert {
    condition     = aws_iam_role.function.permissions_boundary == "arn:aws:iam::123456789012:policy/boundary"
    error_message = "The boundary is on the role."
  }
  assert {
    condition     = aws_sqs_queue.dead_letter[0].message_retention_seconds == 345600 && aws_cloudwatch_log_group.function.retention_in_days == 365 && aws_lambda_function.this.tags["team"] == "proxies"
    error_message = "Terms and tags are those given."
  }
  assert {
    condition     = aws_apigatewayv2_domain_name.this[0].domain_name_configuration[0].security_policy == "TLS_1_2" && aws_apigatewayv2_api.this[0].disable_execute_api_endpoint && output.endpoint_url == "https://portolan.example.com" && aws_apigatewayv2_api_mapping.this[0].stage == aws_apigatewayv2_stage.this[0].id
    error_message = "With a domain, that is the address, TLS 1.2 or newer, and the API's own is off."
  }
  assert {
    condition     = aws_apigatewayv2_stage.this[0].default_route_settings[0].throttling_rate_limit == 5 && aws_apigatewayv2_stage.this[0].default_route_settings[0].throttling_burst_limit == 6 && aws_apigatewayv2_api.this[0].cors_configuration[0].allow_origins == toset(["https://app.example.com"]) && !contains(aws_apigatewayv2_api.this[0].cors_configuration[0].allow_headers, "*")
    error_message = "Limits and origins are those given."
  }
}
