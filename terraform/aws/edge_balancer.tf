# An application load balancer.
resource "aws_security_group" "balancer" {
  count       = local.balancer
  name        = "${local.id}-balancer"
  description = "Clients of Portolan's load balancer"
  vpc_id      = var.aws.balancer.vpc_id
  tags        = local.tags
}

resource "aws_vpc_security_group_ingress_rule" "balancer" {
  for_each          = { for pair in local.balancer == 0 ? [] : setproduct(var.aws.balancer.client_cidrs, [80, 443]) : "${pair[0]} ${pair[1]}" => pair }
  security_group_id = aws_security_group.balancer[0].id
  description       = each.value[1] == 80 ? "HTTP, redirected to HTTPS" : "HTTPS"
  ip_protocol       = "tcp"
  from_port         = each.value[1]
  to_port           = each.value[1]
  cidr_ipv4         = strcontains(each.value[0], ":") ? null : each.value[0]
  cidr_ipv6         = strcontains(each.value[0], ":") ? each.value[0] : null
  tags              = local.tags
}

resource "aws_lb" "this" {
  count                      = local.balancer
  name                       = local.id
  internal                   = !var.edge.public
  load_balancer_type         = "application"
  subnets                    = var.aws.balancer.subnet_ids
  security_groups            = [aws_security_group.balancer[0].id]
  drop_invalid_header_fields = true
  desync_mitigation_mode     = "strictest"
  enable_deletion_protection = var.deletion_protection
  tags                       = local.tags

  access_logs {
    bucket  = var.aws.balancer.access_logs_bucket
    prefix  = local.id
    enabled = true
  }
}

resource "aws_lb_target_group" "this" {
  count       = local.balancer
  name        = local.id
  target_type = "lambda"
  # Without this, of two header fields of one name the function sees the last only.
  lambda_multi_value_headers_enabled = true
  tags                               = local.tags
}

resource "aws_lambda_permission" "balancer" {
  count         = local.balancer
  statement_id  = "load-balancer"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.this.function_name
  qualifier     = aws_lambda_alias.live.name
  principal     = "elasticloadbalancing.amazonaws.com"
  source_arn    = aws_lb_target_group.this[0].arn
}

resource "aws_lb_target_group_attachment" "this" {
  count            = local.balancer
  target_group_arn = aws_lb_target_group.this[0].arn
  target_id        = aws_lambda_alias.live.arn
  depends_on       = [aws_lambda_permission.balancer]
}

resource "aws_lb_listener" "https" {
  count             = local.balancer
  load_balancer_arn = aws_lb.this[0].arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  certificate_arn   = try(var.edge.domain.certificate_id, null)
  tags              = local.tags

  # With rules, what none of them matches is not for us.
  dynamic "default_action" {
    for_each = length(var.edge.routes) == 0 ? ["forward"] : []
    content {
      type             = "forward"
      target_group_arn = aws_lb_target_group.this[0].arn
    }
  }

  dynamic "default_action" {
    for_each = length(var.edge.routes) == 0 ? [] : ["fixed-response"]
    content {
      type = "fixed-response"
      fixed_response {
        content_type = "application/json"
        status_code  = "404"
        message_body = jsonencode({ title = "No such resource", status = 404 })
      }
    }
  }
}

resource "aws_lb_listener" "redirect" {
  count             = local.balancer
  load_balancer_arn = aws_lb.this[0].arn
  port              = 80
  protocol          = "HTTP"
  tags              = local.tags

  default_action {
    type = "redirect"
    redirect {
      port        = "443"
      protocol    = "HTTPS"
      status_code = "HTTP_301"
    }
  }
}

resource "aws_lb_listener_rule" "this" {
  for_each     = { for route in local.balancer == 0 ? [] : var.edge.routes : tostring(route.priority) => route }
  listener_arn = aws_lb_listener.https[0].arn
  priority     = each.value.priority
  tags         = local.tags

  dynamic "action" {
    for_each = each.value.action == "forward" ? ["forward"] : []
    content {
      type             = "forward"
      target_group_arn = aws_lb_target_group.this[0].arn
    }
  }

  dynamic "action" {
    for_each = each.value.action == "deny" ? ["fixed-response"] : []
    content {
      type = "fixed-response"
      fixed_response {
        content_type = "application/json"
        status_code  = "403"
        message_body = jsonencode({ title = "Not allowed here", status = 403 })
      }
    }
  }

  dynamic "condition" {
    for_each = length(each.value.hosts) > 0 ? [each.value.hosts] : []
    content {
      host_header { values = condition.value }
    }
  }

  dynamic "condition" {
    for_each = length(each.value.paths) > 0 ? [each.value.paths] : []
    content {
      path_pattern { values = condition.value }
    }
  }

  dynamic "condition" {
    for_each = length(each.value.methods) > 0 ? [each.value.methods] : []
    content {
      http_request_method { values = condition.value }
    }
  }

  dynamic "condition" {
    for_each = each.value.headers
    content {
      http_header {
        http_header_name = condition.key
        values           = condition.value
      }
    }
  }

  dynamic "condition" {
    for_each = each.value.query
    content {
      query_string {
        key   = condition.key
        value = condition.value
      }
    }
  }

  dynamic "condition" {
    for_each = length(each.value.source_ips) > 0 ? [each.value.source_ips] : []
    content {
      source_ip { values = condition.value }
    }
  }
}
