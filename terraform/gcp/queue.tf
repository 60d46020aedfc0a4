# No request ever ends here: its caller sees the error. It is where asynchronous work goes that failed for good: name the topic as
# dead_letter_policy of your subscriptions, and their publisher (Pub/Sub's service agent) in gcp.dead_letter_publishers.
resource "google_pubsub_topic" "dead_letter" {
  count = var.dead_letter.enabled ? 1 : 0

  project      = local.project
  name         = "${local.prefix}-dead-letters"
  labels       = local.labels
  kms_key_name = var.encryption_key_id

  depends_on = [google_project_service.this]
}

resource "google_pubsub_subscription" "dead_letter" {
  count = var.dead_letter.enabled ? 1 : 0

  project = local.project
  name    = "${local.prefix}-dead-letters"
  topic   = google_pubsub_topic.dead_letter[0].id
  labels  = local.labels

  message_retention_duration = "${var.dead_letter.retention_days * 86400}s"
  ack_deadline_seconds       = 60

  expiration_policy {
    ttl = "" # never: after 31 quiet days Google would delete it, and with it the alarm's sight
  }
}

resource "google_pubsub_topic_iam_member" "dead_letter" {
  for_each = var.dead_letter.enabled ? toset(var.gcp.dead_letter_publishers) : []

  project = local.project
  topic   = google_pubsub_topic.dead_letter[0].name
  role    = "roles/pubsub.publisher"
  member  = each.key
}
