resource "aws_sqs_queue" "dead_letter" {
  count                     = var.dead_letter.enabled ? 1 : 0
  name                      = "${local.id}-dead-letter"
  message_retention_seconds = var.dead_letter.retention_days * 86400
  sqs_managed_sse_enabled   = var.encryption_key_id == null ? true : null
  kms_master_key_id         = var.encryption_key_id
  tags                      = local.tags
}
