# Nothing is made here: the tests run the modules. `terraform init` wants a configuration to install them for.
terraform {
  required_version = ">= 1.11, < 2.0"
}
