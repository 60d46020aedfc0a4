variable "project_id" {
  description = "The project's id."
  type        = string
}

variable "region" {
  description = "Where it runs."
  type        = string
  default     = "europe-west1"
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
