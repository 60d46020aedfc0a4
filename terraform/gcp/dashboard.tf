# The same tiles on the three clouds.
resource "google_monitoring_dashboard" "this" {
  project = local.project
  dashboard_json = jsonencode({
    displayName = local.prefix
    labels      = { for key, value in local.labels : key => value }
    mosaicLayout = {
      columns = 12
      tiles = [for index, tile in local.tiles : {
        xPos   = (index % 3) * 4
        yPos   = floor(index / 3) * 4
        width  = 4
        height = 4
        widget = {
          title = tile.title
          xyChart = {
            dataSets = [for query in tile.queries : {
              timeSeriesQuery = { prometheusQuery = query.query, unitOverride = tile.unit }
              plotType        = "LINE"
              targetAxis      = "Y1"
              legendTemplate  = query.name
            }]
            yAxis      = { label = tile.unit, scale = "LINEAR" }
            thresholds = [for value in tile.threshold[*] : { value = value, targetAxis = "Y1" }]
          }
        }
      }]
    }
  })

  depends_on = [google_project_service.this]
}

locals {
  # Titles are the same on every cloud.
  tiles = concat(
    [
      { title = "Requests", unit = "1/s", threshold = null, queries = [
        { name = "requests", query = "sum(rate(run_googleapis_com:request_count{${local.service_labels}}[5m]))" },
      ] },
      { title = "Errors (%)", unit = "%", threshold = var.alarms.error_percent, queries = [
        { name = "5xx", query = "100 * ${local.failed} / ${local.requests}" },
      ] },
      { title = "Latency (ms)", unit = "ms", threshold = var.alarms.p99_latency_seconds * 1000, queries = [
        { name = "p50", query = local.latency["0.5"] },
        { name = "p95", query = local.latency["0.95"] },
        { name = "p99", query = local.latency["0.99"] },
      ] },
      { title = "Cold starts (%)", unit = "%", threshold = var.alarms.cold_start_percent, queries = [
        { name = "cold starts", query = "100 * ${local.count_of["cold_starts"]} / ${local.requests}" },
      ] },
      { title = "Throttles", unit = "1", threshold = var.alarms.throttles, queries = [
        { name = "in five minutes", query = local.count_of["throttles"] },
      ] },
    ],
    var.dead_letter.enabled ? [
      { title = "Dead letters", unit = "1", threshold = 0, queries = [{ name = "waiting", query = local.undelivered }] },
    ] : [],
    [
      { title = "State store latency (ms)", unit = "ms", threshold = null, queries = [
        # Firestore's metric is in seconds.
        for quantile in ["0.5", "0.95", "0.99"] : { name = "p${quantile * 100}", query = "1000 * histogram_quantile(${quantile}, sum by (le) (rate(firestore_googleapis_com:api_request_latencies_bucket{${local.database_labels}}[5m])))" }
      ] },
      # A lost race and an id that is there already are answers, not errors: see adapters/gcp/firestore-store.ts.
      { title = "State store errors", unit = "1/s", threshold = null, queries = [
        { name = "by code", query = "sum by (response_code) (rate(firestore_googleapis_com:api_request_count{${local.database_labels},response_code!~\"OK|ALREADY_EXISTS|FAILED_PRECONDITION|INVALID_ARGUMENT|NOT_FOUND\"}[5m]))" },
      ] },
    ],
  )
  database_labels = "monitored_resource=\"firestore.googleapis.com/Database\",database_id=\"${local.prefix}\""
}
