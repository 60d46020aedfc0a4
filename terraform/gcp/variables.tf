# The interface of Portolan's modules. This file is byte-identical in terraform/aws, terraform/azure and terraform/gcp (checked), and holds
# the rules that are true on every cloud. What one cloud alone refuses stands in that module's refusals.tf; what one cloud alone has, in
# variables.<cloud>.tf. `null` always means: what suits this cloud.

variable "name" {
  description = "What the deployment is called: 3 to 20 characters of `a-z 0-9 -`, beginning with a letter. Resources are called `<name>-<environment>`."
  type        = string
  nullable    = false
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name)) && !strcontains(var.name, "--")
    error_message = "name must be 3 to 20 characters: a lower-case letter, then letters, digits and single hyphens, not ending with a hyphen (the narrowest rule of the three clouds). Choose a shorter or simpler name, such as \"portolan\"."
  }
  validation {
    condition     = !can(regex("^(goog|internal-|login|xbox)|google|microsoft|windows", var.name))
    error_message = "name has a word that a cloud keeps for itself: goog, internal-, login or xbox at the beginning, google, microsoft or windows anywhere. Choose another."
  }
}

variable "environment" {
  description = "Which copy of it this is: a short word of at most 8 characters, such as `dev`, `staging` or `prod`."
  type        = string
  default     = "dev"
  nullable    = false
  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,7}$", var.environment))
    error_message = "environment must be 2 to 8 lower-case letters and digits, beginning with a letter, such as \"dev\", \"staging\" or \"prod\"."
  }
}

variable "package" {
  description = "The zip that `make package` wrote for this cloud: its path, and its SHA-256 in base64 as `dist/<cloud>/manifest.json` has it. A new hash deploys anew."
  type = object({
    path          = string
    sha256_base64 = string
  })
  nullable = false
  validation {
    condition     = fileexists(var.package.path)
    error_message = "package.path names no file. Run `make package` at the root of Portolan's checkout, and give the path as seen from the folder terraform runs in, or with $${path.module}."
  }
  validation {
    condition     = can(regex("^[A-Za-z0-9+/]{43}=$", var.package.sha256_base64))
    error_message = "package.sha256_base64 must be a SHA-256 in base64 (44 characters, not hexadecimal). Take sha256_base64 from the manifest.json beside the zip."
  }
  validation {
    condition     = try(filebase64sha256(var.package.path), var.package.sha256_base64) == var.package.sha256_base64
    error_message = "package.sha256_base64 is not the hash of the file at package.path: the zip was made again, or belongs to another manifest. Run `make package` and read both from the same manifest.json."
  }
}

variable "config" {
  description = "Portolan's configuration (docs/configuration.md) as JSON: `jsonencode({...})` or `file(\"portolan.json\")`. `null`: the package holds portolan.json."
  type        = string
  default     = null
  validation {
    condition     = var.config == null || can(keys(jsondecode(var.config)))
    error_message = "config must be one JSON object. Write jsonencode({...}), or make JSON of YAML with `portolan config check --json portolan.yaml > portolan.json` and give file(\"portolan.json\")."
  }
  validation {
    condition = var.config == null || !can(keys(jsondecode(var.config))) || length(setsubtract(compact(flatten([
      try(jsondecode(var.config).auth.keysSecret, ""),
      try(jsondecode(var.config).signingSecret, ""),
      [for pool in try(values(jsondecode(var.config).pools), []) : try(pool.secret, "")],
      [for upstream in try(values(jsondecode(var.config).upstreams), []) : [try(upstream.tls.ca, ""), try(upstream.tls.clientCertificate, "")]],
    ])), keys(var.secrets))) == 0
    error_message = "config names secrets (auth.keysSecret, signingSecret, pools.*.secret, upstreams.*.tls) that are no keys of `secrets`, so the function could not read them. Add each, for example secrets = { signing-key = {} }."
  }
}

variable "runtime" {
  description = "What the function runs on and how far it scales. A value that this cloud does not have is refused."
  type = object({
    node_version       = optional(number)      # 22 or 24; null: the newest this cloud runs
    architecture       = optional(string)      # "arm64" or "x86_64"; null: the cheapest of this cloud
    memory_mb          = optional(number, 512) # MiB
    timeout_seconds    = optional(number, 29)  # of one request; 29 is what every front door waits
    attempt_timeout_ms = optional(number)      # of one call of the state store or the secret store; null: 1000
    max_instances      = optional(number, 50)
    min_instances      = optional(number, 0) # kept warm; costs at rest
    concurrency        = optional(number)    # requests at once in one instance; null: this cloud's own
  })
  default  = {}
  nullable = false
  validation {
    condition     = var.runtime.node_version == null || contains([22, 24], coalesce(var.runtime.node_version, 24))
    error_message = "runtime.node_version must be 22 or 24, the versions Portolan is tested with, or null for the newest this cloud runs."
  }
  validation {
    condition     = contains(["arm64", "x86_64"], coalesce(var.runtime.architecture, "arm64"))
    error_message = "runtime.architecture must be \"arm64\" or \"x86_64\", or null for the cheapest of this cloud."
  }
  validation {
    condition     = var.runtime.memory_mb >= 256 && var.runtime.memory_mb <= 32768 && floor(var.runtime.memory_mb) == var.runtime.memory_mb
    error_message = "runtime.memory_mb must be a whole number from 256 to 32768 (MiB); each cloud has limits of its own inside that. 512 is a good start."
  }
  validation {
    condition     = var.runtime.timeout_seconds >= 5 && var.runtime.timeout_seconds <= 3600 && floor(var.runtime.timeout_seconds) == var.runtime.timeout_seconds
    error_message = "runtime.timeout_seconds must be a whole number from 5 to 3600: a request may take 4 seconds by itself when a service is slow. 29 is what every front door waits."
  }
  validation {
    condition     = coalesce(var.runtime.attempt_timeout_ms, 1000) >= 50 && coalesce(var.runtime.attempt_timeout_ms, 1000) <= 60000 && floor(coalesce(var.runtime.attempt_timeout_ms, 1000)) == coalesce(var.runtime.attempt_timeout_ms, 1000)
    error_message = "runtime.attempt_timeout_ms must be a whole number from 50 to 60000, or null for 1000."
  }
  validation {
    condition     = var.runtime.max_instances >= 1 && var.runtime.max_instances <= 1000 && floor(var.runtime.max_instances) == var.runtime.max_instances
    error_message = "runtime.max_instances must be a whole number from 1 to 1000."
  }
  validation {
    condition     = var.runtime.min_instances >= 0 && var.runtime.min_instances <= var.runtime.max_instances && floor(var.runtime.min_instances) == var.runtime.min_instances
    error_message = "runtime.min_instances must be a whole number from 0 to runtime.max_instances."
  }
  validation {
    condition     = coalesce(var.runtime.concurrency, 1) >= 1 && coalesce(var.runtime.concurrency, 1) <= 1000 && floor(coalesce(var.runtime.concurrency, 1)) == coalesce(var.runtime.concurrency, 1)
    error_message = "runtime.concurrency must be a whole number from 1 to 1000, or null for this cloud's own."
  }
}

variable "settings" {
  description = "Plain environment variables beside those the module sets. Everyone who may look at the function reads them: never a secret."
  type        = map(string)
  default     = {}
  nullable    = false
  validation {
    condition     = alltrue([for key in keys(var.settings) : can(regex("^[A-Za-z][A-Za-z0-9_]*$", key))])
    error_message = "settings: each name must be a letter, then letters, digits and underscores."
  }
  validation {
    condition     = alltrue([for key in keys(var.settings) : !startswith(upper(key), "PORTOLAN_")])
    error_message = "settings: names that begin with PORTOLAN_ are set by the module. Use its variables: config, secrets, secret_prefix, runtime.attempt_timeout_ms, edge."
  }
  validation {
    condition     = alltrue([for key in keys(var.settings) : !can(regex("(?i)secret|passw|passphrase|token|credential|api_?key|access_?key|private_?key|signing_?key|account_?key|connection_?string", key))])
    error_message = "settings: a name looks like a secret. Settings are readable by everyone who may look at the function: put the value into the cloud's secret store with `secrets` and name the secret in config."
  }
  validation {
    condition     = alltrue([for value in values(var.settings) : !can(regex("-----BEGIN|\\bptl_[A-Za-z0-9]|\\b(AKIA|ASIA)[0-9A-Z]{16}\\b|AccountKey=|://[^/@:]+:[^/@]+@", value))])
    error_message = "settings: a value looks like a secret (a private key, an API key, an access key, a URL with a password). Put it into the cloud's secret store with `secrets` and name the secret in config."
  }
}

variable "secrets" {
  description = "The secrets that config names. `{}` makes an empty secret to fill by hand (see the output next_steps), `{ version = 1 }` writes secret_values[name] and writes it again when the number changes, `{ existing_id = \"...\" }` uses a secret you have, whose name must be secret_prefix and this key."
  type = map(object({
    existing_id = optional(string)
    version     = optional(number)
  }))
  default  = {}
  nullable = false
  validation {
    condition     = alltrue([for key in keys(var.secrets) : can(regex("^[a-z][a-z0-9-]{0,62}$", key))])
    error_message = "secrets: each key is the name config uses: a lower-case letter, then up to 62 of a-z, 0-9 and hyphens."
  }
  validation {
    condition     = alltrue([for secret in values(var.secrets) : secret.existing_id == null || secret.version == null])
    error_message = "secrets: one has both existing_id (a secret you have) and version (a secret the module makes and writes). Keep one of the two."
  }
  validation {
    condition     = alltrue([for secret in values(var.secrets) : secret.existing_id == null || try(length(trimspace(secret.existing_id)) > 0, false)])
    error_message = "secrets: existing_id must be the cloud's own id of the secret (ARN, resource id or resource name), or be left out."
  }
  validation {
    condition     = alltrue([for secret in values(var.secrets) : secret.version == null || try(secret.version >= 1 && floor(secret.version) == secret.version, false)])
    error_message = "secrets: version must be a whole number from 1; raise it to write the value again."
  }
}

variable "secret_values" {
  description = "Values of the secrets that have a `version`, by the same keys. Never kept in state or plan: give it as TF_VAR_secret_values, with every plan."
  type        = map(string)
  default     = {}
  nullable    = false
  ephemeral   = true
  sensitive   = true
  validation {
    condition     = alltrue([for key in keys(var.secret_values) : try(var.secrets[key].existing_id == null && var.secrets[key].version != null, false)])
    error_message = "secret_values has a key that `secrets` does not ask for: give that secret a `version` (and no existing_id), or leave the value out."
  }
}

variable "secret_prefix" {
  description = "What stands before each secret's name in the cloud's secret store. `null`: `<name>-<environment>-`."
  type        = string
  default     = null
  validation {
    condition     = can(regex("^[A-Za-z][A-Za-z0-9-]{0,59}$", coalesce(var.secret_prefix, "portolan-")))
    error_message = "secret_prefix must be 1 to 60 letters, digits and hyphens, beginning with a letter (the characters all three secret stores take), or null for <name>-<environment>-."
  }
}

variable "edge" {
  description = "The front door. `managed` is what the cloud runs without a fixed price, `function` the function's own address, `gateway` the cloud's API gateway, `balancer` its HTTP load balancer."
  type = object({
    kind            = optional(string, "managed")
    public          = optional(bool, true) # false: not reachable from the internet
    streaming       = optional(bool, false)
    rate_per_second = optional(number) # of all clients together; null: 50 where this front door can limit
    burst           = optional(number) # null: 100 where this front door can limit
    cors_origins    = optional(list(string), [])
    waf             = optional(bool, false)
    domain = optional(object({
      name           = string
      certificate_id = optional(string)
    }))
    # Rules of the balancer, lowest priority first. All given conditions must hold; of one condition's values one must. With rules, what none
    # matches is answered with 404; without, everything goes to the function.
    routes = optional(list(object({
      priority   = number
      action     = optional(string, "forward") # or "deny": 403
      hosts      = optional(list(string), [])
      paths      = optional(list(string), [])
      methods    = optional(list(string), [])
      headers    = optional(map(list(string)), {})
      query      = optional(map(string), {})
      source_ips = optional(list(string), []) # CIDR blocks
    })), [])
  })
  default  = {}
  nullable = false
  validation {
    condition     = contains(["function", "managed", "gateway", "balancer"], var.edge.kind)
    error_message = "edge.kind must be one of \"function\", \"managed\", \"gateway\", \"balancer\"."
  }
  validation {
    condition     = coalesce(var.edge.rate_per_second, 50) >= 1 && coalesce(var.edge.rate_per_second, 50) <= 10000 && coalesce(var.edge.burst, 100) >= 1 && coalesce(var.edge.burst, 100) <= 5000
    error_message = "edge.rate_per_second must be from 1 to 10000 and edge.burst from 1 to 5000, or null for 50 and 100."
  }
  validation {
    condition     = alltrue([for origin in var.edge.cors_origins : can(regex("^https?://[a-z0-9.-]+(:[0-9]{1,5})?$", origin))])
    error_message = "edge.cors_origins: each must be one origin such as \"https://app.example.com\": scheme, host and port, no path, no \"*\"."
  }
  validation {
    condition     = can(regex("^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z]{2,}$", try(var.edge.domain.name, "portolan.example.com")))
    error_message = "edge.domain.name must be a lower-case host name such as \"portolan.example.com\": no scheme, no path, no wildcard."
  }
  validation {
    condition     = var.edge.domain == null || try(length(trimspace(var.edge.domain.certificate_id)) > 0, false)
    error_message = "edge.domain needs certificate_id: the id of a certificate for that name in this cloud's certificate service. Make one there first, or leave domain out."
  }
  validation {
    condition     = length(var.edge.routes) == 0 || var.edge.kind == "balancer"
    error_message = "edge.routes are rules of a load balancer: set edge.kind = \"balancer\", or leave routes out."
  }
  validation {
    condition     = length(distinct(var.edge.routes[*].priority)) == length(var.edge.routes) && alltrue([for route in var.edge.routes : route.priority >= 1 && route.priority <= 50000 && floor(route.priority) == route.priority])
    error_message = "edge.routes: each priority must be a whole number from 1 to 50000, and no two may be equal."
  }
  validation {
    condition     = alltrue([for route in var.edge.routes : contains(["forward", "deny"], route.action)])
    error_message = "edge.routes: action must be \"forward\" or \"deny\"."
  }
  validation {
    condition     = alltrue([for route in var.edge.routes : length(concat(route.hosts, route.paths, route.methods, keys(route.headers), keys(route.query), route.source_ips)) > 0])
    error_message = "edge.routes: a rule needs at least one condition (hosts, paths, methods, headers, query or source_ips). A rule for everything is paths = [\"/*\"]."
  }
  validation {
    condition     = alltrue([for block in flatten(var.edge.routes[*].source_ips) : can(cidrhost(block, 0))])
    error_message = "edge.routes: source_ips must be CIDR blocks such as \"203.0.113.0/24\"; one address is \"203.0.113.7/32\"."
  }
  validation {
    condition     = alltrue([for method in flatten(var.edge.routes[*].methods) : can(regex("^[A-Z][A-Z_-]{0,39}$", method))])
    error_message = "edge.routes: methods are upper-case, such as \"GET\"."
  }
}

variable "state" {
  description = "The table that keeps sessions."
  type = object({
    point_in_time_recovery = optional(bool) # null: on where this cloud has it
  })
  default  = {}
  nullable = false
}

variable "deletion_protection" {
  description = "Keeps what holds data: the table cannot be destroyed, deleted secrets stay recoverable for their cloud's term. Set it to false and apply before `terraform destroy`."
  type        = bool
  default     = true
  nullable    = false
}

variable "network" {
  description = "The function's own network, for services that are not on the internet. Empty: none, which is cheapest."
  type = object({
    subnet_ids         = optional(list(string), [])
    security_group_ids = optional(list(string), [])
  })
  default  = {}
  nullable = false
  validation {
    condition     = length(var.network.security_group_ids) == 0 || length(var.network.subnet_ids) > 0
    error_message = "network.security_group_ids without network.subnet_ids has no effect: add the subnets, or leave both out."
  }
}

variable "encryption_key_id" {
  description = "Your own key for everything that is kept: table, secrets, dead letters, logs, environment. `null`: keys of the cloud."
  type        = string
  default     = null
}

variable "dead_letter" {
  description = "Where work goes that failed for good. Requests never end here: their callers see the error."
  type = object({
    enabled        = optional(bool, true)
    retention_days = optional(number, 14)
  })
  default  = {}
  nullable = false
  validation {
    condition     = var.dead_letter.retention_days >= 1 && var.dead_letter.retention_days <= 14 && floor(var.dead_letter.retention_days) == var.dead_letter.retention_days
    error_message = "dead_letter.retention_days must be a whole number from 1 to 14."
  }
}

variable "logs" {
  description = "How long logs are kept."
  type = object({
    retention_days = optional(number, 30)
  })
  default  = {}
  nullable = false
  validation {
    condition     = var.logs.retention_days >= 1 && var.logs.retention_days <= 3653 && floor(var.logs.retention_days) == var.logs.retention_days
    error_message = "logs.retention_days must be a whole number from 1 to 3653. 30, 60, 90, 120, 180, 365 and 545 are taken by every cloud."
  }
}

variable "alarms" {
  description = "What wakes somebody. Without `notify` the alarms are made and shown, and nobody is told."
  type = object({
    enabled             = optional(bool, true)
    notify              = optional(list(string), []) # SNS topics, action groups or notification channels, by id
    p99_latency_seconds = optional(number, 3)
    error_percent       = optional(number, 1)
    cold_start_percent  = optional(number, 10)
    throttles           = optional(number, 0)  # in one window: five minutes, on Azure azure.alarm_minutes
    minimum_requests    = optional(number, 20) # in one window; with fewer no percentage is judged
  })
  default  = {}
  nullable = false
  validation {
    condition     = var.alarms.p99_latency_seconds > 0 && var.alarms.p99_latency_seconds <= 900
    error_message = "alarms.p99_latency_seconds must be above 0 and at most 900 (seconds, not milliseconds)."
  }
  validation {
    condition     = var.alarms.error_percent >= 0 && var.alarms.error_percent < 100 && var.alarms.cold_start_percent >= 0 && var.alarms.cold_start_percent < 100
    error_message = "alarms.error_percent and alarms.cold_start_percent are percentages from 0 to below 100; 1 means one request in a hundred."
  }
  validation {
    condition     = var.alarms.throttles >= 0 && floor(var.alarms.throttles) == var.alarms.throttles && var.alarms.minimum_requests >= 1 && floor(var.alarms.minimum_requests) == var.alarms.minimum_requests
    error_message = "alarms.throttles must be a whole number from 0, alarms.minimum_requests a whole number from 1."
  }
}

variable "tags" {
  description = "Tags (labels on Google Cloud) of every resource, beside `name`, `environment` and `managed-by`, which the module sets."
  type        = map(string)
  default     = {}
  nullable    = false
  validation {
    condition     = length(setintersection([for key in keys(var.tags) : lower(key)], ["name", "environment", "managed-by"])) == 0
    error_message = "tags: name, environment and managed-by are set by the module; choose other keys."
  }
}
