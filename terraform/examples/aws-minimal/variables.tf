variable "region" {
  description = "Where it runs."
  type        = string
  default     = "eu-west-1"
  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must be the id of an AWS region, such as \"eu-west-1\"."
  }
}

variable "environment" {
  description = "Which copy of it this is."
  type        = string
  default     = "dev"
}

variable "deletion_protection" {
  description = "Apply with false before `terraform destroy`."
  type        = bool
  default     = true
}

variable "reserve_concurrency" {
  description = "False in a new account, whose functions may run 10 instances in all and can reserve none."
  type        = bool
  default     = true
}
