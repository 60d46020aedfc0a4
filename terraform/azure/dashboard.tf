locals {
  # In the order they are shown; titles are the same on every cloud.
  tile_titles = concat(
    ["Requests", "Errors (%)", "Latency (ms)", "Cold starts (%)", "Throttles"],
    var.dead_letter.enabled ? ["Dead letters"] : [],
    ["State store latency (ms)", "State store errors"],
  )

  log_tiles = {
    "Requests"        = "${trimspace(local.requests)}\n| summarize requests = sum(itemCount) by bin(timestamp, 5m)"
    "Errors (%)"      = "${trimspace(local.requests)}\n| summarize errors = 100.0 * sumif(itemCount, toint(resultCode) >= 500) / sum(itemCount) by bin(timestamp, 5m)"
    "Latency (ms)"    = "${trimspace(local.requests)}\n| summarize p50 = percentile(duration, 50), p95 = percentile(duration, 95), p99 = percentile(duration, 99) by bin(timestamp, 5m)"
    "Cold starts (%)" = "${trimspace(local.access_log)}\n| summarize cold_starts = 100.0 * sumif(itemCount, tobool(line.coldStart)) / sum(itemCount) by bin(timestamp, 5m)"
    # Calls that failed after every retry.
    "State store errors" = <<-KQL
      traces
      | where customDimensions.Category == "Host.Function.Console" and message has '"event":"service.failed"'
      | extend line = parse_json(message)
      | where tostring(line.operation) startswith "key-value-store"
      | summarize errors = sum(itemCount) by bin(timestamp, 5m), tostring(line["error.type"])
    KQL
  }

  # `aggregates` are the portal's numbers: 1 total, 3 maximum, 4 average. Storage has no percentiles.
  metric_tiles = {
    "Throttles" = {
      resource   = azurerm_storage_account.state.id
      service    = "tableServices"
      metric     = "Transactions" # that the table refused
      aggregates = [1]
      filters    = [{ key = "ResponseType", operator = 0, values = ["ClientThrottlingError", "ServerBusyError", "ClientAccountRequestThrottlingError", "ClientAccountBandwidthThrottlingError"] }]
    }
    "Dead letters" = {
      resource   = azurerm_storage_account.host.id
      service    = "queueServices"
      metric     = "QueueMessageCount"
      aggregates = [4]
      filters    = []
    }
    "State store latency (ms)" = {
      resource   = azurerm_storage_account.state.id
      service    = "tableServices"
      metric     = "SuccessE2ELatency"
      aggregates = [4, 3]
      filters    = []
    }
  }

  log_items = { for title, query in local.log_tiles : title => {
    type        = 3
    name        = title
    customWidth = "50"
    content = {
      version       = "KqlItem/1.0"
      title         = title
      query         = query
      size          = 1
      queryType     = 0
      resourceType  = "microsoft.insights/components"
      visualization = "timechart"
      timeContext   = { durationMs = 86400000 }
    }
  } }

  metric_items = { for title, tile in local.metric_tiles : title => {
    type        = 10
    name        = title
    customWidth = "50"
    content = {
      version      = "MetricsItem/2.0"
      title        = title
      size         = 1
      chartType    = 2
      chartId      = "workbook-${uuidv5("url", "portolan:${title}")}"
      resourceType = "microsoft.storage/storageaccounts"
      resourceIds  = [tile.resource]
      timeContext  = { durationMs = 86400000 }
      metricScope  = 0
      metrics = [for aggregate in tile.aggregates : {
        namespace   = "microsoft.storage/storageaccounts/${lower(tile.service)}"
        metric      = "microsoft.storage/storageaccounts/${lower(tile.service)}--${tile.metric}"
        aggregation = aggregate
      }]
      filters      = tile.filters
      gridSettings = { rowLimit = 10000 }
    }
  } }
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
      # Texts of JSON, because tiles of two kinds have no type in common.
      [for title in local.tile_titles : jsondecode(contains(keys(local.log_items), title) ? jsonencode(local.log_items[title]) : jsonencode(local.metric_items[title]))],
    )
    fallbackResourceIds = [azurerm_application_insights.this.id]
  })
}
