# The five alarms: thresholds, overrides, the switch, and where they go.
mock_provider "google" {
  source = "./mocks/gcp"
}
mock_provider "google-beta" {
  source = "./mocks/gcp"
}
mock_provider "time" {}

variables {
  name          = "portolan"
  environment   = "test"
  package       = { path = "fixtures/function.zip", sha256_base64 = filebase64sha256("fixtures/function.zip") }
  secret_values = {}
  gcp           = { project_id = "acme-portolan", region = "europe-west1" }
}

run "defaults" {
  module { source = "../gcp" }
  assert {
    condition     = output.alarm_names == tomap({ p99_latency = "portolan-test-p99-latency", error_rate = "portolan-test-error-rate", cold_starts = "portolan-test-cold-starts", throttles = "portolan-test-throttles", dead_letters = "portolan-test-dead-letters" })
    error_message = "The five alarms, by the names every cloud uses."
  }
  assert {
    condition     = strcontains(google_monitoring_alert_policy.this["p99_latency"].conditions[0].condition_prometheus_query_language[0].query, "(histogram_quantile(0.99, sum by (le) (rate(run_googleapis_com:request_latencies_bucket{monitored_resource=\"cloud_run_revision\",service_name=\"portolan-test\",location=\"europe-west1\"}[5m]))) > 3000) and on()")
    error_message = "p99 above 3 s; the metric is in milliseconds."
  }
  assert {
    condition = (
      strcontains(google_monitoring_alert_policy.this["error_rate"].conditions[0].condition_prometheus_query_language[0].query, "response_code_class=\"5xx\"") &&
      strcontains(google_monitoring_alert_policy.this["error_rate"].conditions[0].condition_prometheus_query_language[0].query, "> 1) and on()") &&
      strcontains(google_monitoring_alert_policy.this["cold_starts"].conditions[0].condition_prometheus_query_language[0].query, "logging_googleapis_com:user_portolan_test_cold_starts{") &&
      strcontains(google_monitoring_alert_policy.this["cold_starts"].conditions[0].condition_prometheus_query_language[0].query, "> 10) and on()")
    )
    error_message = "Errors above 1 %, cold starts above 10 %."
  }
  assert {
    condition     = alltrue([for key in ["p99_latency", "error_rate", "cold_starts"] : endswith(google_monitoring_alert_policy.this[key].conditions[0].condition_prometheus_query_language[0].query, ">= 20)")])
    error_message = "With fewer than twenty requests no percentage is judged."
  }
  assert {
    condition     = endswith(google_monitoring_alert_policy.this["throttles"].conditions[0].condition_prometheus_query_language[0].query, "[5m])) > 0") && endswith(google_monitoring_alert_policy.this["dead_letters"].conditions[0].condition_prometheus_query_language[0].query, "subscription_id=\"portolan-test-dead-letters\"}) > 0")
    error_message = "Any throttle, any dead letter."
  }
  assert {
    condition     = alltrue([for policy in google_monitoring_alert_policy.this : policy.enabled && policy.conditions[0].condition_prometheus_query_language[0].disable_metric_validation && length(policy.documentation[0].content) > 40])
    error_message = "Alarms are on, are made before their metrics have a point, and say what to look at."
  }
  # The metrics' names in queries are those of the metrics.
  assert {
    condition     = { for key, metric in google_logging_metric.this : key => metric.name } == { cold_starts = "portolan-test-cold-starts", throttles = "portolan-test-throttles" }
    error_message = "Two metrics are counted from logs."
  }
  assert {
    condition     = google_logging_metric.this["cold_starts"].filter == "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=\"portolan-test\" AND resource.labels.location=\"europe-west1\" AND jsonPayload.event=\"http.request\" AND jsonPayload.coldStart=true"
    error_message = "A cold start is what the access log says (core/control/control-handler.ts)."
  }
  assert {
    condition     = strcontains(google_logging_metric.this["throttles"].filter, "(textPayload:\"no available instance\" OR jsonPayload.\"error.type\"=\"resource_exhausted\")")
    error_message = "A throttle is Google's doing, not Portolan's own answer 429."
  }
  assert {
    condition     = [for tile in jsondecode(google_monitoring_dashboard.this.dashboard_json).mosaicLayout.tiles : tile.widget.title] == ["Requests", "Errors (%)", "Latency (ms)", "Cold starts (%)", "Throttles", "Dead letters", "State store latency (ms)", "State store errors"]
    error_message = "The dashboard's tiles are those of every cloud."
  }
  assert {
    condition     = [for set in jsondecode(google_monitoring_dashboard.this.dashboard_json).mosaicLayout.tiles[2].widget.xyChart.dataSets : set.legendTemplate] == ["p50", "p95", "p99"]
    error_message = "Latency as p50, p95 and p99."
  }
  assert {
    condition     = [for set in jsondecode(google_monitoring_dashboard.this.dashboard_json).mosaicLayout.tiles[6].widget.xyChart.dataSets : set.timeSeriesQuery.prometheusQuery][2] == "1000 * histogram_quantile(0.99, sum by (le) (rate(firestore_googleapis_com:api_request_latencies_bucket{monitored_resource=\"firestore.googleapis.com/Database\",database_id=\"portolan-test\"}[5m])))"
    error_message = "And the state store's, which Google measures in seconds."
  }
  assert {
    condition     = length(distinct([for tile in jsondecode(google_monitoring_dashboard.this.dashboard_json).mosaicLayout.tiles : "${tile.xPos},${tile.yPos}"])) == 8 && alltrue([for tile in jsondecode(google_monitoring_dashboard.this.dashboard_json).mosaicLayout.tiles : tile.xPos + tile.width <= 12])
    error_message = "No tile lies over another, or beside the board."
  }
}

run "overridden" {
  command = plan
  module { source = "../gcp" }
  variables {
    alarms = {
      notify              = ["projects/acme-portolan/notificationChannels/123", "projects/acme-portolan/notificationChannels/456"]
      p99_latency_seconds = 0.5
      error_percent       = 5
      cold_start_percent  = 25
      throttles           = 3
      minimum_requests    = 100
    }
  }
  assert {
    condition     = length(google_monitoring_alert_policy.this) == 5 && alltrue([for policy in google_monitoring_alert_policy.this : policy.notification_channels == tolist(["projects/acme-portolan/notificationChannels/123", "projects/acme-portolan/notificationChannels/456"])])
    error_message = "Every alarm tells every channel."
  }
  assert {
    condition = (
      strcontains(google_monitoring_alert_policy.this["p99_latency"].conditions[0].condition_prometheus_query_language[0].query, "> 500) and on()") &&
      strcontains(google_monitoring_alert_policy.this["error_rate"].conditions[0].condition_prometheus_query_language[0].query, "> 5) and on()") &&
      strcontains(google_monitoring_alert_policy.this["cold_starts"].conditions[0].condition_prometheus_query_language[0].query, "> 25) and on()") &&
      endswith(google_monitoring_alert_policy.this["throttles"].conditions[0].condition_prometheus_query_language[0].query, "> 3") &&
      alltrue([for key in ["p99_latency", "error_rate", "cold_starts"] : endswith(google_monitoring_alert_policy.this[key].conditions[0].condition_prometheus_query_language[0].query, ">= 100)")])
    )
    error_message = "Thresholds are the variables'."
  }
}

run "off" {
  module { source = "../gcp" }
  variables {
    alarms      = { enabled = false }
    dead_letter = { enabled = false }
  }
  assert {
    condition     = length(google_monitoring_alert_policy.this) == 0 && length(output.alarm_names) == 0 && length(google_logging_metric.this) == 2
    error_message = "No alarm is made; the dashboard still counts."
  }
  assert {
    condition     = length(google_pubsub_topic.dead_letter) == 0 && output.dead_letter_id == null && length(jsondecode(google_monitoring_dashboard.this.dashboard_json).mosaicLayout.tiles) == 7
    error_message = "Without dead letters there is no queue, no id and no tile."
  }
}
