# CI shows the token its platform signed for the job; AWS exchanges it for an hour of the deployer. No key is made that could be lost.
resource "aws_iam_openid_connect_provider" "github" {
  count          = var.oidc_provider_arn == null ? 1 : 0
  url            = "https://token.actions.githubusercontent.com"
  client_id_list = ["sts.amazonaws.com"]
  tags           = local.tags
}

locals {
  oidc_provider_arn = var.oidc_provider_arn == null ? aws_iam_openid_connect_provider.github[0].arn : var.oidc_provider_arn
  # Everybody's jobs are signed by the same issuer: without a condition on the subject anyone on GitHub could come in. A pull request's job has
  # the subject "repo:owner/name:pull_request", which is none of these.
  subjects = concat(
    [for branch in var.branches : "repo:${var.repository}:ref:refs/heads/${branch}"],
    [for environment in var.environments : "repo:${var.repository}:environment:${environment}"],
  )
}

resource "aws_iam_role" "deployer" {
  name                 = "${var.name}-deployer"
  description          = "Deploys ${var.name} from CI"
  max_session_duration = 3600
  tags                 = local.tags
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRoleWithWebIdentity"
      Principal = { Federated = local.oidc_provider_arn }
      # StringEquals: no patterns.
      Condition = { StringEquals = {
        "token.actions.githubusercontent.com:aud" = "sts.amazonaws.com"
        "token.actions.githubusercontent.com:sub" = local.subjects
      } }
    }]
  })
}

resource "aws_iam_role_policy" "deployer" {
  for_each = { for name, statements in local.deployer : name => statements if length(statements) > 0 }
  name     = each.key
  role     = aws_iam_role.deployer.id
  policy   = jsonencode({ Version = "2012-10-17", Statement = each.value })
}
