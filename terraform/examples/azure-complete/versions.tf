terraform {
  required_version = ">= 1.11, < 2.0"

  # `terraform init -backend-config=backend.hcl`: terraform/bootstrap/azure makes the store, and its output that file.
  backend "azurerm" {
    key              = "portolan-prod.tfstate"
    use_azuread_auth = true # no shared key: who may read the state has a role
  }

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
