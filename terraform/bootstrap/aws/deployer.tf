# What applying the module takes, on what is called <name>-... only. docs/deploy-aws.md says what each is for.
locals {
  here = "${local.partition}:%s:${var.region}:${local.account}"
  arn  = { for service in ["lambda", "dynamodb", "secretsmanager", "sqs", "logs", "cloudwatch", "elasticloadbalancing", "ec2", "wafv2"] : service => format("arn:${local.here}", service) }
  role = "arn:${local.partition}:iam::${local.account}:role/${var.name}-*-function"

  # An account has roles of the services' own, made with its first load balancer, domain of API Gateway or log of a firewall, by whoever makes that.
  linked_services = concat(
    contains(var.edge_kinds, "balancer") ? ["elasticloadbalancing.amazonaws.com"] : [],
    local.makes_apis ? ["ops.apigateway.amazonaws.com"] : [],
    contains(var.edge_kinds, "waf") ? ["wafv2.amazonaws.com"] : [],
  )
  makes_apis = length(setintersection(var.edge_kinds, ["managed", "gateway"])) > 0

  deployer = {
    # Reading and writing the state, and its lock (a file beside it).
    state = [
      { Effect = "Allow", Action = ["s3:ListBucket"], Resource = [aws_s3_bucket.state.arn] },
      { Effect = "Allow", Action = ["s3:GetObject", "s3:PutObject"], Resource = ["${aws_s3_bucket.state.arn}/*"] },
      { Effect = "Allow", Action = ["s3:DeleteObject"], Resource = ["${aws_s3_bucket.state.arn}/*.tflock"] },
    ]

    function = [
      {
        Effect = "Allow"
        Action = [
          "lambda:AddPermission", "lambda:CreateAlias", "lambda:CreateFunction", "lambda:CreateFunctionUrlConfig", "lambda:DeleteAlias",
          "lambda:DeleteFunction", "lambda:DeleteFunctionConcurrency", "lambda:DeleteFunctionUrlConfig", "lambda:DeleteProvisionedConcurrencyConfig",
          "lambda:GetAlias", "lambda:GetFunction", "lambda:GetFunctionCodeSigningConfig", "lambda:GetFunctionConcurrency", "lambda:GetFunctionConfiguration",
          "lambda:GetFunctionUrlConfig", "lambda:GetPolicy", "lambda:GetProvisionedConcurrencyConfig", "lambda:ListTags", "lambda:ListVersionsByFunction",
          "lambda:PublishVersion", "lambda:PutFunctionConcurrency", "lambda:PutProvisionedConcurrencyConfig", "lambda:RemovePermission", "lambda:TagResource",
          "lambda:UntagResource", "lambda:UpdateAlias", "lambda:UpdateFunctionCode", "lambda:UpdateFunctionConfiguration", "lambda:UpdateFunctionUrlConfig",
        ]
        Resource = ["${local.arn.lambda}:function:${var.name}-*"]
      },
      {
        Effect   = "Allow"
        Action   = ["lambda:DeleteLayerVersion", "lambda:GetLayerVersion", "lambda:PublishLayerVersion"]
        Resource = ["${local.arn.lambda}:layer:${var.name}-*"]
      },
      # The function's role: only with the boundary, so that nothing can be granted that the boundary does not hold.
      {
        Effect    = "Allow"
        Action    = ["iam:CreateRole", "iam:DeleteRolePolicy", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy"]
        Resource  = [local.role]
        Condition = { StringEquals = { "iam:PermissionsBoundary" = aws_iam_policy.boundary.arn } }
      },
      {
        Effect   = "Allow"
        Action   = ["iam:DeleteRole", "iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies", "iam:ListInstanceProfilesForRole", "iam:ListRolePolicies", "iam:TagRole", "iam:UntagRole"]
        Resource = [local.role]
      },
      {
        Effect    = "Allow"
        Action    = ["iam:PassRole"]
        Resource  = [local.role]
        Condition = { StringEquals = { "iam:PassedToService" = "lambda.amazonaws.com" } }
      },
    ]

    data = [
      {
        Effect = "Allow"
        Action = [
          "dynamodb:CreateTable", "dynamodb:DeleteTable", "dynamodb:DescribeContinuousBackups", "dynamodb:DescribeTable", "dynamodb:DescribeTimeToLive",
          "dynamodb:ListTagsOfResource", "dynamodb:TagResource", "dynamodb:UntagResource", "dynamodb:UpdateContinuousBackups", "dynamodb:UpdateTable",
          "dynamodb:UpdateTimeToLive",
        ]
        Resource = ["${local.arn.dynamodb}:table/${var.name}-*"]
      },
      # GetSecretValue: the provider reads what it wrote; without secrets that have a `version` it is not used.
      {
        Effect = "Allow"
        Action = [
          "secretsmanager:CreateSecret", "secretsmanager:DeleteSecret", "secretsmanager:DescribeSecret", "secretsmanager:GetResourcePolicy",
          "secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue", "secretsmanager:RestoreSecret", "secretsmanager:TagResource",
          "secretsmanager:UntagResource", "secretsmanager:UpdateSecret", "secretsmanager:UpdateSecretVersionStage",
        ]
        Resource = ["${local.arn.secretsmanager}:secret:${var.name}-*"]
      },
      {
        Effect   = "Allow"
        Action   = ["sqs:CreateQueue", "sqs:DeleteQueue", "sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:ListQueueTags", "sqs:SetQueueAttributes", "sqs:TagQueue", "sqs:UntagQueue"]
        Resource = ["${local.arn.sqs}:${var.name}-*"]
      },
    ]

    observability = [
      {
        Effect = "Allow"
        Action = [
          "logs:AssociateKmsKey", "logs:CreateLogGroup", "logs:DeleteLogGroup", "logs:DeleteMetricFilter", "logs:DescribeMetricFilters", "logs:DisassociateKmsKey",
          "logs:ListTagsForResource", "logs:PutMetricFilter", "logs:PutRetentionPolicy", "logs:TagResource", "logs:UntagResource",
        ]
        Resource = [for group in ["/aws/lambda/${var.name}-*", "/aws/vendedlogs/${var.name}-*", "aws-waf-logs-${var.name}-*"] : "${local.arn.logs}:log-group:${group}"]
      },
      # These know no narrower resource: finding groups, and the delivery of API Gateway's and WAF's logs.
      {
        Effect = "Allow"
        Action = [
          "logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:DescribeLogGroups", "logs:DescribeResourcePolicies", "logs:GetLogDelivery",
          "logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:UpdateLogDelivery",
        ]
        Resource = ["*"]
      },
      {
        Effect   = "Allow"
        Action   = ["cloudwatch:DeleteAlarms", "cloudwatch:DescribeAlarms", "cloudwatch:ListTagsForResource", "cloudwatch:PutMetricAlarm", "cloudwatch:TagResource", "cloudwatch:UntagResource"]
        Resource = ["${local.arn.cloudwatch}:alarm:${var.name}-*"]
      },
      {
        Effect   = "Allow"
        Action   = ["cloudwatch:DeleteDashboards", "cloudwatch:GetDashboard", "cloudwatch:PutDashboard"]
        Resource = ["arn:${local.partition}:cloudwatch::${local.account}:dashboard/${var.name}-*"]
      },
    ]

    # API Gateway knows APIs by ids it gives itself, so a name cannot be asked for.
    api = !local.makes_apis ? [] : [{
      Effect   = "Allow"
      Action   = ["apigateway:DELETE", "apigateway:GET", "apigateway:PATCH", "apigateway:POST", "apigateway:PUT", "apigateway:UpdateRestApiPolicy", "apigateway:SetWebACL"]
      Resource = [for path in ["apis", "apis/*", "restapis", "restapis/*", "domainnames", "domainnames/*", "tags/*"] : "arn:${local.partition}:apigateway:${var.region}::/${path}"]
    }]

    linked = length(local.linked_services) == 0 ? [] : [{
      Effect    = "Allow"
      Action    = ["iam:CreateServiceLinkedRole"]
      Resource  = [for service in local.linked_services : "arn:${local.partition}:iam::${local.account}:role/aws-service-role/${service}/*"]
      Condition = { StringEquals = { "iam:AWSServiceName" = local.linked_services } }
    }]

    balancer = !contains(var.edge_kinds, "balancer") ? [] : [
      {
        Effect = "Allow"
        Action = [
          "elasticloadbalancing:AddTags", "elasticloadbalancing:CreateListener", "elasticloadbalancing:CreateLoadBalancer", "elasticloadbalancing:CreateRule",
          "elasticloadbalancing:CreateTargetGroup", "elasticloadbalancing:DeleteListener", "elasticloadbalancing:DeleteLoadBalancer", "elasticloadbalancing:DeleteRule",
          "elasticloadbalancing:DeleteTargetGroup", "elasticloadbalancing:DeregisterTargets", "elasticloadbalancing:ModifyListener", "elasticloadbalancing:ModifyListenerAttributes",
          "elasticloadbalancing:ModifyLoadBalancerAttributes", "elasticloadbalancing:ModifyRule", "elasticloadbalancing:ModifyTargetGroup",
          "elasticloadbalancing:ModifyTargetGroupAttributes", "elasticloadbalancing:RegisterTargets", "elasticloadbalancing:RemoveTags", "elasticloadbalancing:SetRulePriorities",
          "elasticloadbalancing:SetSecurityGroups", "elasticloadbalancing:SetSubnets", "elasticloadbalancing:SetWebACL",
        ]
        Resource = [for kind in ["loadbalancer/app/${var.name}-*", "targetgroup/${var.name}-*", "listener/app/${var.name}-*", "listener-rule/app/${var.name}-*"] : "${local.arn.elasticloadbalancing}:${kind}"]
      },
      {
        Effect = "Allow"
        Action = [
          "ec2:AuthorizeSecurityGroupIngress", "ec2:CreateSecurityGroup", "ec2:CreateTags", "ec2:DeleteSecurityGroup", "ec2:ModifySecurityGroupRules",
          "ec2:RevokeSecurityGroupEgress", "ec2:RevokeSecurityGroupIngress",
        ]
        Resource = [for kind in ["security-group/*", "security-group-rule/*", "vpc/*"] : "${local.arn.ec2}:${kind}"]
      },
      {
        Effect = "Allow"
        Action = [
          "ec2:DescribeAccountAttributes", "ec2:DescribeAddresses", "ec2:DescribeInternetGateways", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSecurityGroupRules",
          "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs", "elasticloadbalancing:DescribeListenerAttributes",
          "elasticloadbalancing:DescribeListeners", "elasticloadbalancing:DescribeLoadBalancerAttributes", "elasticloadbalancing:DescribeLoadBalancers",
          "elasticloadbalancing:DescribeRules", "elasticloadbalancing:DescribeTags", "elasticloadbalancing:DescribeTargetGroupAttributes",
          "elasticloadbalancing:DescribeTargetGroups", "elasticloadbalancing:DescribeTargetHealth",
        ]
        Resource = ["*"]
      },
    ]

    firewall = !contains(var.edge_kinds, "waf") ? [] : [
      {
        Effect = "Allow"
        Action = [
          "wafv2:AssociateWebACL", "wafv2:CreateWebACL", "wafv2:DeleteLoggingConfiguration", "wafv2:DeleteWebACL", "wafv2:DisassociateWebACL",
          "wafv2:GetLoggingConfiguration", "wafv2:GetWebACL", "wafv2:GetWebACLForResource", "wafv2:ListTagsForResource", "wafv2:PutLoggingConfiguration",
          "wafv2:TagResource", "wafv2:UntagResource", "wafv2:UpdateWebACL",
        ]
        Resource = ["${local.arn.wafv2}:regional/webacl/${var.name}-*", "arn:${local.partition}:wafv2:${var.region}:aws:regional/managedruleset/*"]
      },
      # The other end of an association is asked too.
      {
        Effect   = "Allow"
        Action   = ["wafv2:AssociateWebACL", "wafv2:DisassociateWebACL", "wafv2:GetWebACLForResource"]
        Resource = ["${local.arn.elasticloadbalancing}:loadbalancer/app/${var.name}-*", "arn:${local.partition}:apigateway:${var.region}::/restapis/*"]
      },
    ]
  }
}

# What a function of the module may ever do, whatever its role says: the table of the module's README, for every deployment of this name.
resource "aws_iam_policy" "boundary" {
  name        = "${var.name}-boundary"
  description = "The most that ${var.name}'s functions may do"
  tags        = local.tags
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Effect = "Allow", Action = ["logs:CreateLogStream", "logs:PutLogEvents"], Resource = ["${local.arn.logs}:log-group:/aws/lambda/${var.name}-*"] },
      { Effect = "Allow", Action = ["dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"], Resource = ["${local.arn.dynamodb}:table/${var.name}-*"] },
      { Effect = "Allow", Action = ["secretsmanager:GetSecretValue"], Resource = ["${local.arn.secretsmanager}:secret:${var.name}-*"] },
      { Effect = "Allow", Action = ["sqs:SendMessage"], Resource = ["${local.arn.sqs}:${var.name}-*"] },
      { Effect = "Allow", Action = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"], Resource = ["*"] },
      {
        Effect    = "Allow"
        Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource  = ["arn:${local.partition}:kms:${var.region}:${local.account}:key/*"]
        Condition = { StringEquals = { "kms:ViaService" = [for service in ["dynamodb", "lambda", "secretsmanager", "sqs"] : "${service}.${var.region}.amazonaws.com"] } }
      },
      {
        Effect   = "Allow"
        Action   = ["ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:UnassignPrivateIpAddresses"]
        Resource = ["*"]
      },
    ]
  })
}
