locals {
  # CloudWatch's way to write a metric: [namespace, name, dimension, value, ..., options].
  written = { for metric in concat([local.requests_metric, local.invocations, local.cold_starts], local.error_metrics, local.throttle_metrics) :
    metric.id => concat([metric.namespace, metric.name], flatten([for key, value in metric.dimensions : [key, value]]))
  }
  latency = concat([local.edge_metrics.namespace, local.edge_metrics.latency], flatten([for key, value in local.edge_metrics.dimensions : [key, value]]))
  # The operations adapters/aws/dynamo-store.ts and dynamo-counters.ts use.
  store_operations = ["GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query"]

  # Titles are the same on every cloud.
  tiles = concat(
    [
      { title = "Requests", stat = "Sum", metrics = [concat(local.written["requests"], [{ label = "requests" }])] },
      { title = "Errors (%)", stat = "Sum", metrics = concat(
        [[{ expression = local.expressions.error_rate, label = "answers of 5xx", id = "value" }]],
        [for metric in concat([local.requests_metric], local.error_metrics) : concat(local.written[metric.id], [{ id = metric.id, visible = false }])],
      ) },
      { title = "Latency (ms)", stat = "p99", metrics = concat(
        [for stat in ["p50", "p95", "p99"] : [{ expression = "${stat} * ${local.edge_metrics.to_ms}", label = stat, id = "${stat}ms" }]],
        [for stat in ["p50", "p95", "p99"] : concat(local.latency, [{ id = stat, stat = stat, visible = false }])],
      ) },
      { title = "Cold starts (%)", stat = "Sum", metrics = concat(
        [[{ expression = local.expressions.cold_starts, label = "first requests of an instance", id = "value" }]],
        [for metric in [local.invocations, local.cold_starts] : concat(local.written[metric.id], [{ id = metric.id, visible = false }])],
      ) },
      { title = "Throttles", stat = "Sum", metrics = [for metric in local.throttle_metrics : concat(local.written[metric.id], [{ label = metric.name }])] },
    ],
    [for queue in aws_sqs_queue.dead_letter : { title = "Dead letters", stat = "Maximum", metrics = [["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", queue.name]] }],
    [
      { title = "State store latency (ms)", stat = "p99", metrics = [for operation in local.store_operations : ["AWS/DynamoDB", "SuccessfulRequestLatency", "TableName", local.id, "Operation", operation]] },
      { title = "State store errors", stat = "Sum", metrics = concat(
        [for operation in local.store_operations : ["AWS/DynamoDB", "SystemErrors", "TableName", local.id, "Operation", operation]],
        [["AWS/DynamoDB", "UserErrors"]],
      ) },
    ],
  )
  dashboard_url = "https://${local.region}.console.aws.amazon.com/cloudwatch/home?region=${local.region}#dashboards/dashboard/${aws_cloudwatch_dashboard.this.dashboard_name}"
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = local.id
  dashboard_body = jsonencode({
    widgets = [for at, tile in local.tiles : {
      type   = "metric"
      x      = at % 3 * 8
      y      = floor(at / 3) * 6
      width  = 8
      height = 6
      properties = {
        title   = tile.title
        region  = local.region
        view    = "timeSeries"
        period  = 300
        stat    = tile.stat
        metrics = tile.metrics
      }
    }]
  })
}
