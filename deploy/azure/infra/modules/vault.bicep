// The vault, and who may read which secret. Nobody may read all of them.
param location string
param tags object
param name string
param gatewayPrincipalId string
param brokerPrincipalId string
@secure()
param authority string
@secure()
param brokerTls string
@secure()
param gatewayTls string
@secure()
param cacheKeys string

resource vault 'Microsoft.KeyVault/vaults@2024-11-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    tenantId: tenant().tenantId
    sku: {
      family: 'A'
      name: 'standard'
    }
    enableRbacAuthorization: true
    enableSoftDelete: true
    enablePurgeProtection: true
  }
}

module authoritySecret 'secret.bicep' = {
  name: 'secret-authority'
  params: {
    vaultName: vault.name
    name: 'authority'
    value: base64ToString(authority)
    readers: [
      gatewayPrincipalId
      brokerPrincipalId
    ]
  }
}

module brokerSecret 'secret.bicep' = {
  name: 'secret-broker-tls'
  params: {
    vaultName: vault.name
    name: 'broker-tls'
    value: base64ToString(brokerTls)
    readers: [
      brokerPrincipalId
    ]
  }
}

module gatewaySecret 'secret.bicep' = {
  name: 'secret-gateway-tls'
  params: {
    vaultName: vault.name
    name: 'gateway-tls'
    value: base64ToString(gatewayTls)
    readers: [
      gatewayPrincipalId
    ]
  }
}

module keysSecret 'secret.bicep' = {
  name: 'secret-cache-keys'
  params: {
    vaultName: vault.name
    name: 'cache-keys'
    value: base64ToString(cacheKeys)
    readers: [
      brokerPrincipalId
    ]
  }
}

output name string = vault.name
output uri string = vault.properties.vaultUri
