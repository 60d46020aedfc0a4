# Well-formed values: the real providers refuse the eight random letters of a bare mock where they want an id, an address or a member.
mock_resource "google_service_account" {
  defaults = {
    name   = "projects/acme-portolan/serviceAccounts/mocked@acme-portolan.iam.gserviceaccount.com"
    id     = "projects/acme-portolan/serviceAccounts/mocked@acme-portolan.iam.gserviceaccount.com"
    email  = "mocked@acme-portolan.iam.gserviceaccount.com"
    member = "serviceAccount:mocked@acme-portolan.iam.gserviceaccount.com"
  }
}

mock_resource "google_cloudfunctions2_function" {
  defaults = {
    id = "projects/acme-portolan/locations/europe-west1/functions/portolan-test"
    service_config = {
      available_cpu = "0.5833" # of Google's choice
      uri           = "https://portolan-test-abc123-ew.a.run.app"
      service       = "projects/acme-portolan/locations/europe-west1/services/portolan-test"
    }
  }
}

mock_resource "google_artifact_registry_repository" {
  defaults = { id = "projects/acme-portolan/locations/europe-west1/repositories/portolan-test" }
}

mock_resource "google_firestore_database" {
  defaults = { id = "projects/acme-portolan/databases/portolan-test" }
}

mock_resource "google_secret_manager_secret" {
  defaults = { id = "projects/acme-portolan/secrets/portolan-test-api-keys" }
}

mock_resource "google_pubsub_topic" {
  defaults = { id = "projects/acme-portolan/topics/portolan-test-dead-letters" }
}

mock_resource "google_logging_project_bucket_config" {
  defaults = { id = "projects/acme-portolan/locations/global/buckets/portolan-test" }
}

mock_resource "google_monitoring_dashboard" {
  defaults = { id = "projects/123456789012/dashboards/0a1b2c3d" }
}

mock_resource "google_vpc_access_connector" {
  defaults = { id = "projects/acme-portolan/locations/europe-west1/connectors/p0123456789ab-vpc" }
}

mock_resource "google_compute_global_address" {
  defaults = {
    id      = "projects/acme-portolan/global/addresses/portolan-test"
    address = "203.0.113.10"
  }
}

mock_resource "google_compute_region_network_endpoint_group" {
  defaults = { id = "projects/acme-portolan/regions/europe-west1/networkEndpointGroups/portolan-test" }
}

mock_resource "google_compute_backend_service" {
  defaults = { id = "projects/acme-portolan/global/backendServices/portolan-test" }
}

mock_resource "google_compute_url_map" {
  defaults = { id = "projects/acme-portolan/global/urlMaps/portolan-test" }
}

mock_resource "google_compute_ssl_policy" {
  defaults = { id = "projects/acme-portolan/global/sslPolicies/portolan-test" }
}

mock_resource "google_compute_security_policy" {
  defaults = { id = "projects/acme-portolan/global/securityPolicies/portolan-test" }
}

mock_resource "google_compute_target_https_proxy" {
  defaults = { id = "projects/acme-portolan/global/targetHttpsProxies/portolan-test" }
}

mock_resource "google_compute_target_http_proxy" {
  defaults = { id = "projects/acme-portolan/global/targetHttpProxies/portolan-test-redirect" }
}

mock_resource "google_api_gateway_api_config" {
  defaults = { id = "projects/acme-portolan/locations/global/apis/portolan-test/configs/portolan-test-1" }
}

mock_resource "google_api_gateway_gateway" {
  defaults = { default_hostname = "portolan-test-1abcdefg.ew.gateway.dev" }
}

mock_resource "google_compute_managed_ssl_certificate" {
  defaults = { id = "projects/acme-portolan/global/sslCertificates/portolan-prod-0a1b2c3d" }
}

mock_resource "google_monitoring_notification_channel" {
  defaults = { name = "projects/acme-portolan/notificationChannels/123" }
}

mock_resource "google_iam_workload_identity_pool" {
  defaults = { name = "projects/123456789012/locations/global/workloadIdentityPools/portolan-ci" }
}

mock_resource "google_iam_workload_identity_pool_provider" {
  defaults = { name = "projects/123456789012/locations/global/workloadIdentityPools/portolan-ci/providers/github" }
}
