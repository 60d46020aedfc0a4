# Where work goes that failed for good. Nothing does today: requests are answered to their callers, and the sweep of expired rows is tried
# again ten minutes later. No right to send is granted before something sends.
resource "azurerm_storage_queue" "dead_letters" {
  count = var.dead_letter.enabled ? 1 : 0

  name               = "dead-letters"
  storage_account_id = azurerm_storage_account.host.id
}

locals {
  dead_letter_id = one([for queue in azurerm_storage_queue.dead_letters : "${azurerm_storage_account.host.id}/queueServices/default/queues/${queue.name}"])
}
