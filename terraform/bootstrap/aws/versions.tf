terraform {
  required_version = ">= 1.11, < 2.0"

  # Its own state stays a file: keep it, or move it into the bucket with `terraform init -migrate-state` once that is there.

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7.0"
    }
  }
}

provider "aws" {
  region = var.region
}
