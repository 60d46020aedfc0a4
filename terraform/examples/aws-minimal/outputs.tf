output "endpoint_url" {
  description = "Where Portolan answers."
  value       = module.portolan.endpoint_url
}

output "next_steps" {
  description = "What to do now."
  value       = module.portolan.next_steps
}

output "dashboard_url" {
  description = "What it does."
  value       = module.portolan.dashboard_url
}
