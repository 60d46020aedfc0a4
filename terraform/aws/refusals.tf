locals {
  environment_text = base64encode(join("", concat(keys(local.environment), values(local.environment))))
  # Bytes of UTF-8; length() of the text itself would count characters.
  environment_bytes = length(local.environment_text) / 4 * 3 - (endswith(local.environment_text, "==") ? 2 : endswith(local.environment_text, "=") ? 1 : 0)

  zip_bytes = try(length(filebase64(var.package.path)) / 4 * 3, 0)

  # How long each front door waits for the function.
  edge_seconds = { function = 900, managed = 30, gateway = var.edge.streaming ? 900 : 29, balancer = 900 }[var.edge.kind]

  arn_of = {
    key         = "^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/.+$"
    topic       = "^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_.-]+$"
    certificate = "^arn:[a-z-]+:acm:[a-z0-9-]+:[0-9]{12}:certificate/.+$"
  }

  # Names Lambda keeps for itself (https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html).
  reserved_settings = [
    "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_DEFAULT_REGION", "AWS_EXECUTION_ENV", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API", "AWS_REGION", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "LAMBDA_RUNTIME_DIR", "LAMBDA_TASK_ROOT", "TZ",
  ]

  # What the shared interface allows and AWS does not: a sentence for each, shown together by the function's precondition.
  refusals = [for rule in [
    { refused = var.runtime.memory_mb > 10240, say = "runtime.memory_mb: Lambda has at most 10240 MB." },
    { refused = var.runtime.timeout_seconds > local.edge_seconds, say = "runtime.timeout_seconds: the front door \"${var.edge.kind}\" waits at most ${local.edge_seconds} seconds on AWS; set it to that or less." },
    { refused = coalesce(var.runtime.concurrency, 1) != 1, say = "runtime.concurrency: Lambda gives each instance one request at a time; leave it out." },
    { refused = local.environment_bytes > 4096, say = "config and settings: Lambda takes 4096 bytes of environment in all, and these are ${local.environment_bytes}. Put the configuration into the package (make package CONFIG=portolan.json) and leave config out." },
    { refused = length(setintersection(keys(var.settings), local.reserved_settings)) > 0, say = "settings: ${join(", ", setintersection(keys(var.settings), local.reserved_settings))} is set by Lambda itself; leave it out." },
    { refused = local.zip_bytes > 50 * 1024 * 1024 && var.aws.code_bucket == null, say = "package: Lambda takes zips over 50 MB from a bucket only; name one in aws.code_bucket." },
    { refused = length(local.misnamed_secrets) > 0, say = "secrets: existing_id of ${join(", ", local.misnamed_secrets)} must be the whole ARN of a secret named ${local.secret_prefix}<key>, which is what the function asks for: arn:aws:secretsmanager:<region>:<account>:secret:${local.secret_prefix}<key>-<6 characters>. Rename the secret, or set secret_prefix." },
    { refused = !can(regex(local.arn_of.key, coalesce(var.encryption_key_id, "arn:aws:kms:eu-west-1:123456789012:key/x"))), say = "encryption_key_id must be the ARN of a KMS key (not of an alias): arn:aws:kms:<region>:<account>:key/<id>." },
    { refused = length([for id in var.network.subnet_ids : id if !startswith(id, "subnet-")]) > 0, say = "network.subnet_ids must be ids such as \"subnet-0123456789abcdef0\"." },
    { refused = length(var.network.subnet_ids) > 0 && length(var.network.security_group_ids) == 0, say = "network.security_group_ids: Lambda in a network needs at least one security group." },
    { refused = !contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.logs.retention_days), say = "logs.retention_days: CloudWatch takes 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653." },
    { refused = length([for id in var.alarms.notify : id if !can(regex(local.arn_of.topic, id))]) > 0, say = "alarms.notify must be ARNs of SNS topics: arn:aws:sns:<region>:<account>:<topic>." },
    { refused = length([for key in keys(var.tags) : key if startswith(lower(key), "aws:")]) > 0, say = "tags: keys that begin with aws: belong to AWS." },
    { refused = var.edge.domain != null && !local.capabilities.custom_domain, say = "edge.domain: a function URL has no domain of one's own on AWS; use edge.kind \"managed\", \"gateway\" or \"balancer\"." },
    { refused = var.edge.domain != null && !can(regex(local.arn_of.certificate, try(var.edge.domain.certificate_id, ""))), say = "edge.domain.certificate_id must be the ARN of a certificate in AWS Certificate Manager, in this region: arn:aws:acm:<region>:<account>:certificate/<id>." },
    { refused = (var.edge.rate_per_second != null || var.edge.burst != null) && !local.capabilities.rate_limit, say = "edge.rate_per_second and edge.burst: only \"managed\" and \"gateway\" can limit on AWS; leave them out, runtime.max_instances limits too." },
    { refused = length(var.edge.cors_origins) > 0 && !local.capabilities.cors, say = "edge.cors_origins: only \"function\" and \"managed\" answer browsers' preflights on AWS." },
    { refused = var.edge.waf && !local.capabilities.waf, say = "edge.waf: on AWS a web application firewall stands before \"gateway\" or \"balancer\" only." },
    { refused = var.edge.streaming && !local.capabilities.streaming, say = "edge.streaming: on AWS \"function\" and \"gateway\" stream answers; HTTP APIs and load balancers do not." },
    { refused = !var.edge.public && !local.capabilities.private_edge, say = "edge.public = false: function URLs and HTTP APIs are on the internet, and their IAM authentication takes the Authorization header Portolan's keys come in. Use \"gateway\" with aws.vpc_endpoint_ids, or \"balancer\"." },
    { refused = !var.edge.public && var.edge.kind == "gateway" && length(var.aws.vpc_endpoint_ids) == 0, say = "edge.public = false: a private REST API is reached by way of VPC endpoints (service execute-api); name them in aws.vpc_endpoint_ids." },
    { refused = !var.edge.public && var.edge.kind == "gateway" && var.edge.domain != null, say = "edge.domain: a private REST API has none here; callers use its address by way of the VPC endpoint." },
    { refused = var.edge.kind == "balancer" && (var.aws.balancer == null || var.edge.domain == null), say = "edge.kind \"balancer\" needs aws.balancer (network, subnets, bucket for access logs) and edge.domain with a certificate: there is no HTTPS without one." },
    { refused = var.aws.balancer != null && var.edge.kind != "balancer", say = "aws.balancer has no effect with edge.kind \"${var.edge.kind}\"; leave it out." },
    { refused = length([for route in var.edge.routes : route if length(concat(route.hosts, route.paths, route.methods, flatten(values(route.headers)), keys(route.query), route.source_ips)) > 5]) > 0, say = "edge.routes: a rule of an AWS load balancer has at most five values in all its conditions; split it." },
  ] : rule.say if rule.refused]

  misnamed_secrets = [for key, secret in var.secrets : key if secret.existing_id != null && !can(regex("^arn:[a-z-]+:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:${local.secret_prefix}${key}-[A-Za-z0-9]{6}$", coalesce(secret.existing_id, "")))]
}
