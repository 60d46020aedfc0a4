terraform {
  required_version = ">= 1.11, < 2.0"

  # The state is a file beside this one. For more than one person: terraform/bootstrap/gcp makes a bucket, and its output the lines for here.

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
