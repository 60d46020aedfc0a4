# Made here, so that it has a retention and the function needs no right to make groups.
resource "aws_cloudwatch_log_group" "function" {
  name              = "/aws/lambda/${local.id}"
  retention_in_days = var.logs.retention_days
  kms_key_id        = var.encryption_key_id
  tags              = local.tags
}

# The access log says coldStart on an instance's first request, the same on every cloud; Lambda's own Init Duration is a line of text.
resource "aws_cloudwatch_log_metric_filter" "cold_starts" {
  name           = "${local.id}-cold-starts"
  log_group_name = aws_cloudwatch_log_group.function.name
  pattern        = "{ $.coldStart IS TRUE }"

  metric_transformation {
    namespace = local.metric_namespace
    name      = "ColdStarts"
    value     = "1"
    unit      = "Count"
  }
}

locals {
  metric_namespace = "Portolan/${local.id}"

  function_dimensions = { FunctionName = local.id }
  table_dimensions    = { TableName = aws_dynamodb_table.state.name }

  # Where each front door counts its requests and its answers of 5xx, and how long they took. Lambda's own Errors would miss the 503s that
  # Portolan answers in good order.
  edge_metrics = {
    function = {
      namespace  = "AWS/Lambda"
      dimensions = local.function_dimensions
      requests   = "UrlRequestCount"
      errors     = ["Url5xxCount"]
      latency    = "UrlRequestLatency"
      to_ms      = 1
    }
    managed = {
      namespace  = "AWS/ApiGateway"
      dimensions = { ApiId = one(aws_apigatewayv2_api.this[*].id) }
      requests   = "Count"
      errors     = ["5xx"]
      latency    = "Latency"
      to_ms      = 1
    }
    gateway = {
      namespace  = "AWS/ApiGateway"
      dimensions = { ApiName = local.id, Stage = "live" }
      requests   = "Count"
      errors     = ["5XXError"]
      latency    = "Latency"
      to_ms      = 1
    }
    balancer = {
      namespace  = "AWS/ApplicationELB"
      dimensions = { LoadBalancer = one(aws_lb.this[*].arn_suffix) }
      requests   = "RequestCount"
      errors     = ["HTTPCode_Target_5XX_Count", "HTTPCode_ELB_5XX_Count"]
      latency    = "TargetResponseTime"
      to_ms      = 1000 # seconds
    }
  }[var.edge.kind]

  # One description of each number, for alarms and dashboard. `metrics` are {id, namespace, name, dimensions, stat}.
  requests_metric = { id = "requests", namespace = local.edge_metrics.namespace, name = local.edge_metrics.requests, dimensions = local.edge_metrics.dimensions, stat = "Sum" }
  error_metrics   = [for at, name in local.edge_metrics.errors : { id = "errors${at}", namespace = local.edge_metrics.namespace, name = name, dimensions = local.edge_metrics.dimensions, stat = "Sum" }]
  invocations     = { id = "invocations", namespace = "AWS/Lambda", name = "Invocations", dimensions = local.function_dimensions, stat = "Sum" }
  cold_starts     = { id = "cold", namespace = local.metric_namespace, name = "ColdStarts", dimensions = {}, stat = "Sum" }
  throttle_metrics = [
    { id = "throttled", namespace = "AWS/Lambda", name = "Throttles", dimensions = local.function_dimensions, stat = "Sum" },
    { id = "reads", namespace = "AWS/DynamoDB", name = "ReadThrottleEvents", dimensions = local.table_dimensions, stat = "Sum" },
    { id = "writes", namespace = "AWS/DynamoDB", name = "WriteThrottleEvents", dimensions = local.table_dimensions, stat = "Sum" },
  ]

  expressions = {
    error_rate  = "IF(requests >= ${var.alarms.minimum_requests}, 100 * (${join(" + ", [for metric in local.error_metrics : "FILL(${metric.id}, 0)"])}) / requests, 0)"
    cold_starts = "IF(invocations >= ${var.alarms.minimum_requests}, 100 * FILL(cold, 0) / invocations, 0)"
    throttles   = join(" + ", [for metric in local.throttle_metrics : "FILL(${metric.id}, 0)"])
  }

  alarms_made = var.alarms.enabled ? 1 : 0
  alarm_names = merge(
    { for alarm in aws_cloudwatch_metric_alarm.p99_latency : "p99_latency" => alarm.alarm_name },
    { for key, alarm in aws_cloudwatch_metric_alarm.computed : key => alarm.alarm_name },
    { for alarm in aws_cloudwatch_metric_alarm.dead_letters : "dead_letters" => alarm.alarm_name },
  )
}

resource "aws_cloudwatch_metric_alarm" "p99_latency" {
  count                                 = local.alarms_made
  alarm_name                            = "${local.id}-p99-latency"
  alarm_description                     = "One request in a hundred takes longer than ${var.alarms.p99_latency_seconds} s in the function. Look at the dashboard's store latency, and for cold starts."
  namespace                             = "AWS/Lambda"
  metric_name                           = "Duration"
  dimensions                            = local.function_dimensions
  extended_statistic                    = "p99"
  period                                = 300
  evaluation_periods                    = 3
  datapoints_to_alarm                   = 2
  comparison_operator                   = "GreaterThanThreshold"
  threshold                             = var.alarms.p99_latency_seconds * 1000
  evaluate_low_sample_count_percentiles = "ignore"
  treat_missing_data                    = "notBreaching"
  alarm_actions                         = var.alarms.notify
  ok_actions                            = var.alarms.notify
  tags                                  = local.tags
}

resource "aws_cloudwatch_metric_alarm" "computed" {
  for_each = { for key, alarm in {
    error_rate = {
      description = "More than ${var.alarms.error_percent} % of the requests are answered with 5xx. Look into the logs for service.failed and bug."
      threshold   = var.alarms.error_percent
      label       = "Errors (%)"
      metrics     = concat([local.requests_metric], local.error_metrics)
      periods     = 3
    }
    cold_starts = {
      description = "More than ${var.alarms.cold_start_percent} % of the requests meet a new instance. Raise runtime.min_instances, or look for what ends instances."
      threshold   = var.alarms.cold_start_percent
      label       = "Cold starts (%)"
      metrics     = [local.invocations, local.cold_starts]
      periods     = 3
    }
    throttles = {
      description = "Lambda or DynamoDB refused work. Raise runtime.max_instances or the account's quota, or look for one tenant's burst."
      threshold   = var.alarms.throttles
      label       = "Throttles"
      metrics     = local.throttle_metrics
      periods     = 1
    }
  } : key => alarm if var.alarms.enabled }

  alarm_name          = "${local.id}-${replace(each.key, "_", "-")}"
  alarm_description   = each.value.description
  evaluation_periods  = each.value.periods
  datapoints_to_alarm = min(2, each.value.periods)
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.threshold
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarms.notify
  ok_actions          = var.alarms.notify
  tags                = local.tags

  metric_query {
    id          = "value"
    label       = each.value.label
    expression  = local.expressions[each.key]
    return_data = true
  }

  dynamic "metric_query" {
    for_each = each.value.metrics
    content {
      id = metric_query.value.id
      metric {
        namespace   = metric_query.value.namespace
        metric_name = metric_query.value.name
        dimensions  = metric_query.value.dimensions
        stat        = metric_query.value.stat
        period      = 300
      }
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "dead_letters" {
  count               = var.alarms.enabled && var.dead_letter.enabled ? 1 : 0
  alarm_name          = "${local.id}-dead-letters"
  alarm_description   = "Work failed for good and waits in the dead-letter queue."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.dead_letter[0].name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarms.notify
  ok_actions          = var.alarms.notify
  tags                = local.tags
}
