# What the function is told (adapters/gcp/module.ts), but for the database, whose name is its resource's.
locals {
  known = merge(
    {
      GOOGLE_CLOUD_PROJECT         = local.project # 2nd-generation functions are not told
      PORTOLAN_COLLECTION          = var.gcp.collection
      PORTOLAN_SECRET_PREFIX       = local.secret_prefix
      PORTOLAN_TRUSTED_HOPS        = tostring(local.trusted_hops)
      PORTOLAN_FUNCTION_TIMEOUT_MS = tostring(var.runtime.timeout_seconds * 1000)
      # Google sets it by itself; left out here, every plan would take it away again
      # (https://github.com/GoogleCloudPlatform/cloud-foundation-fabric/issues/2403).
      LOG_EXECUTION_ID = "true"
    },
    # The gateway's calls are signed where the caller's key would be, and nobody else may call the function then.
    local.gateway ? { PORTOLAN_FORWARDED_AUTHORIZATION = "true" } : {},
    var.config == null ? {} : { PORTOLAN_CONFIG = var.config },
    var.runtime.attempt_timeout_ms == null ? {} : { PORTOLAN_ATTEMPT_TIMEOUT_MS = tostring(var.runtime.attempt_timeout_ms) },
  )

  # Each front door adds the address it was called from to X-Forwarded-For, right of what the client wrote. Google's own front end of
  # the function adds the last: behind the balancer or the gateway that is the front door's, and the client's stands before it.
  # https://cloud.google.com/load-balancing/docs/https#x-forwarded-for_header
  trusted_hops = local.direct ? 0 : 1
}
