# No resource and no data source is read here nor in capabilities.tf and refusals.tf, so that tests/aws_rules can try them without a provider.
locals {
  id = "${var.name}-${var.environment}"

  secret_prefix = coalesce(var.secret_prefix, "${local.id}-")

  # Exactly what adapters/aws/module.ts and main.ts read.
  injected = merge(
    {
      PORTOLAN_TABLE         = local.id
      PORTOLAN_SECRET_PREFIX = local.secret_prefix
      PORTOLAN_EVENT_SOURCE = {
        function = "aws-url"
        managed  = "aws-http-v2"
        gateway  = "aws-rest"
        balancer = "aws-alb-multi"
      }[var.edge.kind]
    },
    # Encoded anew: without the white space of a pretty file.
    var.config == null ? {} : { PORTOLAN_CONFIG = jsonencode(jsondecode(var.config)) },
    var.runtime.attempt_timeout_ms == null ? {} : { PORTOLAN_ATTEMPT_TIMEOUT_MS = tostring(var.runtime.attempt_timeout_ms) },
  )
  environment = merge(var.settings, local.injected)
}
