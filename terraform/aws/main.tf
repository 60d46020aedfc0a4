data "aws_region" "current" {}
data "aws_partition" "current" {}

locals {
  region    = data.aws_region.current.id
  partition = data.aws_partition.current.partition
  tags      = merge(var.tags, { name = var.name, environment = var.environment, managed-by = "terraform" })
}
