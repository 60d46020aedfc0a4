variable "subscription_id" {
  description = "The subscription's id; null: the environment variable ARM_SUBSCRIPTION_ID."
  type        = string
  default     = null
}

variable "name" {
  description = "What the resources are called after: 3 to 11 lower-case letters and digits."
  type        = string
  default     = "portolan"
  nullable    = false
  validation {
    condition     = can(regex("^[a-z][a-z0-9]{2,10}$", var.name))
    error_message = "name must be 3 to 11 lower-case letters and digits, beginning with a letter: it becomes part of a storage account's name."
  }
}

variable "location" {
  description = "Where the state is kept."
  type        = string
  default     = "westeurope"
  nullable    = false
}

variable "resource_group_name" {
  description = "The resource group that Portolan is deployed into. It exists already."
  type        = string
  nullable    = false
}

variable "repository" {
  description = "The GitHub repository whose jobs deploy, as `owner/name`."
  type        = string
  nullable    = false
  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$", var.repository))
    error_message = "repository must be owner/name, such as \"acme/portolan\"."
  }
}

variable "branches" {
  description = "Branches whose jobs deploy."
  type        = set(string)
  default     = ["main"]
  nullable    = false
  validation {
    condition     = alltrue([for branch in var.branches : can(regex("^[A-Za-z0-9_./-]+$", branch))])
    error_message = "branches must be names in full, such as \"main\": Azure compares them letter by letter, without patterns."
  }
}

variable "environments" {
  description = "GitHub environments whose jobs deploy; they may ask for a person's approval."
  type        = set(string)
  default     = []
  nullable    = false
  validation {
    condition     = alltrue([for environment in var.environments : can(regex("^[A-Za-z0-9._-]+$", environment))])
    error_message = "environments must be letters, digits and . _ -"
  }
  validation {
    condition     = length(var.branches) + length(var.environments) > 0
    error_message = "Name at least one branch or one environment: otherwise no job may deploy."
  }
}
