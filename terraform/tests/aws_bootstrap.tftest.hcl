# The account's one-time set-up: who may deploy, and what.
mock_provider "aws" {
  source = "./mocks/aws"
}

variables {
  repository   = "acme/portolan"
  environments = ["production"]
  edge_kinds   = ["function", "managed", "gateway", "balancer", "waf"]
}

run "deployer" {
  module { source = "../bootstrap/aws" }

  assert {
    condition = jsondecode(aws_iam_role.deployer.assume_role_policy).Statement == [{
      Effect    = "Allow"
      Action    = "sts:AssumeRoleWithWebIdentity"
      Principal = { Federated = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com" }
      Condition = { StringEquals = {
        "token.actions.githubusercontent.com:aud" = "sts.amazonaws.com"
        "token.actions.githubusercontent.com:sub" = ["repo:acme/portolan:ref:refs/heads/main", "repo:acme/portolan:environment:production"]
      } }
    }]
    error_message = "Only jobs of the named branches and environments of the one repository: ${aws_iam_role.deployer.assume_role_policy}"
  }
  assert {
    condition     = length(join("", [for policy in values(aws_iam_role_policy.deployer) : policy.policy])) <= 10240
    error_message = "IAM takes 10,240 characters of policies in a role: ${length(join("", [for policy in values(aws_iam_role_policy.deployer) : policy.policy]))}"
  }
  assert {
    condition = length([for s in flatten([for policy in values(aws_iam_role_policy.deployer) : jsondecode(policy.policy).Statement]) : s
      if anytrue([for action in s.Action : strcontains(action, "*")]) || (contains(s.Resource, "*") && anytrue([for action in s.Action : !can(regex("^(ec2|elasticloadbalancing):Describe|^logs:.*(LogDeliver|ResourcePolic|DescribeLogGroups)", action))]))
    ]) == 0
    error_message = "No action is a pattern, and only what knows no resource is on all of them."
  }
  assert {
    condition = alltrue([for s in jsondecode(aws_iam_role_policy.deployer["function"].policy).Statement :
      !contains(s.Action, "iam:CreateRole") && !contains(s.Action, "iam:PutRolePolicy") || try(s.Condition.StringEquals["iam:PermissionsBoundary"] == aws_iam_policy.boundary.arn, false)
    ])
    error_message = "The deployer makes roles with the boundary only, so it can grant nothing that the boundary does not hold."
  }
  assert {
    condition = alltrue([for s in jsondecode(aws_iam_role_policy.deployer["function"].policy).Statement :
      !contains(s.Action, "iam:PassRole") || try(s.Resource == ["arn:aws:iam::123456789012:role/portolan-*-function"] && s.Condition.StringEquals["iam:PassedToService"] == "lambda.amazonaws.com", false)
    ])
    error_message = "It hands them to Lambda alone."
  }
  assert {
    condition     = jsondecode(aws_iam_role_policy.deployer["linked"].policy).Statement[0].Condition.StringEquals["iam:AWSServiceName"] == ["elasticloadbalancing.amazonaws.com", "ops.apigateway.amazonaws.com", "wafv2.amazonaws.com"]
    error_message = "An account's first load balancer, domain and firewall bring a role of the service's own."
  }
  assert {
    condition = anytrue([for s in jsondecode(aws_iam_role_policy.deployer["firewall"].policy).Statement :
      contains(s.Action, "wafv2:AssociateWebACL") && toset(s.Resource) == toset(["arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/portolan-*", "arn:aws:apigateway:eu-west-1::/restapis/*"])
    ])
    error_message = "What a firewall is put before is asked as well."
  }
  assert {
    condition     = aws_s3_bucket_versioning.state.versioning_configuration[0].status == "Enabled" && aws_s3_bucket_public_access_block.state.restrict_public_buckets && aws_s3_bucket_public_access_block.state.block_public_policy && !aws_s3_bucket.state.force_destroy && strcontains(output.backend, "use_lockfile = true") && strcontains(output.backend, "encrypt      = true")
    error_message = "The state is versioned, encrypted, locked and nobody else's."
  }
}

run "less" {
  module { source = "../bootstrap/aws" }

  variables {
    edge_kinds        = ["function"]
    oidc_provider_arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
  }

  assert {
    condition     = toset(keys(aws_iam_role_policy.deployer)) == toset(["state", "function", "data", "observability"]) && length(aws_iam_openid_connect_provider.github) == 0 && length(aws_api_gateway_account.this) == 0
    error_message = "Without a kind of front door its rights are not there; a provider that exists is used."
  }
}

run "refused" {
  command = plan
  module { source = "../bootstrap/aws" }

  variables {
    region       = "europe"
    repository   = "acme/*"
    environments = ["*"]
    edge_kinds   = ["proxy"]
  }

  expect_failures = [var.region, var.repository, var.environments, var.edge_kinds]
}

run "refused_branches" {
  command = plan
  module { source = "../bootstrap/aws" }

  variables {
    branches          = ["release/*"]
    oidc_provider_arn = "arn:aws:iam::123456789012:oidc-provider/gitlab.com"
  }

  expect_failures = [var.branches, var.oidc_provider_arn]
}
