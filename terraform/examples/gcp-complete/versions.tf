terraform {
  required_version = ">= 1.11, < 2.0"

  # `terraform init -backend-config=bucket=...`: terraform/bootstrap/gcp makes the bucket.
  backend "gcs" {
    prefix = "portolan-prod"
  }

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 6.50, < 8.0"
    }
    google-beta = {
      source  = "hashicorp/google-beta"
      version = ">= 6.50, < 8.0"
    }
    time = {
      source  = "hashicorp/time"
      version = ">= 0.12, < 1.0"
    }
  }
}
