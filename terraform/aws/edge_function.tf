# A function URL. Its own authentication (AWS_IAM) wants the Authorization header, where Portolan's callers send their key: the two cannot be
# had together, so the type is NONE and Portolan asks for a key itself. Hence the skip of CKV_AWS_258, and the refusal of public = false.
#
# The provider grants everyone the use of the URL when it makes one with NONE: lambda:InvokeFunctionUrl always, and from 6.28 also
# lambda:InvokeFunction by way of the URL, without which new URLs answer 403. There is no way to say the latter with an older provider but
# the command in next_steps.
resource "aws_lambda_function_url" "this" {
  count              = local.url
  function_name      = aws_lambda_function.this.function_name
  qualifier          = aws_lambda_alias.live.name
  authorization_type = "NONE"
  invoke_mode        = var.edge.streaming ? "RESPONSE_STREAM" : "BUFFERED"

  dynamic "cors" {
    for_each = length(var.edge.cors_origins) > 0 ? [var.edge.cors_origins] : []
    content {
      allow_origins  = cors.value
      allow_methods  = local.cors.methods
      allow_headers  = local.cors.headers
      expose_headers = local.cors.exposed
      max_age        = 600
    }
  }
}
