terraform {
  required_version = ">= 1.11, < 2.0"

  # The state is a file beside this one. For more than one person: terraform/bootstrap/aws makes a bucket, and its output `backend` these lines.
  # backend "s3" {
  #   bucket       = "..."
  #   key          = "portolan-dev.tfstate"
  #   region       = "eu-west-1"
  #   use_lockfile = true
  #   encrypt      = true
  # }

  required_providers {
    aws = {
      source = "hashicorp/aws"
      # The module runs from 5.100 on; Node 24 and public function URLs want a newer one.
      version = ">= 6.25, < 7.0"
    }
  }
}
