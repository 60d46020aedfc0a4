# Counted from the logs: what no metric of Google's knows. They cost nothing to keep and are made with or without alarms, for the dashboard.
resource "google_logging_metric" "this" {
  for_each = local.log_metrics

  project     = local.project
  name        = "${local.prefix}-${replace(each.key, "_", "-")}"
  description = each.value.description
  filter      = "${local.log_filter} AND ${each.value.filter}"

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
    unit        = "1"
  }

  depends_on = [google_project_service.this]
}

resource "google_monitoring_alert_policy" "this" {
  for_each = var.alarms.enabled ? local.alarms : {}

  project               = local.project
  display_name          = "${local.prefix}-${replace(each.key, "_", "-")}"
  combiner              = "OR"
  severity              = each.value.severity
  enabled               = true
  notification_channels = var.alarms.notify
  user_labels           = local.labels

  conditions {
    display_name = each.value.title
    condition_prometheus_query_language {
      query               = each.value.query
      duration            = each.value.duration
      evaluation_interval = "60s"
      # A metric counted from logs is known ten minutes after it is made: checked, the first apply fails
      # (https://github.com/hashicorp/terraform-provider-google/issues/11102).
      disable_metric_validation = true
    }
  }

  alert_strategy {
    auto_close           = "1800s"
    notification_prompts = ["OPENED", "CLOSED"]
  }

  documentation {
    mime_type = "text/markdown"
    subject   = "${local.prefix}: ${each.value.title}"
    content   = each.value.help
  }

  depends_on = [google_logging_metric.this]
}

locals {
  log_metrics = {
    # Cloud Run parses a line of JSON on standard output into jsonPayload; the access log says of each request whether it was an instance's first.
    cold_starts = {
      description = "Requests that started an instance"
      filter      = "jsonPayload.event=\"http.request\" AND jsonPayload.coldStart=true"
    }
    # Not every 429: those of Portolan's own limits are answers to one client. This is Google having no instance free (max_instances), and
    # Firestore or Secret Manager out of quota.
    throttles = {
      description = "Requests that found no instance, and calls refused for quota"
      filter      = "(textPayload:\"no available instance\" OR jsonPayload.\"error.type\"=\"resource_exhausted\")"
    }
  }

  # PromQL, because MQL is on its way out and thresholds cannot divide two metrics while asking for a minimum of requests.
  # https://cloud.google.com/monitoring/promql/promql-mapping
  service_labels = "monitored_resource=\"cloud_run_revision\",service_name=\"${local.prefix}\",location=\"${local.region}\""
  count_of       = { for key, metric in local.log_metrics : key => "sum(increase(logging_googleapis_com:user_${replace("${local.prefix}_${key}", "-", "_")}{${local.service_labels}}[5m]))" }
  requests       = "sum(increase(run_googleapis_com:request_count{${local.service_labels}}[5m]))"
  failed         = "sum(increase(run_googleapis_com:request_count{${local.service_labels},response_code_class=\"5xx\"}[5m]))"
  latency        = { for quantile in ["0.5", "0.95", "0.99"] : quantile => "histogram_quantile(${quantile}, sum by (le) (rate(run_googleapis_com:request_latencies_bucket{${local.service_labels}}[5m])))" }
  undelivered    = "sum(pubsub_googleapis_com:subscription_num_undelivered_messages{monitored_resource=\"pubsub_subscription\",subscription_id=\"${local.prefix}-dead-letters\"})"
  enough         = "(${local.requests} >= ${var.alarms.minimum_requests})"

  alarms = merge(
    {
      p99_latency = {
        title    = "p99 above ${var.alarms.p99_latency_seconds} s"
        query    = "(${local.latency["0.99"]} > ${var.alarms.p99_latency_seconds * 1000}) and on() ${local.enough}" # the metric is in milliseconds
        duration = "300s"
        severity = "WARNING"
        help     = "One request in a hundred takes longer than ${var.alarms.p99_latency_seconds} s. Look at the dashboard's cold starts and state-store errors, then at the log's `durationMs`."
      }
      error_rate = {
        title    = "errors above ${var.alarms.error_percent} %"
        query    = "(100 * ${local.failed} / ${local.requests} > ${var.alarms.error_percent}) and on() ${local.enough}"
        duration = "60s"
        severity = "ERROR"
        help     = "More than ${var.alarms.error_percent} % of requests are answered with 5xx. The log lines `service.failed` and `bug` say which service, by `incident`."
      }
      cold_starts = {
        title    = "cold starts above ${var.alarms.cold_start_percent} %"
        query    = "(100 * ${local.count_of["cold_starts"]} / ${local.requests} > ${var.alarms.cold_start_percent}) and on() ${local.enough}"
        duration = "300s"
        severity = "WARNING"
        help     = "More than ${var.alarms.cold_start_percent} % of requests wait for a new instance. runtime.min_instances keeps some warm; a lower runtime.concurrency makes more of them."
      }
      throttles = {
        title    = "more than ${var.alarms.throttles} throttled in five minutes"
        query    = "${local.count_of["throttles"]} > ${var.alarms.throttles}"
        duration = "0s"
        severity = "ERROR"
        help     = "Google had no instance free (runtime.max_instances), or a call of Firestore or Secret Manager was refused for quota."
      }
    },
    var.dead_letter.enabled ? {
      dead_letters = {
        title    = "dead letters"
        query    = "${local.undelivered} > 0"
        duration = "0s"
        severity = "ERROR"
        help     = "Work that failed for good waits in the subscription ${local.prefix}-dead-letters: `gcloud pubsub subscriptions pull ${local.prefix}-dead-letters --project ${local.project}`."
      }
    } : {},
  )
}
