# The balancer by the name it was made under: the module's outputs are the same on every cloud, so it tells its address in next_steps only.
data "aws_lb" "this" {
  name       = "portolan-prod"
  depends_on = [module.portolan]
}

resource "aws_route53_record" "this" {
  zone_id = var.zone_id
  name    = var.domain
  type    = "A"

  alias {
    name                   = data.aws_lb.this.dns_name
    zone_id                = data.aws_lb.this.zone_id
    evaluate_target_health = false
  }
}
