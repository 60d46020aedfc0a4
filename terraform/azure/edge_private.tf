# edge.public = false: the address answers inside the network only. Whoever calls must find it in the private DNS zone
# privatelink.azurewebsites.net of that network.
resource "azurerm_private_endpoint" "function" {
  count = local.private ? 1 : 0

  name                = "${local.base}-function"
  resource_group_name = local.group
  location            = local.location
  subnet_id           = coalesce(var.azure.private_endpoint_subnet_id, "/subscriptions/none/resourceGroups/none/providers/Microsoft.Network/virtualNetworks/none/subnets/none")

  private_service_connection {
    name                           = "function"
    private_connection_resource_id = local.app_id
    subresource_names              = ["sites"]
    is_manual_connection           = false
  }

  tags = local.tags
}
