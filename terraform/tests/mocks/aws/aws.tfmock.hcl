# Well-formed values: the real provider refuses invented ones where it wants an ARN, a URL or JSON (terraform-provider-aws#36700).
mock_data "aws_region" {
  defaults = { id = "eu-west-1", name = "eu-west-1" }
}
mock_data "aws_partition" {
  defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
}
mock_resource "aws_iam_role" {
  defaults = { id = "portolan-test-function", arn = "arn:aws:iam::123456789012:role/portolan-test-function" }
}
mock_resource "aws_lambda_function" {
  defaults = { arn = "arn:aws:lambda:eu-west-1:123456789012:function:portolan-test", version = "7" }
}
mock_resource "aws_lambda_alias" {
  defaults = {
    arn        = "arn:aws:lambda:eu-west-1:123456789012:function:portolan-test:live"
    invoke_arn = "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-west-1:123456789012:function:portolan-test:live/invocations"
  }
}
mock_resource "aws_lambda_layer_version" {
  defaults = { arn = "arn:aws:lambda:eu-west-1:123456789012:layer:portolan-test-shared:1" }
}
mock_resource "aws_lambda_function_url" {
  defaults = { function_url = "https://abcdefgh.lambda-url.eu-west-1.on.aws/" }
}
mock_resource "aws_cloudwatch_log_group" {
  defaults = { arn = "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/portolan-test" }
}
mock_resource "aws_dynamodb_table" {
  defaults = { arn = "arn:aws:dynamodb:eu-west-1:123456789012:table/portolan-test" }
}
mock_resource "aws_sqs_queue" {
  defaults = { arn = "arn:aws:sqs:eu-west-1:123456789012:portolan-test-dead-letter" }
}
mock_resource "aws_secretsmanager_secret" {
  defaults = {
    id  = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:portolan-test-mock-AbCdEf"
    arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:portolan-test-mock-AbCdEf"
  }
}
mock_resource "aws_apigatewayv2_api" {
  defaults = {
    id            = "abc123"
    api_endpoint  = "https://abc123.execute-api.eu-west-1.amazonaws.com"
    execution_arn = "arn:aws:execute-api:eu-west-1:123456789012:abc123"
  }
}
mock_resource "aws_apigatewayv2_domain_name" {
  defaults = { id = "portolan.example.com" }
}
mock_resource "aws_api_gateway_rest_api" {
  defaults = { id = "rest123", execution_arn = "arn:aws:execute-api:eu-west-1:123456789012:rest123" }
}
mock_resource "aws_api_gateway_stage" {
  defaults = {
    arn        = "arn:aws:apigateway:eu-west-1::/restapis/rest123/stages/live"
    invoke_url = "https://rest123.execute-api.eu-west-1.amazonaws.com/live"
  }
}
mock_resource "aws_api_gateway_domain_name" {
  defaults = { regional_domain_name = "d-abc.execute-api.eu-west-1.amazonaws.com" }
}
mock_resource "aws_lb" {
  defaults = {
    arn        = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/portolan-test/0123456789abcdef"
    arn_suffix = "app/portolan-test/0123456789abcdef"
    dns_name   = "portolan-test-1.eu-west-1.elb.amazonaws.com"
  }
}
mock_resource "aws_lb_target_group" {
  defaults = { arn = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/portolan-test/0123456789abcdef" }
}
mock_resource "aws_lb_listener" {
  defaults = { arn = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener/app/portolan-test/0123456789abcdef/0123456789abcdef" }
}
mock_resource "aws_security_group" {
  defaults = { id = "sg-0123456789abcdef0" }
}
mock_resource "aws_wafv2_web_acl" {
  defaults = { arn = "arn:aws:wafv2:eu-west-1:123456789012:regional/webacl/portolan-test/00000000-0000-4000-8000-000000000000" }
}

# The examples' own resources.
mock_data "aws_caller_identity" {
  defaults = { account_id = "123456789012" }
}
mock_resource "aws_acm_certificate" {
  defaults = {
    arn = "arn:aws:acm:eu-west-1:123456789012:certificate/00000000-0000-4000-8000-000000000000"
    domain_validation_options = [{
      domain_name           = "portolan.example.com"
      resource_record_name  = "_x.portolan.example.com."
      resource_record_type  = "CNAME"
      resource_record_value = "_y.acm-validations.aws."
    }]
  }
}
mock_resource "aws_acm_certificate_validation" {
  defaults = { certificate_arn = "arn:aws:acm:eu-west-1:123456789012:certificate/00000000-0000-4000-8000-000000000000" }
}
mock_resource "aws_kms_key" {
  defaults = { arn = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-4000-8000-000000000000", key_id = "00000000-0000-4000-8000-000000000000" }
}
mock_resource "aws_sns_topic" {
  defaults = { arn = "arn:aws:sns:eu-west-1:123456789012:portolan-prod-alarms" }
}
mock_resource "aws_s3_bucket" {
  defaults = { id = "acme-bucket", bucket = "acme-bucket", arn = "arn:aws:s3:::acme-bucket" }
}
mock_resource "aws_iam_policy" {
  defaults = { arn = "arn:aws:iam::123456789012:policy/portolan" }
}
mock_resource "aws_iam_openid_connect_provider" {
  defaults = { arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com" }
}
