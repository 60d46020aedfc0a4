# Read at every plan, because it depends on nothing: what is known only while applying would make every name below unknown, and everything
# be replaced. (So no `depends_on` on the whole module either.)
data "azurerm_client_config" "current" {}

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

  tags = merge(var.tags, { name = var.name, environment = var.environment, managed-by = "terraform" })
}
