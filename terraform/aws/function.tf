locals {
  # The handler is the bundle's export; streamed answers are another function signature (adapters/aws/lambda-handler.ts).
  handler = var.edge.streaming ? "index.streamHandler" : "index.handler"
  # nodejs24.x: provider 6.22 or newer knows it; an older one refuses it by name, and 22 works there.
  runtime      = "nodejs${coalesce(var.runtime.node_version, 24)}.x"
  architecture = coalesce(var.runtime.architecture, "arm64")
}

resource "aws_lambda_function" "this" {
  function_name    = local.id
  description      = "Portolan: sessions of upstream proxies"
  role             = aws_iam_role.function.arn
  filename         = var.aws.code_bucket == null ? var.package.path : null
  s3_bucket        = var.aws.code_bucket
  s3_key           = one(aws_s3_object.package[*].key)
  source_code_hash = var.package.sha256_base64
  handler          = local.handler
  runtime          = local.runtime
  architectures    = [local.architecture]
  memory_size      = var.runtime.memory_mb
  timeout          = var.runtime.timeout_seconds
  layers           = concat(aws_lambda_layer_version.shared[*].arn, var.aws.layer_arns)
  kms_key_arn      = var.encryption_key_id
  # A published version for each change, behind the alias: a rollback is one alias away, and provisioned concurrency needs one.
  publish                        = true
  reserved_concurrent_executions = var.aws.reserve_concurrency ? var.runtime.max_instances : -1
  tags                           = local.tags

  environment {
    variables = local.environment
  }

  tracing_config {
    mode = "Active"
  }

  logging_config {
    # Text: Portolan writes whole lines of JSON; Lambda's own JSON format would put them into a string.
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.function.name
  }

  # Asynchronous invocations only: the caller of a request sees its error.
  dynamic "dead_letter_config" {
    for_each = aws_sqs_queue.dead_letter
    content {
      target_arn = dead_letter_config.value.arn
    }
  }

  dynamic "vpc_config" {
    for_each = length(var.network.subnet_ids) > 0 ? [var.network] : []
    content {
      subnet_ids         = vpc_config.value.subnet_ids
      security_group_ids = vpc_config.value.security_group_ids
    }
  }

  # Lambda tries the role's permissions (queue, network interfaces) while it makes the function.
  depends_on = [aws_iam_role_policy.function]

  lifecycle {
    precondition {
      condition     = length(local.refusals) == 0
      error_message = join("\n", local.refusals)
    }
  }
}

resource "aws_lambda_alias" "live" {
  name             = "live"
  description      = "What the front door calls"
  function_name    = aws_lambda_function.this.function_name
  function_version = aws_lambda_function.this.version
}

# On the alias: on a version it would be made anew with each deployment, and the old one paid meanwhile.
resource "aws_lambda_provisioned_concurrency_config" "live" {
  count                             = var.runtime.min_instances > 0 ? 1 : 0
  function_name                     = aws_lambda_function.this.function_name
  qualifier                         = aws_lambda_alias.live.name
  provisioned_concurrent_executions = var.runtime.min_instances
}

resource "aws_s3_object" "package" {
  count  = var.aws.code_bucket == null ? 0 : 1
  bucket = var.aws.code_bucket
  # The hash in the key: Lambda takes new code when the key is new, and a rollback finds the old object's name in the plan.
  key    = "${local.id}/${filesha256(var.package.path)}.zip"
  source = var.package.path
  tags   = local.tags

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_lambda_layer_version" "shared" {
  count                    = var.aws.layer == null ? 0 : 1
  layer_name               = "${local.id}-shared"
  description              = "Portolan's code, for functions that share it"
  filename                 = var.aws.layer.path
  source_code_hash         = var.aws.layer.sha256_base64
  compatible_runtimes      = [local.runtime]
  compatible_architectures = [local.architecture]
}
