variable "project_id" {
  description = "The project's id."
  type        = string
}

variable "location" {
  description = "Where the state is kept: a region or EU, US, ASIA."
  type        = string
  default     = "EU"
}

variable "name" {
  description = "What the pool and the deployer are called after."
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
    error_message = "repository must be owner/name, such as \"acme/portolan\": no address, no quotes."
  }
}

variable "repository_id" {
  description = "Its number too (`gh api repos/OWNER/NAME --jq .id`): a name that is given up can be taken by somebody else."
  type        = string
  default     = null
  validation {
    condition     = can(regex("^[0-9]+$", coalesce(var.repository_id, "1")))
    error_message = "repository_id must be a number."
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

variable "edge_roles" {
  description = "More for the deployer: roles/apigateway.admin for edge.kind gateway; roles/compute.loadBalancerAdmin and roles/compute.securityAdmin for balancer; roles/vpcaccess.admin for network."
  type        = list(string)
  default     = []
  validation {
    condition     = length(setsubtract(var.edge_roles, ["roles/apigateway.admin", "roles/compute.loadBalancerAdmin", "roles/compute.securityAdmin", "roles/vpcaccess.admin"])) == 0
    error_message = "edge_roles must be among roles/apigateway.admin, roles/compute.loadBalancerAdmin, roles/compute.securityAdmin and roles/vpcaccess.admin."
  }
}
