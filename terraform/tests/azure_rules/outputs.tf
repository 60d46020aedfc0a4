# The files beside this one are links into the module: its variables and its refusals, without its resources. Here the sentences can be read,
# which the module only shows when it refuses.
output "refusals" {
  description = "Why the module would refuse, a sentence each."
  value       = concat(local.refusals, local.refused_ids)
}
