variable "aws" {
  description = "What only AWS has."
  type = object({
    permissions_boundary_arn = optional(string)
    # Keeps max_instances of the account's concurrency for this function. A new account has 10 in all and can reserve none: false there,
    # until its quota is raised; then max_instances is not enforced.
    reserve_concurrency = optional(bool, true)
    # An S3 bucket for the package, for zips over 50 MB; the key holds the hash.
    code_bucket = optional(string)
    # Code that several functions share: `layer` publishes a zip as a layer and uses it here, layer_arns uses layers that exist.
    layer = optional(object({
      path          = string
      sha256_base64 = string
    }))
    layer_arns = optional(list(string), [])
    # edge.kind "gateway" with edge.public = false: the execute-api endpoints of the networks that may call.
    vpc_endpoint_ids = optional(list(string), [])
    # edge.kind "balancer".
    balancer = optional(object({
      vpc_id             = string
      subnet_ids         = list(string) # two at least, in different zones; public ones if edge.public
      access_logs_bucket = string       # with a policy that lets Elastic Load Balancing write
      client_cidrs       = optional(list(string), ["0.0.0.0/0"])
    }))
  })
  default  = {}
  nullable = false
  validation {
    condition     = can(regex("^arn:[a-z-]+:iam::[0-9]{12}:policy/.+$", coalesce(var.aws.permissions_boundary_arn, "arn:aws:iam::123456789012:policy/x")))
    error_message = "aws.permissions_boundary_arn must be the ARN of an IAM policy: arn:aws:iam::<account>:policy/<name>."
  }
  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", coalesce(var.aws.code_bucket, "bucket")))
    error_message = "aws.code_bucket must be the name of an S3 bucket, not an ARN or URL."
  }
  validation {
    condition     = var.aws.layer == null || try(fileexists(var.aws.layer.path) && filebase64sha256(var.aws.layer.path) == var.aws.layer.sha256_base64, false)
    error_message = "aws.layer: path names no file, or sha256_base64 is not its hash. Make the zip, and take its SHA-256 in base64."
  }
  validation {
    condition     = length(var.aws.layer_arns) + (var.aws.layer == null ? 0 : 1) <= 5 && alltrue([for arn in var.aws.layer_arns : can(regex("^arn:[a-z-]+:lambda:[a-z0-9-]+:[0-9]{12}:layer:[A-Za-z0-9_-]+:[0-9]+$", arn))])
    error_message = "aws.layer_arns must be ARNs of layer versions (arn:aws:lambda:<region>:<account>:layer:<name>:<version>); a function has at most five layers, aws.layer counted."
  }
  validation {
    condition     = alltrue([for id in var.aws.vpc_endpoint_ids : can(regex("^vpce-[0-9a-f]+$", id))])
    error_message = "aws.vpc_endpoint_ids must be ids such as \"vpce-0123456789abcdef0\"."
  }
  validation {
    condition     = var.aws.balancer == null || try(startswith(var.aws.balancer.vpc_id, "vpc-") && length(distinct(var.aws.balancer.subnet_ids)) >= 2 && alltrue([for id in var.aws.balancer.subnet_ids : startswith(id, "subnet-")]) && alltrue([for cidr in var.aws.balancer.client_cidrs : can(cidrhost(cidr, 0))]), false)
    error_message = "aws.balancer needs vpc_id (\"vpc-...\"), two or more subnet_ids (\"subnet-...\") in different zones, and client_cidrs as CIDR blocks."
  }
}
