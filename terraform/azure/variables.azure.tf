# What only Azure has. Everything else is in variables.tf, which is the same on every cloud.

variable "azure" {
  description = "Where it goes, and what only Azure has. The resource group exists already."
  type = object({
    resource_group_name        = string
    location                   = string                            # such as "westeurope"
    plan                       = optional(string, "flex")          # Flex Consumption, or "premium": Elastic Premium, its size by runtime.memory_mb
    replication                = optional(string, "LRS")           # of the table: LRS, ZRS, GRS, RAGRS, GZRS or RAGZRS
    secret_days                = optional(number, 365)             # until a secret the module writes expires; 0: never
    alarm_minutes              = optional(number, 15)              # how often log alarms look, and over how long: 5, 10 or 15; every 5 minutes costs three times as much
    vault_soft_delete_days     = optional(number, 90)              # how long a deleted vault or secret keeps its name, 7 to 90
    vault_purge_protection     = optional(bool, true)              # once on, a vault never loses it
    allowed_ip_ranges          = optional(list(string))            # null: storage and vault are reachable from everywhere by who has a role; a list: only from these and from the function's subnet
    private_endpoint_subnet_id = optional(string)                  # where edge.public = false is reached
    gateway_sku                = optional(string, "Consumption_0") # of edge.kind = "gateway"; "BasicV2_1" or "StandardV2_1" can limit the rate
    gateway_publisher_email    = optional(string)                  # API Management wants one
    log_daily_gb               = optional(number, -1)              # logs over it are dropped until midnight UTC, and the alarms are blind; -1: no bound
  })
  nullable = false
  validation {
    condition     = can(regex("^[-A-Za-z0-9_().]{0,89}[-A-Za-z0-9_()]$", var.azure.resource_group_name))
    error_message = "azure.resource_group_name must be the name of a resource group you have (az group create --name portolan --location westeurope), not its id."
  }
  validation {
    condition     = can(regex("^[a-z][a-z0-9]{3,29}$", var.azure.location))
    error_message = "azure.location must be a region's short name such as \"westeurope\" (az account list-locations --query \"[].name\"), in lower case and without spaces."
  }
  validation {
    condition     = contains(["flex", "premium"], var.azure.plan)
    error_message = "azure.plan must be \"flex\" (Flex Consumption) or \"premium\" (Elastic Premium). Microsoft has retired the Consumption plan on Linux."
  }
  validation {
    condition     = contains(["LRS", "ZRS", "GRS", "RAGRS", "GZRS", "RAGZRS"], var.azure.replication)
    error_message = "azure.replication must be LRS, ZRS, GRS, RAGRS, GZRS or RAGZRS."
  }
  validation {
    condition     = var.azure.secret_days >= 0 && var.azure.secret_days <= 3650 && floor(var.azure.secret_days) == var.azure.secret_days
    error_message = "azure.secret_days must be a whole number from 1 to 3650, or 0 for secrets that never expire."
  }
  validation {
    condition     = contains([5, 10, 15], var.azure.alarm_minutes)
    error_message = "azure.alarm_minutes must be 5, 10 or 15. Azure charges a log alarm by how often it looks."
  }
  validation {
    condition     = var.azure.vault_soft_delete_days >= 7 && var.azure.vault_soft_delete_days <= 90 && floor(var.azure.vault_soft_delete_days) == var.azure.vault_soft_delete_days
    error_message = "azure.vault_soft_delete_days must be a whole number from 7 to 90. It cannot be changed later."
  }
  validation {
    condition     = alltrue([for range in coalesce(var.azure.allowed_ip_ranges, []) : can(cidrhost(strcontains(range, "/") ? range : "${range}/32", 0)) && !endswith(range, "/31") && !endswith(range, "/32")])
    error_message = "azure.allowed_ip_ranges must be public IPv4 addresses or CIDR blocks; Azure Storage wants a single address without /32, and two addresses instead of a /31."
  }
  validation {
    condition     = can(regex("^/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft.Network/virtualNetworks/[^/]+/subnets/[^/]+$", coalesce(var.azure.private_endpoint_subnet_id, "/subscriptions/s/resourceGroups/r/providers/Microsoft.Network/virtualNetworks/v/subnets/s")))
    error_message = "azure.private_endpoint_subnet_id must be a subnet's resource id (/subscriptions/.../subnets/<name>)."
  }
  validation {
    condition     = contains(["Consumption_0", "BasicV2_1", "StandardV2_1"], var.azure.gateway_sku)
    error_message = "azure.gateway_sku must be \"Consumption_0\" (paid by call), \"BasicV2_1\" or \"StandardV2_1\" (paid by hour)."
  }
  validation {
    condition     = var.azure.log_daily_gb == -1 || var.azure.log_daily_gb >= 0.1
    error_message = "azure.log_daily_gb must be at least 0.1 (gigabytes a day), or -1 for no bound."
  }
}
