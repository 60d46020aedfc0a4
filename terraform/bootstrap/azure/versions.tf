terraform {
  required_version = ">= 1.11, < 2.0"

  # Its own state is a file beside this one: keep it, or move it into the store once that is there.

  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = ">= 4.55, < 5.0"
    }
  }
}
