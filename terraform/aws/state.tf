# The table of adapters/aws/dynamo-table.ts: sessions, keys and counters share it.
resource "aws_dynamodb_table" "state" {
  name                        = local.id
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "pk"
  range_key                   = "sk"
  deletion_protection_enabled = var.deletion_protection
  tags                        = local.tags

  attribute {
    name = "pk"
    type = "S"
  }

  attribute {
    name = "sk"
    type = "S"
  }

  # Garbage collection only: what has expired is absent before DynamoDB removes it.
  ttl {
    attribute_name = "ttl"
    enabled        = true
  }

  point_in_time_recovery {
    enabled = coalesce(var.state.point_in_time_recovery, true)
  }

  # Without a key of one's own DynamoDB encrypts with its own, which costs nothing.
  dynamic "server_side_encryption" {
    for_each = var.encryption_key_id == null ? [] : [var.encryption_key_id]
    content {
      enabled     = true
      kms_key_arn = server_side_encryption.value
    }
  }
}
