variable "gcp" {
  description = "What only Google Cloud has."
  type = object({
    project_id = string
    region     = string # of the function, the bucket, the images and, unless said otherwise, the database

    firestore_location = optional(string)             # null: region; "eur3" and "nam5" are the multi-regions
    collection         = optional(string, "portolan") # of the database, and nothing else's

    # Who may call it when edge.public = false: "serviceAccount:...", "user:...", "group:...". They send their token in X-Serverless-Authorization.
    invokers = optional(list(string), [])

    # The service account that applies this, where it does not own the project: it is let act as the function's and the build's accounts.
    deployer = optional(string)

    gateway_region = optional(string) # of the API Gateway, which not every region has; null: region

    vpc_connector_id = optional(string)                        # one you have, in place of the one made for network.subnet_ids
    vpc_egress       = optional(string, "PRIVATE_RANGES_ONLY") # or ALL_TRAFFIC

    dead_letter_publishers = optional(list(string), []) # who may publish to the dead-letter topic; the function does not

    access_log_bucket  = optional(string)     # where accesses of the code bucket are logged
    enable_apis        = optional(bool, true) # false: somebody else has enabled them
    iam_settle_seconds = optional(number, 60) # between the build account's grants and the first build
    image_retain_count = optional(number, 3)  # images kept of earlier deployments
  })
  nullable = false
  validation {
    condition     = can(regex("^([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.gcp.project_id))
    error_message = "gcp.project_id must be a project's id such as \"acme-portolan\" (6 to 30 lower-case letters, digits and hyphens), not its number or its display name. `gcloud projects list` shows it."
  }
  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]{1,2}$", var.gcp.region))
    error_message = "gcp.region must be a region such as \"europe-west1\", not a zone (\"europe-west1-b\") and not a multi-region (\"EU\"). `gcloud functions regions list --gen2` shows them."
  }
  validation {
    condition     = can(regex("^([a-z]+-[a-z]+[0-9]{1,2}|eur3|nam5|nam7)$", coalesce(var.gcp.firestore_location, var.gcp.region)))
    error_message = "gcp.firestore_location must be a region such as \"europe-west1\" or one of the multi-regions \"eur3\", \"nam5\", \"nam7\". It cannot be changed later. `gcloud firestore locations list` shows them."
  }
  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]{1,2}$", coalesce(var.gcp.gateway_region, var.gcp.region)))
    error_message = "gcp.gateway_region must be a region such as \"europe-west1\"."
  }
  validation {
    condition     = can(regex("^[A-Za-z][A-Za-z0-9_-]{0,99}$", var.gcp.collection))
    error_message = "gcp.collection must be a letter and up to 99 of A-Z, a-z, 0-9, _ and -."
  }
  validation {
    condition     = alltrue([for member in concat(var.gcp.invokers, var.gcp.dead_letter_publishers) : can(regex("^(user|group|serviceAccount|domain|principal|principalSet):.+$", member))])
    error_message = "gcp.invokers and gcp.dead_letter_publishers hold members such as \"serviceAccount:caller@acme.iam.gserviceaccount.com\". For everybody, allUsers, set edge.public = true."
  }
  validation {
    condition     = can(regex("^[a-z0-9-]+@[a-z0-9.-]+$", coalesce(var.gcp.deployer, "deployer@acme.iam.gserviceaccount.com")))
    error_message = "gcp.deployer must be a service account's address: deployer@PROJECT.iam.gserviceaccount.com, without \"serviceAccount:\"."
  }
  validation {
    condition     = can(regex("^projects/[^/]+/locations/[^/]+/connectors/[^/]+$", coalesce(var.gcp.vpc_connector_id, "projects/p/locations/l/connectors/c")))
    error_message = "gcp.vpc_connector_id must be a whole id: projects/PROJECT/locations/REGION/connectors/NAME."
  }
  validation {
    condition     = contains(["PRIVATE_RANGES_ONLY", "ALL_TRAFFIC"], var.gcp.vpc_egress)
    error_message = "gcp.vpc_egress must be \"PRIVATE_RANGES_ONLY\" or \"ALL_TRAFFIC\"."
  }
  validation {
    condition     = var.gcp.iam_settle_seconds >= 0 && var.gcp.iam_settle_seconds <= 600 && floor(var.gcp.iam_settle_seconds) == var.gcp.iam_settle_seconds
    error_message = "gcp.iam_settle_seconds must be a whole number from 0 to 600; 60 is what Google's own examples wait."
  }
  validation {
    condition     = var.gcp.image_retain_count >= 1 && var.gcp.image_retain_count <= 100 && floor(var.gcp.image_retain_count) == var.gcp.image_retain_count
    error_message = "gcp.image_retain_count must be a whole number from 1 to 100."
  }
}
