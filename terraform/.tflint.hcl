# tflint --chdir terraform --recursive --config "$PWD/terraform/.tflint.hcl" (after tflint --init)
plugin "terraform" {
  enabled = true
  preset  = "all"
}

plugin "aws" {
  enabled = true
  version = "0.40.0"
  source  = "github.com/terraform-linters/tflint-ruleset-aws"
}

plugin "azurerm" {
  enabled = true
  version = "0.28.0"
  source  = "github.com/terraform-linters/tflint-ruleset-azurerm"
}

plugin "google" {
  enabled = true
  version = "0.33.0"
  source  = "github.com/terraform-linters/tflint-ruleset-google"
}

# Secrets are written by write-only arguments; the checks over plans demand it too.
rule "aws_write_only_arguments" {
  enabled = true
}

# The modules are split by subject: function.tf, edge_*.tf, iam.tf and so on.
rule "terraform_standard_module_structure" {
  enabled = false
}

# variables.tf is the same in the three modules: one that a cloud refuses in a sentence is unused otherwise.
rule "terraform_unused_declarations" {
  enabled = false
}
