# Everything depends on it: what is refused is refused by our sentence, before the provider finds words of its own.
data "azurerm_client_config" "current" {
  lifecycle {
    precondition {
      condition     = length(local.refusals) == 0
      error_message = join("\n", local.refusals)
    }
    precondition {
      condition     = length(local.refused_ids) == 0
      error_message = join("\n", local.refused_ids)
    }
  }
}

locals {
  base     = "${var.name}-${var.environment}"
  location = var.azure.location
  group    = var.azure.resource_group_name
  group_id = "/subscriptions/${data.azurerm_client_config.current.subscription_id}/resourceGroups/${local.group}"

  # Function apps, storage accounts and vaults share their names with the whole world: six characters made of where this deployment is.
  suffix = substr(sha256("${lower(local.group_id)}/${local.base}"), 0, 6)
  # 24 lower-case letters and digits at most for a storage account, 24 and single hyphens for a vault.
  letters      = replace(var.name, "-", "")
  app_name     = "${local.base}-${local.suffix}"
  host_account = "${substr(local.letters, 0, 14)}host${local.suffix}"
  data_account = "${substr(local.letters, 0, 14)}data${local.suffix}"
  vault_name   = "${substr(local.letters, 0, 8)}-${var.environment}-${local.suffix}"
  table_name   = "portolan"

  flex    = var.azure.plan == "flex"
  premium = var.azure.plan == "premium"
  # Elastic Premium sells memory and cores by size.
  premium_sizes = { 3584 = "EP1", 7168 = "EP2", 14336 = "EP3" }
  # azurerm's linux_function_app knows Node.js up to 22.
  node_version = tostring(coalesce(var.runtime.node_version, local.flex ? 24 : 22))

  secret_prefix = coalesce(var.secret_prefix, "${local.base}-")
  subnet_id     = one(slice(var.network.subnet_ids, 0, min(1, length(var.network.subnet_ids))))

  tags = merge(var.tags, { name = var.name, environment = var.environment, managed-by = "terraform" })
}
