# Alarms and dashboard.
mock_provider "aws" {
  source = "./mocks/aws"
}

variables {
  name          = "portolan"
  environment   = "test"
  package       = { path = "fixtures/function.zip", sha256_base64 = filebase64sha256("fixtures/function.zip") }
  secret_values = {}
}

run "thresholds" {
  module { source = "../aws" }

  assert {
    condition = output.alarm_names == tomap({
      p99_latency  = "portolan-test-p99-latency"
      error_rate   = "portolan-test-error-rate"
      cold_starts  = "portolan-test-cold-starts"
      throttles    = "portolan-test-throttles"
      dead_letters = "portolan-test-dead-letters"
    })
    error_message = "Five alarms: ${jsonencode(output.alarm_names)}"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.p99_latency[0].threshold == 3000 && aws_cloudwatch_metric_alarm.p99_latency[0].extended_statistic == "p99" && aws_cloudwatch_metric_alarm.p99_latency[0].metric_name == "Duration" && aws_cloudwatch_metric_alarm.p99_latency[0].evaluate_low_sample_count_percentiles == "ignore" && aws_cloudwatch_metric_alarm.p99_latency[0].datapoints_to_alarm == 2 && aws_cloudwatch_metric_alarm.p99_latency[0].evaluation_periods == 3
    error_message = "p99 over 3 s, in two of three periods; too few calls for a percentile change nothing."
  }
  assert {
    condition     = { for key, alarm in aws_cloudwatch_metric_alarm.computed : key => alarm.threshold } == { error_rate = 1, cold_starts = 10, throttles = 0 }
    error_message = "1 % of errors, 10 % of cold starts, any throttle."
  }
  assert {
    condition     = [for q in aws_cloudwatch_metric_alarm.computed["error_rate"].metric_query : q.expression if q.id == "value"] == ["IF(requests >= 20, 100 * (FILL(errors0, 0)) / requests, 0)"] && toset([for q in aws_cloudwatch_metric_alarm.computed["error_rate"].metric_query : q.metric[0].metric_name if q.id != "value"]) == toset(["Count", "5xx"])
    error_message = "Errors are the front door's answers of 5xx: Lambda's own Errors would miss the 503s that Portolan answers."
  }
  assert {
    condition     = [for q in aws_cloudwatch_metric_alarm.computed["cold_starts"].metric_query : q.expression if q.id == "value"] == ["IF(invocations >= 20, 100 * FILL(cold, 0) / invocations, 0)"] && aws_cloudwatch_log_metric_filter.cold_starts.pattern == "{ $.coldStart IS TRUE }" && [for q in aws_cloudwatch_metric_alarm.computed["cold_starts"].metric_query : q.metric[0].namespace if q.id == "cold"] == [aws_cloudwatch_log_metric_filter.cold_starts.metric_transformation[0].namespace]
    error_message = "Cold starts are counted from the access log's coldStart."
  }
  assert {
    condition     = toset([for q in aws_cloudwatch_metric_alarm.computed["throttles"].metric_query : "${q.metric[0].namespace} ${q.metric[0].metric_name}" if q.id != "value"]) == toset(["AWS/Lambda Throttles", "AWS/DynamoDB ReadThrottleEvents", "AWS/DynamoDB WriteThrottleEvents"])
    error_message = "Throttles are Lambda's and the table's."
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.dead_letters[0].threshold == 0 && aws_cloudwatch_metric_alarm.dead_letters[0].dimensions == tomap({ QueueName = "portolan-test-dead-letter" })
    error_message = "One dead letter is one too many."
  }
  assert {
    condition     = alltrue([for alarm in concat(aws_cloudwatch_metric_alarm.p99_latency, values(aws_cloudwatch_metric_alarm.computed), aws_cloudwatch_metric_alarm.dead_letters) : alarm.treat_missing_data == "notBreaching" && alarm.actions_enabled != false && alarm.comparison_operator == "GreaterThanThreshold"])
    error_message = "Silence is no alarm, and alarms act."
  }
  assert {
    condition     = [for w in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : w.properties.title] == ["Requests", "Errors (%)", "Latency (ms)", "Cold starts (%)", "Throttles", "Dead letters", "State store latency (ms)", "State store errors"]
    error_message = "The dashboard's tiles are those of every cloud."
  }
  assert {
    condition     = alltrue([for w in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : length(w.properties.metrics) > 0 && w.properties.region == "eu-west-1"])
    error_message = "Each tile shows something."
  }
}

run "overridden" {
  module { source = "../aws" }

  variables {
    edge   = { kind = "function" }
    alarms = { notify = ["arn:aws:sns:eu-west-1:123456789012:pager"], p99_latency_seconds = 0.5, error_percent = 5, cold_start_percent = 25, throttles = 7, minimum_requests = 3 }
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.p99_latency[0].threshold == 500 && { for key, alarm in aws_cloudwatch_metric_alarm.computed : key => alarm.threshold } == { error_rate = 5, cold_starts = 25, throttles = 7 }
    error_message = "Thresholds are variables."
  }
  assert {
    condition     = alltrue([for key in ["error_rate", "cold_starts"] : strcontains([for q in aws_cloudwatch_metric_alarm.computed[key].metric_query : q.expression if q.id == "value"][0], ">= 3,")])
    error_message = "Percentages are judged from minimum_requests on."
  }
  assert {
    condition     = alltrue([for alarm in concat(aws_cloudwatch_metric_alarm.p99_latency, values(aws_cloudwatch_metric_alarm.computed), aws_cloudwatch_metric_alarm.dead_letters) : alarm.alarm_actions == toset(["arn:aws:sns:eu-west-1:123456789012:pager"])])
    error_message = "Every alarm tells those in notify."
  }
  assert {
    condition     = toset([for q in aws_cloudwatch_metric_alarm.computed["error_rate"].metric_query : q.metric[0].metric_name if q.id != "value"]) == toset(["UrlRequestCount", "Url5xxCount"])
    error_message = "A function URL counts under names of its own."
  }
}

run "off" {
  module { source = "../aws" }

  variables {
    alarms      = { enabled = false }
    dead_letter = { enabled = false }
  }

  assert {
    condition     = output.alarm_names == tomap({}) && length(aws_cloudwatch_metric_alarm.p99_latency) + length(aws_cloudwatch_metric_alarm.computed) + length(aws_cloudwatch_metric_alarm.dead_letters) == 0
    error_message = "Alarms can be switched off."
  }
  assert {
    condition     = output.dead_letter_id == null && length(aws_lambda_function.this.dead_letter_config) == 0
    error_message = "So can the dead letters."
  }
}
