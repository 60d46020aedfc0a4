variable "subscription_id" {
  description = "The subscription's id; null: the environment variable ARM_SUBSCRIPTION_ID."
  type        = string
  default     = null
}

variable "resource_group_name" {
  description = "A resource group you have."
  type        = string
}

variable "location" {
  description = "Where it runs."
  type        = string
  default     = "westeurope"
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
