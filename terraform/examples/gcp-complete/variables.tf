variable "project_id" {
  description = "The project's id."
  type        = string
}

variable "region" {
  description = "Where it runs."
  type        = string
  default     = "europe-west1"
}

variable "domain" {
  description = "The name it answers by, such as portolan.example.com."
  type        = string
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

variable "encryption_key_id" {
  description = "Your own Cloud KMS key; null: Google's keys."
  type        = string
  default     = null
}

variable "deployer" {
  description = "The service account that applies this in CI (terraform/bootstrap/gcp makes one); null: people who own the project."
  type        = string
  default     = null
}

variable "deletion_protection" {
  description = "Apply with false before `terraform destroy`."
  type        = bool
  default     = true
}
