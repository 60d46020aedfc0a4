# The front doors.
mock_provider "google" {
  source = "./mocks/gcp"
}
mock_provider "google-beta" {
  source = "./mocks/gcp"
}
mock_provider "time" {}

variables {
  name          = "portolan"
  environment   = "test"
  package       = { path = "fixtures/function.zip", sha256_base64 = filebase64sha256("fixtures/function.zip") }
  secret_values = {}
  gcp           = { project_id = "acme-portolan", region = "europe-west1" }
}

run "function" {
  command = plan
  module { source = "../gcp" }
  variables { edge = { kind = "function", streaming = true } }
  assert {
    condition     = google_cloudfunctions2_function.this.service_config[0].ingress_settings == "ALLOW_ALL" && google_cloudfunctions2_function.this.service_config[0].environment_variables["PORTOLAN_TRUSTED_HOPS"] == "0"
    error_message = "Nobody stands before Google's own front end."
  }
}

run "gateway" {
  module { source = "../gcp" }
  variables {
    edge    = { kind = "gateway" }
    runtime = { timeout_seconds = 25 }
  }
  assert {
    condition     = output.endpoint_url == "https://portolan-test-1abcdefg.ew.gateway.dev" && google_cloudfunctions2_function.this.service_config[0].environment_variables["PORTOLAN_TRUSTED_HOPS"] == "1"
    error_message = "The gateway is the front door, and one hop before the function's own."
  }
  assert {
    condition     = jsondecode(base64decode(google_api_gateway_api_config.this[0].openapi_documents[0].document[0].contents)).swagger == "2.0" && jsondecode(base64decode(google_api_gateway_api_config.this[0].openapi_documents[0].document[0].contents)).x-google-backend == { address = "https://portolan-test-abc123-ew.a.run.app", path_translation = "APPEND_PATH_TO_ADDRESS", deadline = 25, disable_auth = false }
    error_message = "It forwards to the function, waits as long as that may take, and signs its calls."
  }
  assert {
    condition     = keys(jsondecode(base64decode(google_api_gateway_api_config.this[0].openapi_documents[0].document[0].contents)).paths) == ["/{path=**}"] && length(jsondecode(base64decode(google_api_gateway_api_config.this[0].openapi_documents[0].document[0].contents)).paths["/{path=**}"]) == 7
    error_message = "Every path, by the seven methods that OpenAPI 2 has."
  }
  assert {
    condition     = length(distinct([for operation in values(jsondecode(base64decode(google_api_gateway_api_config.this[0].openapi_documents[0].document[0].contents)).paths["/{path=**}"]) : operation.operationId])) == 7
    error_message = "Each operation has an id of its own: API Gateway refuses the document otherwise."
  }
  assert {
    condition     = google_api_gateway_api_config.this[0].gateway_config[0].backend_config[0].google_service_account == google_service_account.gateway[0].email && google_api_gateway_api_config.this[0].api_config_id_prefix == "portolan-test-"
    error_message = "It acts as an account of its own, and each configuration has a name of its own."
  }
  assert {
    condition     = keys(google_cloud_run_v2_service_iam_member.invoker) == ["gateway"] && google_cloud_run_v2_service_iam_member.invoker["gateway"].member == google_service_account.gateway[0].member && google_cloud_run_v2_service_iam_member.invoker["gateway"].role == "roles/run.invoker"
    error_message = "Nobody but the gateway may call the function."
  }
  assert {
    condition     = google_cloudfunctions2_function.this.service_config[0].environment_variables["PORTOLAN_FORWARDED_AUTHORIZATION"] == "true"
    error_message = "Portolan takes the caller's Authorization from where the gateway puts it."
  }
  assert {
    condition     = output.capabilities.streaming == false && output.capabilities.private_edge == false
    error_message = "Capabilities say what the gateway cannot."
  }
  assert {
    condition     = length(setsubtract(["apigateway.googleapis.com", "servicecontrol.googleapis.com", "servicemanagement.googleapis.com"], keys(google_project_service.this))) == 0
    error_message = "Its services are enabled."
  }
}

run "balancer" {
  module { source = "../gcp" }
  variables {
    edge = { kind = "balancer", domain = { name = "portolan.example.com", certificate_id = "projects/acme-portolan/global/sslCertificates/portolan" } }
  }
  assert {
    condition     = output.endpoint_url == "https://portolan.example.com" && strcontains(output.next_steps, "Point portolan.example.com at 203.0.113.10") && google_cloudfunctions2_function.this.service_config[0].environment_variables["PORTOLAN_TRUSTED_HOPS"] == "1"
    error_message = "The name is the front door; what to do in DNS is said; one hop."
  }
  assert {
    condition     = google_cloudfunctions2_function.this.service_config[0].ingress_settings == "ALLOW_INTERNAL_AND_GCLB"
    error_message = "Nobody comes past the balancer."
  }
  assert {
    condition     = google_compute_ssl_policy.this[0].min_tls_version == "TLS_1_2" && google_compute_ssl_policy.this[0].profile == "MODERN" && google_compute_target_https_proxy.this[0].ssl_policy == google_compute_ssl_policy.this[0].id
    error_message = "TLS 1.2 and newer."
  }
  assert {
    condition     = google_compute_target_https_proxy.this[0].ssl_certificates == tolist(["projects/acme-portolan/global/sslCertificates/portolan"]) && google_compute_target_https_proxy.this[0].certificate_map == null
    error_message = "The certificate is the one given."
  }
  assert {
    condition     = google_compute_url_map.redirect[0].default_url_redirect[0].https_redirect && google_compute_url_map.redirect[0].default_url_redirect[0].redirect_response_code == "PERMANENT_REDIRECT" && google_compute_global_forwarding_rule.redirect[0].port_range == "80" && google_compute_global_forwarding_rule.https[0].port_range == "443"
    error_message = "Plain HTTP is redirected, method and all."
  }
  assert {
    condition     = google_compute_backend_service.function[0].load_balancing_scheme == "EXTERNAL_MANAGED" && google_compute_backend_service.function[0].log_config[0].enable && google_compute_backend_service.function[0].security_policy == google_compute_security_policy.this[0].id && google_compute_region_network_endpoint_group.function[0].cloud_run[0].service == "portolan-test"
    error_message = "The function is behind it, its requests are logged, and Cloud Armor is before it."
  }
  assert {
    condition     = { for rule in google_compute_security_policy.this[0].rule : rule.priority => rule.action } == { 100000 = "throttle", 2147483647 = "allow" } && one([for rule in google_compute_security_policy.this[0].rule : rule.rate_limit_options[0].rate_limit_threshold[0].count if rule.priority == 100000]) == 500
    error_message = "Fifty a second unless something else is said, and everything else is let in."
  }
  assert {
    condition     = output.capabilities.waf && output.capabilities.routes && output.capabilities.rate_limit && output.capabilities.cors && output.capabilities.custom_domain && output.capabilities.streaming
    error_message = "What the balancer can do."
  }
}

run "balancer_with_everything" {
  module { source = "../gcp" }
  variables {
    edge = {
      kind            = "balancer"
      waf             = true
      rate_per_second = 200
      cors_origins    = ["https://app.example.com"]
      domain          = { name = "portolan.example.com", certificate_id = "//certificatemanager.googleapis.com/projects/acme-portolan/locations/global/certificateMaps/portolan" }
      routes = [
        { priority = 20, hosts = ["portolan.example.com", "*.example.org"], paths = ["/v1/*"], methods = ["GET", "POST"], headers = { X-Tenant = ["acme"] } },
        { priority = 10, action = "deny", source_ips = ["198.51.100.0/24", "203.0.113.7/32"], query = { debug = "1+1" } },
      ]
    }
  }
  assert {
    condition     = google_compute_target_https_proxy.this[0].certificate_map == "//certificatemanager.googleapis.com/projects/acme-portolan/locations/global/certificateMaps/portolan" && google_compute_target_https_proxy.this[0].ssl_certificates == null
    error_message = "A certificate map goes where certificate maps go."
  }
  assert {
    condition     = google_compute_url_map.https[0].default_route_action[0].cors_policy[0].allow_origins == tolist(["https://app.example.com"]) && google_compute_url_map.https[0].default_route_action[0].cors_policy[0].allow_credentials == false
    error_message = "Browsers of one origin may call, without cookies."
  }
  assert {
    condition = { for rule in google_compute_security_policy.this[0].rule : rule.priority => rule.action } == {
      1000  = "deny(403)", 1001 = "deny(403)", 1002 = "deny(403)", 1003 = "deny(403)", 1004 = "deny(403)", 1005 = "deny(403)", 1006 = "deny(403)",
      10010 = "deny(403)", 10020 = "throttle", 2147483647 = "deny(404)",
    }
    error_message = "The firewall first, then the routes in their order, then 404: ${jsonencode({ for rule in google_compute_security_policy.this[0].rule : rule.priority => rule.action })}"
  }
  assert {
    condition     = one([for rule in google_compute_security_policy.this[0].rule : rule.match[0].expr[0].expression if rule.priority == 10020]) == "request.headers['host'].lower().matches('^(portolan[.]example[.]com|.*[.]example[.]org)(:[0-9]+)?$') && request.path.matches('^(/v1/.*)$') && request.method.matches('^(GET|POST)$') && request.headers['x-tenant'].matches('^(acme)$')"
    error_message = "All conditions of a rule must hold, of one condition's values one."
  }
  assert {
    condition     = one([for rule in google_compute_security_policy.this[0].rule : rule.match[0].expr[0].expression if rule.priority == 10010]) == "request.query.matches('(^|&)debug=1[+]1(&|$)') && (inIpRange(origin.ip, '198.51.100.0/24') || inIpRange(origin.ip, '203.0.113.7/32'))"
    error_message = "Query and addresses."
  }
  assert {
    condition     = one([for rule in google_compute_security_policy.this[0].rule : "${rule.rate_limit_options[0].rate_limit_threshold[0].count}/${rule.rate_limit_options[0].rate_limit_threshold[0].interval_sec} ${rule.rate_limit_options[0].enforce_on_key} ${rule.rate_limit_options[0].exceed_action}" if rule.priority == 10020]) == "2000/10 ALL deny(429)"
    error_message = "200 a second of all clients together, counted over ten seconds."
  }
  assert {
    condition     = contains([for rule in google_compute_security_policy.this[0].rule : try(rule.match[0].expr[0].expression, "")], "evaluatePreconfiguredWaf('cve-canary', {'sensitivity': 1})") && google_compute_backend_service.function[0].security_policy == google_compute_security_policy.this[0].id
    error_message = "Log4j's rules are among the firewall's, and the policy stands before the function."
  }
}

run "balancer_with_several_routes" {
  command = plan
  module { source = "../gcp" }
  variables {
    edge = {
      kind   = "balancer"
      domain = { name = "portolan.example.com", certificate_id = "projects/acme-portolan/global/sslCertificates/portolan" }
      routes = [{ priority = 1, paths = ["/v1/*"] }, { priority = 2, paths = ["/readyz"] }]
    }
  }
  assert {
    condition     = { for rule in google_compute_security_policy.this[0].rule : rule.priority => rule.action } == { 10001 = "allow", 10002 = "allow", 2147483647 = "deny(404)" }
    error_message = "Two rules would be two limits, so there is none; what neither matches is 404."
  }
}
