# What the shared interface allows and Google Cloud, or this front door, does not: a sentence for each, shown together by the function's
# precondition. What is wrong on every cloud is in variables.tf.
locals {
  environment_text = base64encode(join("", flatten([for key, value in merge(var.settings, local.known, { PORTOLAN_DATABASE = local.prefix }) : [key, value]])))
  # Bytes of UTF-8; length() of the text itself would count characters.
  environment_bytes = length(local.environment_text) / 4 * 3 - (endswith(local.environment_text, "==") ? 2 : endswith(local.environment_text, "=") ? 1 : 0)

  id_of = {
    certificate = "^((https://www\\.googleapis\\.com/compute/v1/)?projects/[^/]+/global/sslCertificates/[^/]+|(//certificatemanager\\.googleapis\\.com/)?projects/[^/]+/locations/global/certificateMaps/[^/]+)$"
    channel     = "^projects/[^/]+/notificationChannels/[^/]+$"
    key         = "^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$"
    subnet      = "^projects/[^/]+/regions/${local.region}/subnetworks/[^/]+$"
  }

  # Google's own (https://cloud.google.com/run/docs/configuring/services/overview-environment-variables), what the module sets, and three that
  # would write requests into the logs or send state and secrets elsewhere.
  reserved_settings = [
    "FUNCTION_SIGNATURE_TYPE", "FUNCTION_TARGET", "GOOGLE_CLOUD_PROJECT", "K_CONFIGURATION", "K_REVISION", "K_SERVICE", "LOG_EXECUTION_ID", "PORT",
    "FIRESTORE_EMULATOR_HOST", "GOOGLE_SDK_NODE_LOGGING", "GOOGLE_APPLICATION_CREDENTIALS",
  ]
  refused_settings = [for key in keys(var.settings) : key if contains(local.reserved_settings, upper(key)) || startswith(upper(key), "X_GOOGLE_")]

  foreign_secrets = [for key, secret in var.secrets : key if secret.existing_id != null && !can(regex("^projects/(${local.project}|[0-9]+)/secrets/${local.secret_prefix}${key}$", coalesce(secret.existing_id, "")))]

  refusals = [for rule in [
    # The runtime.
    { refused = coalesce(var.runtime.architecture, "x86_64") != "x86_64", say = "runtime.architecture: Cloud Functions run on x86_64 only; leave it out." },
    { refused = local.concurrency == 1 && var.runtime.memory_mb > 16384, say = "runtime.concurrency: with more than 16384 MiB Google wants four processors, and with those more than one request at once; leave it out." },
    { refused = local.environment_bytes > 32768, say = "config and settings: a function's environment has at most 32768 bytes in all, and these are ${local.environment_bytes}. Put the configuration into the package (make package CONFIG=portolan.json) and leave config out." },
    { refused = length(local.refused_settings) > 0, say = "settings: ${join(", ", local.refused_settings)} is Google's or the module's to set, or would send requests or secrets elsewhere; leave it out." },

    # The front door.
    { refused = !var.edge.public && !local.capabilities.private_edge, say = "edge.public = false: API Gateway and the external load balancer are on the internet. Use edge.kind \"function\", which then answers callers inside your networks only." },
    { refused = var.edge.public && length(var.gcp.invokers) > 0, say = "gcp.invokers: with edge.public = true ${local.gateway ? "only the gateway may call the function" : "everybody may call it"}, so the list says nothing. Leave it out, or set edge.public = false." },
    { refused = var.edge.streaming && !local.capabilities.streaming, say = "edge.streaming: API Gateway does not promise to pass an answer on as it comes; use edge.kind \"function\" or \"balancer\"." },
    { refused = var.edge.domain != null && !local.capabilities.custom_domain, say = "edge.domain: on Google Cloud only the load balancer takes a name of your own; use edge.kind \"balancer\"." },
    { refused = var.edge.domain == null && local.balancer, say = "edge.kind \"balancer\" needs edge.domain, a name and its certificate: a load balancer has no name of its own here, so there would be no HTTPS." },
    { refused = !can(regex(local.id_of.certificate, try(coalesce(local.certificate_id), "projects/p/global/sslCertificates/c"))), say = "edge.domain.certificate_id must be projects/PROJECT/global/sslCertificates/NAME (gcloud compute ssl-certificates create) or projects/PROJECT/locations/global/certificateMaps/NAME (Certificate Manager)." },
    { refused = var.edge.waf && !local.capabilities.waf, say = "edge.waf: Cloud Armor stands before load balancers only; use edge.kind \"balancer\"." },
    { refused = var.edge.rate_per_second != null && !local.capabilities.rate_limit, say = "edge.rate_per_second: on Google Cloud only \"balancer\" limits a rate before the function. Leave it out: Portolan's own limits (config) hold with every front door, and runtime.max_instances bounds the cost." },
    { refused = var.edge.rate_per_second != null && local.forwarding > 1, say = "edge.rate_per_second: each forwarding rule of edge.routes would count for itself, which is no limit of all clients together. Make one forwarding rule of them, or leave rate_per_second out." },
    { refused = var.edge.burst != null, say = "edge.burst: Cloud Armor counts over ten seconds, so a burst is inside edge.rate_per_second already; leave it out." },
    { refused = length(var.edge.cors_origins) > 0 && !local.capabilities.cors, say = "edge.cors_origins: on Google Cloud only \"balancer\" answers browsers' preflights." },
    { refused = !alltrue([for text in local.route_texts : can(regex("^[A-Za-z0-9 ._~/:@%=,;+*?$()|{}&!-]*$", text))]), say = "edge.routes: hosts, paths, headers and query may hold letters, digits, spaces and . _ ~ / : @ % = , ; + * ? $ ( ) | { } & ! -; the rest has no sure spelling in Cloud Armor's language." },
    { refused = !alltrue([for name in flatten([for route in var.edge.routes : keys(route.headers)]) : can(regex("^[A-Za-z0-9-]+$", name))]), say = "edge.routes: names of header fields are letters, digits and hyphens." },
    { refused = !alltrue([for route in local.armor_routes : route.conditions <= 5 && length(route.expression) <= 2048]), say = "edge.routes: a rule of Cloud Armor has at most five conditions and 2048 characters (hosts, paths and methods are one each; every header field, query parameter and block of source_ips is one); split it." },

    # What is around it.
    { refused = length(var.network.security_group_ids) > 0, say = "network.security_group_ids: Google Cloud has firewall rules on the network instead; leave it out." },
    { refused = length(var.network.subnet_ids) > 1 || (length(var.network.subnet_ids) > 0 && var.gcp.vpc_connector_id != null), say = "network.subnet_ids: a function has one connector. Give one subnet (a /28 of its own), or gcp.vpc_connector_id and no subnet." },
    { refused = !alltrue([for id in var.network.subnet_ids : can(regex(local.id_of.subnet, id))]), say = "network.subnet_ids must be whole ids in the function's region: projects/PROJECT/regions/${local.region}/subnetworks/NAME." },
    { refused = !can(regex(local.id_of.key, coalesce(var.encryption_key_id, "projects/p/locations/l/keyRings/r/cryptoKeys/k"))), say = "encryption_key_id must be a Cloud KMS key without a version: projects/PROJECT/locations/${local.region}/keyRings/RING/cryptoKeys/KEY." },
    { refused = var.encryption_key_id != null && (!can(regex("/locations/${local.region}/", coalesce(var.encryption_key_id, "none"))) || coalesce(var.gcp.firestore_location, local.region) != local.region), say = "encryption_key_id: key, function and database must be in one region. Make the key in ${local.region}, and leave gcp.firestore_location out." },
    { refused = length(local.foreign_secrets) > 0, say = "secrets: existing_id of ${join(", ", local.foreign_secrets)} must be projects/${local.project}/secrets/${local.secret_prefix}<key>, which is what the function asks for. Make the secret in this project, or set secret_prefix." },
    { refused = var.logs.retention_days > 3650, say = "logs.retention_days: Cloud Logging keeps logs for at most 3650 days." },
    { refused = !alltrue([for id in var.alarms.notify : can(regex(local.id_of.channel, id))]), say = "alarms.notify must be notification channels: projects/PROJECT/notificationChannels/NUMBER (gcloud beta monitoring channels list)." },
    { refused = !alltrue([for key, value in var.tags : can(regex("^[a-z][a-z0-9_-]{0,62}$", key)) && can(regex("^[a-z0-9_-]{0,63}$", value))]), say = "tags are labels on Google Cloud: keys and values of at most 63 lower-case letters, digits, _ and -, a key beginning with a letter." },
  ] : rule.say if rule.refused]
}
