// A registration of its own for each client. With the API's, a refresh without `scope` would be refused (AADSTS90009).
extension microsoftGraphV1

param prefix string
param clients array

resource applications 'Microsoft.Graph/applications@v1.0' = [for client in clients: {
  uniqueName: '${prefix}-${client.name}'
  displayName: 'Azure costs (MCP): ${client.name}'
  signInAudience: 'AzureADMyOrg'
  isFallbackPublicClient: true
  publicClient: {
    redirectUris: client.redirectUris
  }
}]

resource principals 'Microsoft.Graph/servicePrincipals@v1.0' = [for (client, index) in clients: {
  appId: applications[index].appId
}]

output registered array = [for (client, index) in clients: {
  name: client.name
  appId: applications[index].appId
  export: client.export
}]
