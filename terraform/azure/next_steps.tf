locals {
  vault_name_of = local.own_vault ? local.vault_name : element(split("/", local.their_vaults[0]), -1)

  next_steps = join("\n", concat(
    [for name in local.by_hand : "Fill the secret ${name}: az keyvault secret set --vault-name ${local.vault_name_of} --name ${local.secret_prefix}${name} --file <file> --content-type text/plain"],
    var.azure.secret_days == 0 ? [] : [for name, end in local.secret_ends : "Before ${end}, raise the version of the secret ${name} and apply: it ends then, and the function stops answering."],
    local.gateway && local.domain != null ? ["Point ${local.domain} (CNAME) to ${replace(azurerm_api_management.this[0].gateway_url, "https://", "")}"] : [],
    local.balancer && local.domain != null ? [
      "Prove that ${local.domain} is yours: a TXT record _dnsauth.${local.domain} with ${azurerm_cdn_frontdoor_custom_domain.this[0].validation_token}",
      "Point ${local.domain} (CNAME) to ${azurerm_cdn_frontdoor_endpoint.this[0].host_name}",
    ] : [],
    [
      "Try it: curl ${local.endpoint_url}/livez answers 200, curl -i ${local.endpoint_url}/v1/sessions answers 401 and asks for a key. New roles may take ten minutes to be known everywhere.",
      "A key: portolan keys create --print-record --tenant acme --scopes sessions:read,sessions:write,credentials:read; its record goes into the secret that auth.keysSecret names.",
    ],
  ))
}
