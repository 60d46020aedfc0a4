# What the function may do: exactly what the code calls, on exactly what it calls it on.
mock_provider "aws" {
  source = "./mocks/aws"
}

variables {
  name          = "portolan"
  environment   = "test"
  package       = { path = "fixtures/function.zip", sha256_base64 = filebase64sha256("fixtures/function.zip") }
  secret_values = {}
}

run "least_privilege" {
  module { source = "../aws" }

  variables {
    secrets = { api-keys = {} }
  }

  assert {
    condition = { for s in jsondecode(aws_iam_role_policy.function.policy).Statement : s.Sid => { actions = s.Action, on = s.Resource, effect = s.Effect } } == {
      Log        = { effect = "Allow", actions = ["logs:CreateLogStream", "logs:PutLogEvents"], on = ["arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/portolan-test:*"] }
      State      = { effect = "Allow", actions = ["dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"], on = ["arn:aws:dynamodb:eu-west-1:123456789012:table/portolan-test"] }
      Trace      = { effect = "Allow", actions = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"], on = ["*"] }
      Secrets    = { effect = "Allow", actions = ["secretsmanager:GetSecretValue"], on = ["arn:aws:secretsmanager:eu-west-1:123456789012:secret:portolan-test-mock-AbCdEf"] }
      DeadLetter = { effect = "Allow", actions = ["sqs:SendMessage"], on = ["arn:aws:sqs:eu-west-1:123456789012:portolan-test-dead-letter"] }
    }
    error_message = "The function's rights are these and no others: ${aws_iam_role_policy.function.policy}"
  }
  assert {
    condition     = jsondecode(aws_iam_role.function.assume_role_policy).Statement == [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }]
    error_message = "Lambda alone takes the role."
  }
}

run "options_add_what_they_need" {
  module { source = "../aws" }

  variables {
    secrets           = { vendor = { existing_id = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:portolan-test-vendor-AbCdEf" } }
    encryption_key_id = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-4000-8000-000000000000"
    network           = { subnet_ids = ["subnet-1"], security_group_ids = ["sg-1"] }
    dead_letter       = { enabled = false }
  }

  assert {
    condition     = toset([for s in jsondecode(aws_iam_role_policy.function.policy).Statement : s.Sid]) == toset(["Log", "State", "Trace", "Secrets", "Key", "KeyForDeadLetter", "Network", "NetworkNotForCode"])
    error_message = "A key and a network bring their rights, a queue that is off takes its away: ${aws_iam_role_policy.function.policy}"
  }
  assert {
    condition     = [for s in jsondecode(aws_iam_role_policy.function.policy).Statement : s.Resource if s.Sid == "Secrets"] == [["arn:aws:secretsmanager:eu-west-1:123456789012:secret:portolan-test-vendor-AbCdEf"]]
    error_message = "A secret one has is read by its own ARN."
  }
  assert {
    condition = alltrue([for s in jsondecode(aws_iam_role_policy.function.policy).Statement :
      s.Resource == [var.encryption_key_id] && length(s.Condition.StringEquals["kms:ViaService"]) > 0 && length(setsubtract(s.Action, ["kms:Decrypt", "kms:GenerateDataKey"])) == 0 if startswith(s.Sid, "Key")
    ])
    error_message = "The key is used by way of the services only."
  }
  assert {
    condition     = [for s in jsondecode(aws_iam_role_policy.function.policy).Statement : s.Condition.ArnEquals["lambda:SourceFunctionArn"] if s.Sid == "NetworkNotForCode" && s.Effect == "Deny"] == [["arn:aws:lambda:eu-west-1:123456789012:function:portolan-test"]]
    error_message = "Lambda may make network interfaces for the function, the function's code may not."
  }
}
