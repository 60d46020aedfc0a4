# Portolan on Azure. What is where:
#   package.tf function.tf            the zip, and the function app that runs it
#   state.tf secrets.tf queue.tf      table, vault, dead letters
#   iam.tf encryption.tf              who may do what; the customer's key
#   edge*.tf                          API Management, Front Door, private endpoint
#   observability.tf alarms.tf dashboard.tf next_steps.tf
#   choices.tf locals.tf              what follows from the variables; names
#   capabilities.tf refusals.tf       what Azure cannot do, and the sentences that say so

# The first of all: what is refused is refused by our sentences, before the provider finds words of its own.
resource "terraform_data" "refusals" {
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

# One identity for everything the function does. User-assigned, so that its rights are there before the function first starts.
resource "azurerm_user_assigned_identity" "function" {
  name                = "${local.base}-function"
  resource_group_name = local.group
  location            = local.location
  tags                = local.tags

  depends_on = [terraform_data.refusals]
}
