# What the shared interface allows and AWS does not: each is refused at plan, with a sentence that says what to do.
variables {
  name          = "portolan"
  environment   = "test"
  package       = { path = "fixtures/function.zip", sha256_base64 = filebase64sha256("fixtures/function.zip") }
  secret_values = {}
}

run "nothing_is_refused_by_default" {
  module { source = "./aws_rules" }
  assert {
    condition     = output.refusals == []
    error_message = "Nothing to refuse: ${jsonencode(output.refusals)}"
  }
}

run "runtime_and_services" {
  module { source = "./aws_rules" }
  variables {
    config            = jsonencode({ x = join("", [for i in range(500) : "äöü12345"]) })
    settings          = { AWS_REGION = "eu-west-1", TZ = "UTC" }
    runtime           = { memory_mb = 10241, timeout_seconds = 31, concurrency = 2 }
    secrets           = { vendor = { existing_id = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:mine-AbCdEf" }, right = { existing_id = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:portolan-test-right-AbCdEf" } }
    encryption_key_id = "alias/portolan"
    network           = { subnet_ids = ["10.0.0.0/24"] }
    logs              = { retention_days = 31 }
    alarms            = { notify = ["oncall@example.com"] }
    tags              = { "aws:team" = "proxies" }
  }
  assert {
    condition = [for sentence in output.refusals : substr(sentence, 0, 24)] == [
      "runtime.memory_mb: Lambd",
      "runtime.timeout_seconds:",
      "runtime.concurrency: Lam",
      "config and settings: Lam",
      "settings: AWS_REGION, TZ",
      "secrets: existing_id of ",
      "encryption_key_id must b",
      "network.subnet_ids must ",
      "network.security_group_i",
      "logs.retention_days: Clo",
      "alarms.notify must be AR",
      "tags: keys that begin wi",
    ]
    error_message = "One sentence for each: ${jsonencode(output.refusals)}"
  }
  assert {
    condition     = strcontains(join("", output.refusals), "make package CONFIG=portolan.json") && strcontains(join("", output.refusals), "existing_id of vendor must be the whole ARN of a secret named portolan-test-<key>")
    error_message = "Sentences say what to do."
  }
}

run "environment_to_the_byte" {
  module { source = "./aws_rules" }
  variables {
    # The names and values the module sets take 95 bytes and the setting's name 1. An umlaut takes two.
    settings = { X = join("", [for i in range(1000) : "ää"]) }
  }
  assert {
    condition     = output.refusals == []
    error_message = "4096 bytes are taken: ${jsonencode(output.refusals)}"
  }
}

run "environment_one_byte_more" {
  module { source = "./aws_rules" }
  variables {
    settings = { X = "x${join("", [for i in range(1000) : "ää"])}" }
  }
  assert {
    condition     = length(output.refusals) == 1 && strcontains(output.refusals[0], "these are 4097")
    error_message = "4097 are not: ${jsonencode(output.refusals)}"
  }
}

run "function" {
  module { source = "./aws_rules" }
  variables {
    edge = { kind = "function", public = false, rate_per_second = 5, waf = true, domain = { name = "portolan.example.com", certificate_id = "cert" } }
    aws  = { balancer = { vpc_id = "vpc-1", subnet_ids = ["subnet-1", "subnet-2"], access_logs_bucket = "logs" } }
  }
  assert {
    condition     = [for sentence in output.refusals : split(" ", sentence)[0]] == ["edge.domain:", "edge.domain.certificate_id", "edge.rate_per_second", "edge.waf:", "edge.public", "aws.balancer"]
    error_message = "A function URL has no domain, limit, firewall or private form: ${jsonencode(output.refusals)}"
  }
}

run "managed" {
  module { source = "./aws_rules" }
  variables {
    edge = { waf = true, public = false, streaming = true }
  }
  assert {
    condition     = [for sentence in output.refusals : split(" ", sentence)[0]] == ["edge.waf:", "edge.streaming:", "edge.public"]
    error_message = "An HTTP API has no firewall, streams nothing and is public: ${jsonencode(output.refusals)}"
  }
}

run "gateway" {
  module { source = "./aws_rules" }
  variables {
    runtime = { timeout_seconds = 30 }
    edge    = { kind = "gateway", public = false, cors_origins = ["https://app.example.com"], domain = { name = "portolan.example.com", certificate_id = "arn:aws:acm:eu-west-1:123456789012:certificate/x" } }
  }
  assert {
    condition     = [for sentence in output.refusals : split(" ", sentence)[0]] == ["runtime.timeout_seconds:", "edge.cors_origins:", "edge.public", "edge.domain:"]
    error_message = "A REST API waits 29 s, leaves preflights to the function, and is private by way of endpoints: ${jsonencode(output.refusals)}"
  }
}

run "balancer" {
  module { source = "./aws_rules" }
  variables {
    edge = { kind = "balancer", burst = 5, streaming = true, cors_origins = ["https://app.example.com"], routes = [{ priority = 1, paths = ["/a", "/b", "/c"], methods = ["GET", "PUT", "POST"] }] }
  }
  assert {
    condition     = [for sentence in output.refusals : split(" ", sentence)[0]] == ["edge.rate_per_second", "edge.cors_origins:", "edge.streaming:", "edge.kind", "edge.routes:"]
    error_message = "A balancer needs its network and a certificate, and has five values a rule: ${jsonencode(output.refusals)}"
  }
}

# The variable `aws`, one rule at a time.
run "aws_boundary" {
  command = plan
  module { source = "./aws_rules" }
  variables {
    aws = { permissions_boundary_arn = "boundary" }
  }
  expect_failures = [var.aws]
}
run "aws_bucket" {
  command = plan
  module { source = "./aws_rules" }
  variables {
    aws = { code_bucket = "arn:aws:s3:::acme" }
  }
  expect_failures = [var.aws]
}
run "aws_layer" {
  command = plan
  module { source = "./aws_rules" }
  variables {
    aws = { layer = { path = "fixtures/other.zip", sha256_base64 = filebase64sha256("fixtures/function.zip") } }
  }
  expect_failures = [var.aws]
}
run "aws_layers" {
  command = plan
  module { source = "./aws_rules" }
  variables {
    aws = { layer_arns = ["arn:aws:lambda:eu-west-1:123456789012:layer:no-version"] }
  }
  expect_failures = [var.aws]
}
run "aws_endpoints" {
  command = plan
  module { source = "./aws_rules" }
  variables {
    aws = { vpc_endpoint_ids = ["vpc-0123456789abcdef0"] }
  }
  expect_failures = [var.aws]
}
run "aws_balancer" {
  command = plan
  module { source = "./aws_rules" }
  variables {
    aws = { balancer = { vpc_id = "vpc-1", subnet_ids = ["subnet-1", "subnet-1"], access_logs_bucket = "logs" } }
  }
  expect_failures = [var.aws]
}
