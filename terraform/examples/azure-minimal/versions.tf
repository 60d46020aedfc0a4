terraform {
  required_version = ">= 1.11, < 2.0"

  # The state is a file beside this one. For more than one person: terraform/bootstrap/azure makes a store, and its output the lines for here.

  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = ">= 4.55, < 5.0"
    }
    time = {
      source  = "hashicorp/time"
      version = ">= 0.12, < 1.0"
    }
  }
}
