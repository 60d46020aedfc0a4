variable "region" {
  description = "Where it runs."
  type        = string
  default     = "eu-west-1"
  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must be the id of an AWS region, such as \"eu-west-1\"."
  }
}

variable "domain" {
  description = "The name it answers by, such as portolan.example.com."
  type        = string
}

variable "zone_id" {
  description = "The Route 53 zone of that name."
  type        = string
}

variable "vpc_id" {
  description = "The network the load balancer stands in. The function stands in none."
  type        = string
}

variable "subnet_ids" {
  description = "Two public subnets or more of that network, in different zones."
  type        = list(string)
}

variable "email" {
  description = "Who is told of alarms."
  type        = string
}

variable "secret_values" {
  description = "Values of api-keys, signing-key and vendor: TF_VAR_secret_values, as JSON. They are in no state and no plan."
  type        = map(string)
  ephemeral   = true
  sensitive   = true
}

variable "secret_version" {
  description = "Raise it to write secret_values again."
  type        = number
  default     = 1
}

variable "permissions_boundary_arn" {
  description = "What the function's role may never exceed (terraform/bootstrap/aws makes one, and its deployer has to use it); null: no boundary."
  type        = string
  default     = null
}

variable "deletion_protection" {
  description = "Apply with false before `terraform destroy`."
  type        = bool
  default     = true
}
