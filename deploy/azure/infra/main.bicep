// Gateway and token broker on Azure Container Apps, with all that they need in Entra ID.
targetScope = 'subscription'

@description('Name of this deployment; azd calls it the environment.')
@minLength(1)
@maxLength(20)
param environmentName string

@description('Region of everything.')
param location string

@description('The MCP URL as clients write it, in a domain that the tenant has verified: https://mcp.contoso.com/mcp.')
param publicUrl string

@description('Images, best by digest.')
param gatewayImage string
param brokerImage string

@description('Login server of the registry, where the identities of both apps may pull. Empty: the images are public.')
param registryServer string = ''

@description('Resource id of the certificate of the public host in the environment. Empty: the host is not bound yet.')
param certificateId string = ''

@description('Clients that Entra ID has already, by client id. `export`: may ask for cost.export too.')
param builtInClients array = [
  {
    name: 'vscode'
    appId: 'aebc6443-996d-45c2-90f0-388ff96faa56'
    export: true
  }
]

@description('Clients that get a registration of their own: never that of the API.')
param clients array = [
  {
    name: 'claude'
    redirectUris: [
      'https://claude.ai/api/mcp/auth_callback'
      'https://claude.com/api/mcp/auth_callback'
    ]
    export: false
  }
  {
    name: 'claude-code'
    redirectUris: [
      'http://localhost/callback'
    ]
    export: true
  }
  {
    name: 'mcp-remote'
    redirectUris: [
      'http://localhost/oauth/callback'
    ]
    export: false
  }
]

@description('Let the broker read registrations and consent, for its preflight. False where that was granted by hand.')
param grantDirectoryReads bool = true

@description('Addresses that the ingress of Container Apps connects from.')
param trustedProxies array = [
  '100.100.0.0/16'
]

@description('Further settings by their environment names: docs/settings.md.')
param gatewaySettings object = {}
param brokerSettings object = {}

@description('In base64, from certificates.sh. Empty: what is in the vault stays.')
@secure()
param authority string = ''
@secure()
param brokerTls string = ''
@secure()
param gatewayTls string = ''
@secure()
param cacheKeys string = ''

var tags = {
  'azd-env-name': environmentName
}
var token = uniqueString(subscription().id, environmentName, location)
var gatewayName = 'mcp-gateway'
var brokerName = 'mcp-broker'

resource group 'Microsoft.Resources/resourceGroups@2024-11-01' = {
  name: 'rg-${environmentName}'
  location: location
  tags: tags
}

module identities 'modules/identities.bicep' = {
  name: 'identities'
  scope: group
  params: {
    location: location
    tags: tags
    token: token
  }
}

module registeredClients 'modules/clients.bicep' = {
  name: 'clients'
  scope: group
  params: {
    prefix: 'mcp-cost-server-${environmentName}'
    clients: clients
  }
}

module registration 'modules/registration.bicep' = {
  name: 'registration'
  scope: group
  params: {
    uniqueName: 'mcp-cost-server-${environmentName}'
    seed: group.id
    publicUrl: publicUrl
    clients: concat(builtInClients, registeredClients.outputs.registered)
    grantDirectoryReads: grantDirectoryReads
  }
}

module federated 'modules/federated.bicep' = {
  name: 'federated'
  scope: group
  params: {
    uniqueName: registration.outputs.uniqueName
    principalId: identities.outputs.brokerPrincipalId
  }
}

module vault 'modules/vault.bicep' = {
  name: 'vault'
  scope: group
  params: {
    location: location
    tags: tags
    name: 'kv-${token}'
    gatewayPrincipalId: identities.outputs.gatewayPrincipalId
    brokerPrincipalId: identities.outputs.brokerPrincipalId
    authority: authority
    brokerTls: brokerTls
    gatewayTls: gatewayTls
    cacheKeys: cacheKeys
  }
}

module redis 'modules/redis.bicep' = {
  name: 'redis'
  scope: group
  params: {
    location: location
    tags: tags
    name: 'redis-${token}'
    vaultName: vault.outputs.name
    readers: [
      identities.outputs.brokerPrincipalId
    ]
  }
}

module platform 'modules/platform.bicep' = {
  name: 'platform'
  scope: group
  params: {
    location: location
    tags: tags
    token: token
  }
}

module broker 'modules/broker.bicep' = {
  name: 'broker'
  scope: group
  params: {
    name: brokerName
    location: location
    tags: tags
    environmentId: platform.outputs.environmentId
    image: brokerImage
    registryServer: registryServer
    identityId: identities.outputs.brokerId
    identityClientId: identities.outputs.brokerClientId
    clientId: registration.outputs.clientId
    publicUrl: publicUrl
    gatewayName: gatewayName
    clients: concat(builtInClients, registeredClients.outputs.registered)
    vaultUri: vault.outputs.uri
    redisUrl: redis.outputs.url
    settings: brokerSettings
  }
  dependsOn: [
    federated
  ]
}

module gateway 'modules/gateway.bicep' = {
  name: 'gateway'
  scope: group
  params: {
    name: gatewayName
    location: location
    tags: tags
    environmentId: platform.outputs.environmentId
    image: gatewayImage
    registryServer: registryServer
    identityId: identities.outputs.gatewayId
    clientId: registration.outputs.clientId
    publicUrl: publicUrl
    certificateId: certificateId
    brokerName: broker.outputs.name
    brokerPort: broker.outputs.port
    trustedProxies: trustedProxies
    vaultUri: vault.outputs.uri
    settings: gatewaySettings
  }
}

output AZURE_CLIENT_ID string = registration.outputs.clientId
output MCP_VAULT string = vault.outputs.name
output MCP_GATEWAY_HOST string = gateway.outputs.host
output MCP_VERIFICATION_ID string = gateway.outputs.verificationId
output MCP_CLIENTS array = registeredClients.outputs.registered
