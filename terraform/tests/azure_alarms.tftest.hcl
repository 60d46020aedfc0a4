# The alarms: what they measure, when they fire, whom they tell.
mock_provider "azurerm" {
  source = "./mocks/azure"
}
mock_provider "time" {
  source = "./mocks/azure"
}

variables {
  name          = "portolan"
  environment   = "test"
  package       = { path = "fixtures/function.zip", sha256_base64 = filebase64sha256("fixtures/function.zip") }
  secret_values = {}
  azure         = { resource_group_name = "portolan", location = "westeurope" }
}


run "defaults" {
  module { source = "../azure" }

  assert {
    condition = output.alarm_names == tomap({
      p99_latency = "portolan-test-p99-latency", error_rate = "portolan-test-error-rate", cold_starts = "portolan-test-cold-starts", throttles = "portolan-test-throttles", dead_letters = "portolan-test-dead-letters"
    })
    error_message = "alarms: ${jsonencode(output.alarm_names)}"
  }
  assert {
    condition = { for key, alarm in azurerm_monitor_scheduled_query_rules_alert_v2.this : key => alarm.criteria[0].threshold } == {
      p99_latency = 3, error_rate = 1, cold_starts = 10
    }
    error_message = "p99 > 3 s, errors > 1 %, cold starts > 10 %."
  }
  assert {
    condition = alltrue([for alarm in azurerm_monitor_scheduled_query_rules_alert_v2.this :
      alarm.criteria[0].operator == "GreaterThan" && alarm.criteria[0].metric_measure_column == "value" && alarm.window_duration == "PT15M" && alarm.evaluation_frequency == "PT15M" &&
      alarm.scopes == tolist([azurerm_application_insights.this.id]) && length(alarm.action) == 0 && strcontains(alarm.criteria[0].query, "| where total >= 20\n")
    ])
    error_message = "All look at five minutes of Application Insights, judge nothing below 20 requests, and tell nobody."
  }
  assert {
    condition     = azurerm_monitor_scheduled_query_rules_alert_v2.this["p99_latency"].criteria[0].query == <<-KQL
      requests
      | where name == "http"
      | summarize total = sum(itemCount), value = percentile(duration, 99) / 1000
      | where total >= 20
      | project value
    KQL
    error_message = azurerm_monitor_scheduled_query_rules_alert_v2.this["p99_latency"].criteria[0].query
  }
  assert {
    condition     = azurerm_monitor_scheduled_query_rules_alert_v2.this["error_rate"].criteria[0].query == <<-KQL
      requests
      | where name == "http"
      | extend status = toint(resultCode)
      | summarize total = sum(itemCount), failed = sumif(itemCount, status >= 500 or (success == false and not(status between (400 .. 499))))
      | where total >= 20
      | project value = 100.0 * failed / total
    KQL
    error_message = azurerm_monitor_scheduled_query_rules_alert_v2.this["error_rate"].criteria[0].query
  }
  # The line of core/control/control-handler.ts, as the Functions host hands on what a worker writes to standard output.
  assert {
    condition     = azurerm_monitor_scheduled_query_rules_alert_v2.this["cold_starts"].criteria[0].query == <<-KQL
      traces
      | where customDimensions.Category == "Host.Function.Console" and message has '"event":"http.request"'
      | extend line = parse_json(message)
      | summarize total = sum(itemCount), cold = sumif(itemCount, tobool(line.coldStart))
      | where total >= 20
      | project value = 100.0 * cold / total
    KQL
    error_message = azurerm_monitor_scheduled_query_rules_alert_v2.this["cold_starts"].criteria[0].query
  }
  assert {
    condition = (
      azurerm_monitor_metric_alert.throttles[0].criteria[0].metric_name == "Transactions" && azurerm_monitor_metric_alert.throttles[0].criteria[0].threshold == 0 && azurerm_monitor_metric_alert.throttles[0].window_size == "PT5M" &&
      endswith(one(azurerm_monitor_metric_alert.throttles[0].scopes), "/tableServices/default") && contains(one(azurerm_monitor_metric_alert.throttles[0].criteria[0].dimension).values, "ServerBusyError")
    )
    error_message = "Any call the table refuses because of load."
  }
  assert {
    condition     = azurerm_monitor_metric_alert.dead_letters[0].criteria[0].metric_name == "QueueMessageCount" && azurerm_monitor_metric_alert.dead_letters[0].criteria[0].threshold == 0 && endswith(one(azurerm_monitor_metric_alert.dead_letters[0].scopes), "/queueServices/default")
    error_message = "Any message in the queue."
  }
}

run "yours" {
  module { source = "../azure" }

  variables {
    dead_letter = { enabled = false }
    alarms = {
      notify              = ["/subscriptions/s/resourceGroups/r/providers/Microsoft.Insights/actionGroups/night"]
      p99_latency_seconds = 1.5
      error_percent       = 5
      cold_start_percent  = 50
      throttles           = 7
      minimum_requests    = 100
    }
  }

  assert {
    condition = { for key, alarm in azurerm_monitor_scheduled_query_rules_alert_v2.this : key => alarm.criteria[0].threshold } == {
      p99_latency = 1.5, error_rate = 5, cold_starts = 50
    }
    error_message = "The thresholds are the variable's."
  }
  assert {
    condition = (
      alltrue([for alarm in azurerm_monitor_scheduled_query_rules_alert_v2.this : alarm.action[0].action_groups == tolist(var.alarms.notify) && strcontains(alarm.criteria[0].query, "| where total >= 100\n")]) &&
      one(azurerm_monitor_metric_alert.throttles[0].action).action_group_id == var.alarms.notify[0] && azurerm_monitor_metric_alert.throttles[0].criteria[0].threshold == 7
    )
    error_message = "Every alarm tells the action group."
  }
  assert {
    condition     = toset(keys(output.alarm_names)) == toset(["cold_starts", "error_rate", "p99_latency", "throttles"]) && output.dead_letter_id == null && length(azurerm_storage_queue.dead_letters) == 0
    error_message = "Without a queue there is no alarm about it."
  }
}

run "off" {
  command = plan
  module { source = "../azure" }

  variables {
    alarms = { enabled = false }
  }

  assert {
    condition     = length(output.alarm_names) == 0 && length(azurerm_monitor_scheduled_query_rules_alert_v2.this) == 0 && length(azurerm_monitor_metric_alert.throttles) == 0 && length(azurerm_monitor_metric_alert.dead_letters) == 0
    error_message = "alarms.enabled = false makes none."
  }
}
