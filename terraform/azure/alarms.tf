locals {
  # The access log (core/telemetry): one line of JSON for each request. Lines may be sampled, so they are counted by itemCount.
  access_log = <<-KQL
    traces
    | where customDimensions.Category == "Host.Function.Console" and message has '"event":"http.request"'
    | extend line = parse_json(message)
  KQL
  # The sweeper's runs are requests too: only the function called http counts.
  requests = <<-KQL
    requests
    | where name == "http"
  KQL

  log_alarms = {
    p99_latency = {
      description = "The slowest hundredth of the requests takes longer than ${var.alarms.p99_latency_seconds} s."
      severity    = 2
      threshold   = var.alarms.p99_latency_seconds
      periods     = { failing = 2, of = 3 }
      query       = <<-KQL
        ${trimspace(local.requests)}
        | summarize total = sum(itemCount), value = percentile(duration, 99) / 1000
        | where total >= ${var.alarms.minimum_requests}
        | project value
      KQL
    }
    error_rate = {
      description = "More than ${var.alarms.error_percent} % of the requests fail with 5xx, or without an answer."
      severity    = 1
      threshold   = var.alarms.error_percent
      periods     = { failing = 1, of = 1 }
      query       = <<-KQL
        ${trimspace(local.requests)}
        | extend status = toint(resultCode)
        | summarize total = sum(itemCount), failed = sumif(itemCount, status >= 500 or (success == false and not(status between (400 .. 499))))
        | where total >= ${var.alarms.minimum_requests}
        | project value = 100.0 * failed / total
      KQL
    }
    cold_starts = {
      description = "More than ${var.alarms.cold_start_percent} % of the requests wait for a new instance (coldStart in the access log)."
      severity    = 3
      threshold   = var.alarms.cold_start_percent
      periods     = { failing = 2, of = 3 }
      query       = <<-KQL
        ${trimspace(local.access_log)}
        | summarize total = sum(itemCount), cold = sumif(itemCount, tobool(line.coldStart))
        | where total >= ${var.alarms.minimum_requests}
        | project value = 100.0 * cold / total
      KQL
    }
  }

  alarm_names = merge(
    { for key, alarm in azurerm_monitor_scheduled_query_rules_alert_v2.this : key => alarm.name },
    { for alarm in azurerm_monitor_metric_alert.throttles : "throttles" => alarm.name },
    { for alarm in azurerm_monitor_metric_alert.dead_letters : "dead_letters" => alarm.name },
  )
}

# No data is not an alarm: a rule fires on a row over its threshold, and without enough requests there is no row.
resource "azurerm_monitor_scheduled_query_rules_alert_v2" "this" {
  for_each = var.alarms.enabled ? local.log_alarms : {}

  name                = "${local.base}-${replace(each.key, "_", "-")}"
  resource_group_name = local.group
  location            = local.location
  scopes              = [azurerm_application_insights.this.id]
  description         = each.value.description
  severity            = each.value.severity
  # A log rule every five minutes costs three times one every fifteen, and three of them more than everything else together.
  evaluation_frequency    = "PT${var.azure.alarm_minutes}M"
  window_duration         = "PT${var.azure.alarm_minutes}M"
  auto_mitigation_enabled = true
  skip_query_validation   = true # a new Application Insights does not know its own tables for some minutes

  criteria {
    query                   = each.value.query
    time_aggregation_method = "Maximum"
    metric_measure_column   = "value"
    operator                = "GreaterThan"
    threshold               = each.value.threshold

    failing_periods {
      minimum_failing_periods_to_trigger_alert = each.value.periods.failing
      number_of_evaluation_periods             = each.value.periods.of
    }
  }

  dynamic "action" {
    for_each = length(var.alarms.notify) > 0 ? [var.alarms.notify] : []
    content {
      action_groups = action.value
    }
  }

  tags = local.tags
}

# The table service refuses because of load. Azure does not count the requests for which no instance was free.
resource "azurerm_monitor_metric_alert" "throttles" {
  count = var.alarms.enabled ? 1 : 0

  name                = "${local.base}-throttles"
  resource_group_name = local.group
  scopes              = ["${azurerm_storage_account.state.id}/tableServices/default"]
  description         = "The table refused more than ${var.alarms.throttles} calls in five minutes because of load."
  severity            = 2
  frequency           = "PT5M"
  window_size         = "PT5M"

  criteria {
    metric_namespace       = "Microsoft.Storage/storageAccounts/tableServices"
    metric_name            = "Transactions"
    aggregation            = "Total"
    operator               = "GreaterThan"
    threshold              = var.alarms.throttles
    skip_metric_validation = true # a new account has no metrics yet

    dimension {
      name     = "ResponseType"
      operator = "Include"
      values   = ["ClientThrottlingError", "ServerBusyError", "ClientAccountRequestThrottlingError", "ClientAccountBandwidthThrottlingError"]
    }
  }

  dynamic "action" {
    for_each = var.alarms.notify
    content {
      action_group_id = action.value
    }
  }

  tags = local.tags
}

# Storage counts messages once an hour.
resource "azurerm_monitor_metric_alert" "dead_letters" {
  count = var.alarms.enabled && var.dead_letter.enabled ? 1 : 0

  name                = "${local.base}-dead-letters"
  resource_group_name = local.group
  scopes              = ["${azurerm_storage_account.host.id}/queueServices/default"]
  description         = "Work failed for good: there are messages in the queue ${azurerm_storage_queue.dead_letters[0].name}."
  severity            = 2
  frequency           = "PT1H"
  window_size         = "PT1H"

  criteria {
    metric_namespace       = "Microsoft.Storage/storageAccounts/queueServices"
    metric_name            = "QueueMessageCount"
    aggregation            = "Average"
    operator               = "GreaterThan"
    threshold              = 0
    skip_metric_validation = true
  }

  dynamic "action" {
    for_each = var.alarms.notify
    content {
      action_group_id = action.value
    }
  }

  tags = local.tags
}
