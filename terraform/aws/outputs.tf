# Names and types are the same in the three modules (checked). `null` or an empty collection: this cloud, or this configuration, has none.

output "endpoint_url" {
  description = "Where Portolan answers, without a slash at the end: `<endpoint_url>/livez`. string"
  value       = local.endpoint_url
}

output "next_steps" {
  description = "What to do now, with the commands. string"
  value       = local.next_steps
}

output "function_name" {
  description = "The function's name. string"
  value       = aws_lambda_function.this.function_name
}

output "function_id" {
  description = "The function's id in its cloud (on AWS the alias's ARN). string"
  value       = aws_lambda_alias.live.arn
}

output "identity" {
  description = "Whom the function acts as: role ARN, client id or service account. string"
  value       = aws_iam_role.function.arn
}

output "state_name" {
  description = "The name of the table, as the function gets it. string"
  value       = aws_dynamodb_table.state.name
}

output "state_id" {
  description = "The table's id in its cloud. string"
  value       = aws_dynamodb_table.state.arn
}

output "secret_ids" {
  description = "Ids of the secrets in their cloud, by the names config uses. map(string)"
  value       = tomap(local.secret_ids)
}

output "dead_letter_id" {
  description = "The dead-letter queue's id, or null. string"
  value       = one(aws_sqs_queue.dead_letter[*].arn)
}

output "log_location" {
  description = "Where the function's logs are. string"
  value       = aws_cloudwatch_log_group.function.name
}

output "dashboard_url" {
  description = "The dashboard. string"
  value       = local.dashboard_url
}

output "alarm_names" {
  description = "Names of the alarms by p99_latency, error_rate, cold_starts, throttles, dead_letters; empty with alarms.enabled = false, without dead_letters where there is no queue. map(string)"
  value       = tomap(local.alarm_names)
}

output "settings_injected" {
  description = "Names, sorted, of the environment variables the module sets beside `settings`. list(string)"
  value       = sort(keys(local.injected))
}

output "capabilities" {
  description = "What this cloud can do with this front door; what is false is refused at plan when asked for. Keys are the same on every cloud. map(bool)"
  value       = tomap(local.capabilities)
}
