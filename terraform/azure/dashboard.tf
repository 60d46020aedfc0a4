locals {
  log_tiles = [
    {
      title = "Requests"
      chart = "timechart"
      query = "${trimspace(local.requests)}\n| summarize requests = sum(itemCount) by bin(timestamp, 5m)"
    },
    {
      title = "Errors, % of requests"
      chart = "timechart"
      query = "${trimspace(local.requests)}\n| summarize errors = 100.0 * sumif(itemCount, toint(resultCode) >= 500) / sum(itemCount) by bin(timestamp, 5m)"
    },
    {
      title = "Latency, seconds: p50, p95, p99"
      chart = "timechart"
      query = "${trimspace(local.requests)}\n| summarize p50 = percentile(duration, 50) / 1000, p95 = percentile(duration, 95) / 1000, p99 = percentile(duration, 99) / 1000 by bin(timestamp, 5m)"
    },
    {
      title = "Cold starts, % of requests"
      chart = "timechart"
      query = "${trimspace(local.access_log)}\n| summarize cold_starts = 100.0 * sumif(itemCount, tobool(line.coldStart)) / sum(itemCount) by bin(timestamp, 5m)"
    },
    {
      title = "State store errors: calls that failed after every retry"
      chart = "timechart"
      query = <<-KQL
        traces
        | where customDimensions.Category == "Host.Function.Console" and message has '"event":"service.failed"'
        | extend line = parse_json(message)
        | where tostring(line.operation) startswith "key-value-store"
        | summarize errors = sum(itemCount) by bin(timestamp, 5m), tostring(line["error.type"])
      KQL
    },
  ]
  metric_tiles = concat(
    [{
      title     = "Throttles: calls the table refused"
      resource  = azurerm_storage_account.state.id
      service   = "tableServices"
      metric    = "Transactions"
      aggregate = 1 # total
      filters   = [{ key = "ResponseType", operator = 0, values = ["ClientThrottlingError", "ServerBusyError", "ClientAccountRequestThrottlingError", "ClientAccountBandwidthThrottlingError"] }]
    }],
    var.dead_letter.enabled ? [{
      title     = "Dead letters"
      resource  = azurerm_storage_account.host.id
      service   = "queueServices"
      metric    = "QueueMessageCount"
      aggregate = 4 # average
      filters   = []
    }] : [],
  )
}

resource "azurerm_application_insights_workbook" "this" {
  name                = uuidv5("url", "portolan:${lower(local.group_id)}/${local.base}")
  resource_group_name = local.group
  location            = local.location
  display_name        = "Portolan ${local.base}"
  source_id           = lower(azurerm_application_insights.this.id)
  tags                = local.tags

  data_json = jsonencode({
    version = "Notebook/1.0"
    items = concat(
      [{ type = 1, name = "title", content = { json = "# Portolan ${local.base}" } }],
      [for tile in local.log_tiles : {
        type        = 3
        name        = tile.title
        customWidth = "50"
        content = {
          version       = "KqlItem/1.0"
          title         = tile.title
          query         = tile.query
          size          = 1
          queryType     = 0
          resourceType  = "microsoft.insights/components"
          visualization = tile.chart
          timeContext   = { durationMs = 86400000 }
        }
      }],
      [for tile in local.metric_tiles : {
        type        = 10
        name        = tile.title
        customWidth = "50"
        content = {
          version      = "MetricsItem/2.0"
          title        = tile.title
          size         = 1
          chartType    = 2
          chartId      = "workbook-${uuidv5("url", "portolan:${tile.title}")}"
          resourceType = "microsoft.storage/storageaccounts"
          resourceIds  = [tile.resource]
          timeContext  = { durationMs = 86400000 }
          metricScope  = 0
          metrics = [{
            namespace   = "microsoft.storage/storageaccounts/${lower(tile.service)}"
            metric      = "microsoft.storage/storageaccounts/${lower(tile.service)}--${tile.metric}"
            aggregation = tile.aggregate
          }]
          filters      = tile.filters
          gridSettings = { rowLimit = 10000 }
        }
      }],
    )
    fallbackResourceIds = [azurerm_application_insights.this.id]
  })
}
