// The application trusts the broker's identity in place of a key. In a module of its own: in one deployment with its
// application, Graph does not find it yet.
extension microsoftGraphV1

param uniqueName string
param principalId string

resource api 'Microsoft.Graph/applications@v1.0' existing = {
  uniqueName: uniqueName
}

resource credential 'Microsoft.Graph/applications/federatedIdentityCredentials@v1.0' = {
  name: '${api.uniqueName}/broker'
  issuer: '${environment().authentication.loginEndpoint}${tenant().tenantId}/v2.0'
  subject: principalId
  audiences: [
    'api://AzureADTokenExchange'
  ]
}
