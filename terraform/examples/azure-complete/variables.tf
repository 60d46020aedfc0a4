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
  description = "Where it runs: a region with zones."
  type        = string
  default     = "westeurope"
}

variable "domain" {
  description = "The name clients use. next_steps says which two DNS records it needs."
  type        = string
}

variable "email" {
  description = "Who is told of alarms."
  type        = string
}

variable "deployer_ip_ranges" {
  description = "From where Terraform runs: public addresses or CIDR blocks that may reach storage and vault, beside the function."
  type        = list(string)
}

variable "secret_version" {
  description = "Raise it to write the secrets again."
  type        = number
  default     = 1
}

variable "secret_values" {
  description = "The secrets by the names portolan.json uses, as TF_VAR_secret_values, with every plan."
  type        = map(string)
  ephemeral   = true
  sensitive   = true
}

variable "encryption_key_id" {
  description = "A key of your own, made elsewhere; null: Microsoft's."
  type        = string
  default     = null
}

variable "deletion_protection" {
  description = "Apply with false before `terraform destroy`."
  type        = bool
  default     = true
}
