resource "aws_iam_role" "function" {
  name                 = "${local.id}-function"
  description          = "What Portolan's function may do"
  permissions_boundary = var.aws.permissions_boundary_arn
  tags                 = local.tags
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "lambda.amazonaws.com" }
    }]
  })
}

locals {
  # Exactly what the code calls, on exactly what it calls it on. jsonencode rather than aws_iam_policy_document, so that tests can read it.
  statements = concat(
    [
      {
        Sid      = "Log"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = ["${aws_cloudwatch_log_group.function.arn}:*"]
      },
      {
        Sid      = "State"
        Effect   = "Allow"
        Action   = ["dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"]
        Resource = [aws_dynamodb_table.state.arn]
      },
      {
        # X-Ray has no resources to name: the one `*` the platform forces.
        Sid      = "Trace"
        Effect   = "Allow"
        Action   = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
        Resource = ["*"]
      },
    ],
    [for ids in [values(local.secret_ids)] : {
      Sid      = "Secrets"
      Effect   = "Allow"
      Action   = ["secretsmanager:GetSecretValue"]
      Resource = ids
    } if length(var.secrets) > 0],
    [for queue in aws_sqs_queue.dead_letter : {
      Sid      = "DeadLetter"
      Effect   = "Allow"
      Action   = ["sqs:SendMessage"]
      Resource = [queue.arn]
    }],
  )
  key_statements = var.encryption_key_id == null ? [] : [
    {
      Sid       = "Key"
      Effect    = "Allow"
      Action    = ["kms:Decrypt"]
      Resource  = [var.encryption_key_id]
      Condition = { StringEquals = { "kms:ViaService" = [for service in ["dynamodb", "lambda", "secretsmanager", "sqs"] : "${service}.${local.region}.amazonaws.com"] } }
    },
    {
      Sid       = "KeyForDeadLetter"
      Effect    = "Allow"
      Action    = ["kms:GenerateDataKey"]
      Resource  = [var.encryption_key_id]
      Condition = { StringEquals = { "kms:ViaService" = ["sqs.${local.region}.amazonaws.com"] } }
    },
  ]
  # Lambda manages the network interfaces with the function's role, and wants these on every resource when it makes the function
  # (https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html); the function's code is denied them.
  network_actions = [
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
  ]
  network_statements = length(var.network.subnet_ids) == 0 ? [] : [
    { Sid = "Network", Effect = "Allow", Action = local.network_actions, Resource = ["*"], Condition = {} },
    {
      Sid       = "NetworkNotForCode"
      Effect    = "Deny"
      Action    = local.network_actions
      Resource  = ["*"]
      Condition = { ArnEquals = { "lambda:SourceFunctionArn" = ["arn:${local.partition}:lambda:${local.region}:${split(":", aws_iam_role.function.arn)[4]}:function:${local.id}"] } }
    },
  ]
}

resource "aws_iam_role_policy" "function" {
  name = "portolan"
  role = aws_iam_role.function.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = concat(local.statements, local.key_statements, [for s in local.network_statements : { for k, v in s : k => v if k != "Condition" || length(v) > 0 }])
  })
}
