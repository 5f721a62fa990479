// One secret, and who may read it. Without a value what is there stays.
param vaultName string
param name string
@secure()
param value string
param readers array

// Key Vault Secrets User.
var reader = '4633458b-17de-408a-b874-0445c86b69e6'

resource vault 'Microsoft.KeyVault/vaults@2024-11-01' existing = {
  name: vaultName
}

resource written 'Microsoft.KeyVault/vaults/secrets@2024-11-01' = if (!empty(value)) {
  parent: vault
  name: name
  properties: {
    value: value
    contentType: 'text/plain'
  }
}

resource secret 'Microsoft.KeyVault/vaults/secrets@2024-11-01' existing = {
  parent: vault
  name: name
}

resource reads 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for principalId in readers: {
  name: guid(secret.id, principalId, reader)
  scope: secret
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', reader)
  }
  dependsOn: [
    written
  ]
}]
