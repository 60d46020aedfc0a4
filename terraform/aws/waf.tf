locals {
  waf = var.edge.waf ? 1 : 0
  # AWS's own rule groups, by priority. KnownBadInputs has Log4j.
  waf_groups = ["AWSManagedRulesAmazonIpReputationList", "AWSManagedRulesKnownBadInputsRuleSet", "AWSManagedRulesCommonRuleSet"]
}

resource "aws_wafv2_web_acl" "this" {
  count       = local.waf
  name        = local.id
  description = "In front of Portolan"
  scope       = "REGIONAL"
  tags        = local.tags

  default_action {
    allow {}
  }

  dynamic "rule" {
    for_each = local.waf_groups
    content {
      name     = rule.value
      priority = rule.key

      override_action {
        none {}
      }

      statement {
        managed_rule_group_statement {
          vendor_name = "AWS"
          name        = rule.value
        }
      }

      visibility_config {
        cloudwatch_metrics_enabled = true
        metric_name                = rule.value
        sampled_requests_enabled   = false # samples hold headers, and thereby keys
      }
    }
  }

  visibility_config {
    cloudwatch_metrics_enabled = true
    metric_name                = local.id
    sampled_requests_enabled   = false
  }
}

resource "aws_wafv2_web_acl_association" "this" {
  count        = local.waf
  web_acl_arn  = aws_wafv2_web_acl.this[0].arn
  resource_arn = one(concat(aws_api_gateway_stage.this[*].arn, aws_lb.this[*].arn))
}

# WAF writes only to groups of this prefix.
resource "aws_cloudwatch_log_group" "waf" {
  count             = local.waf
  name              = "aws-waf-logs-${local.id}"
  retention_in_days = var.logs.retention_days
  kms_key_id        = var.encryption_key_id
  tags              = local.tags
}

resource "aws_wafv2_web_acl_logging_configuration" "this" {
  count                   = local.waf
  resource_arn            = aws_wafv2_web_acl.this[0].arn
  log_destination_configs = [aws_cloudwatch_log_group.waf[0].arn]

  redacted_fields {
    single_header {
      name = "authorization"
    }
  }
}
