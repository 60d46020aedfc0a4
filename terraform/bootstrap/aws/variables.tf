variable "region" {
  description = "Where the state is kept and the deployer may deploy."
  type        = string
  default     = "eu-west-1"
  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must be the id of an AWS region, such as \"eu-west-1\"."
  }
}

variable "name" {
  description = "What the deployments are called: the module's `name`. The deployer may touch nothing whose name does not begin with it and a hyphen."
  type        = string
  default     = "portolan"
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name))
    error_message = "name must be 3 to 20 lower-case letters, digits and hyphens, beginning with a letter."
  }
}

variable "repository" {
  description = "The GitHub repository whose jobs may deploy: owner/name."
  type        = string
  validation {
    condition     = can(regex("^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$", var.repository))
    error_message = "repository must be owner/name, such as \"acme/portolan\": no address, no pattern."
  }
}

variable "branches" {
  description = "Branches whose jobs may deploy."
  type        = list(string)
  default     = ["main"]
  validation {
    condition     = alltrue([for branch in var.branches : can(regex("^[A-Za-z0-9._/-]+$", branch))])
    error_message = "branches must be whole names: letters, digits and . _ / -, no patterns."
  }
}

variable "environments" {
  description = "GitHub environments whose jobs may deploy, from any branch that the environment allows."
  type        = list(string)
  default     = []
  validation {
    condition     = alltrue([for environment in var.environments : can(regex("^[A-Za-z0-9._-]+$", environment))])
    error_message = "environments must be letters, digits and . _ -"
  }
  validation {
    condition     = length(var.branches) + length(var.environments) > 0
    error_message = "Name at least one branch or one environment: otherwise no job may deploy."
  }
}

variable "oidc_provider_arn" {
  description = "GitHub's provider, if the account has it: there can be one only. null: it is made."
  type        = string
  default     = null
  validation {
    condition     = can(regex("^arn:[a-z-]+:iam::[0-9]{12}:oidc-provider/token.actions.githubusercontent.com$", coalesce(var.oidc_provider_arn, "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com")))
    error_message = "oidc_provider_arn must be arn:aws:iam::<account>:oidc-provider/token.actions.githubusercontent.com."
  }
}

variable "edge_kinds" {
  description = "The kinds of front door the deployer may make. `balancer` and `waf` bring rights on load balancers, security groups and web ACLs."
  type        = set(string)
  default     = ["function", "managed"]
  validation {
    condition     = length(setsubtract(var.edge_kinds, ["function", "managed", "gateway", "balancer", "waf"])) == 0
    error_message = "edge_kinds must be among \"function\", \"managed\", \"gateway\", \"balancer\" and \"waf\"."
  }
}

variable "api_gateway_logging" {
  description = "Gives API Gateway the role it logs with, one for the account and region: wanted for edge.kind gateway, unless the account has one."
  type        = bool
  default     = false
}
