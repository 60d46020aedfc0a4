output "backend" {
  description = "What to put into the `terraform` block of a root, to keep its state here."
  value       = "backend \"s3\" {\n  bucket       = \"${aws_s3_bucket.state.bucket}\"\n  key          = \"${var.name}-dev.tfstate\"\n  region       = \"${var.region}\"\n  use_lockfile = true\n  encrypt      = true\n}"
}

output "state_bucket" {
  description = "The bucket: `terraform init -backend-config=bucket=...`."
  value       = aws_s3_bucket.state.bucket
}

output "deployer" {
  description = "The role for aws-actions/configure-aws-credentials: role-to-assume."
  value       = aws_iam_role.deployer.arn
}

output "permissions_boundary_arn" {
  description = "For aws.permissions_boundary_arn of the module: the deployer may make roles with this boundary only."
  value       = aws_iam_policy.boundary.arn
}
