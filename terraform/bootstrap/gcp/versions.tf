terraform {
  required_version = ">= 1.11, < 2.0"

  # Its own state stays a file: keep it, or move it into the bucket with `terraform init -migrate-state` once that is there.

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 6.50, < 8.0"
    }
  }
}

provider "google" {
  project = var.project_id
}
