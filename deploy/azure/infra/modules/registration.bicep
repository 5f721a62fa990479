// The API: what clients ask tokens for, and the application that acts On-Behalf-Of people.
extension microsoftGraphV1

param uniqueName string
@description('What ids are made of: always the same for one deployment, and others for another.')
param seed string
param publicUrl string
param clients array
param grantDirectoryReads bool

var armAppId = '797f4846-ba00-4fd7-ba43-dac1f8f63013'
var armImpersonation = '41094075-9dad-400e-a0bd-54e686782033'
var graphAppId = '00000003-0000-0000-c000-000000000000'
// Application.Read.All and DelegatedPermissionGrant.Read.All.
var directoryReads = [
  '9a5d68dd-52b0-4cc2-bd40-abcf44ac3a30'
  '81b4724a-58aa-41c1-8a55-84ef97466587'
]
var grantedReads = (grantDirectoryReads) ? directoryReads : []
var readScope = guid(seed, 'cost.read')
var exportScope = guid(seed, 'cost.export')

resource api 'Microsoft.Graph/applications@v1.0' = {
  uniqueName: uniqueName
  displayName: 'Azure costs (MCP)'
  signInAudience: 'AzureADMyOrg'
  identifierUris: [
    publicUrl
  ]
  web: {
    redirectUris: [
      substring(publicUrl, 0, lastIndexOf(publicUrl, '/') + 1)
    ]
  }
  api: {
    requestedAccessTokenVersion: 2
    oauth2PermissionScopes: [
      {
        id: readScope
        value: 'cost.read'
        type: 'User'
        isEnabled: true
        adminConsentDisplayName: 'Read Azure costs'
        adminConsentDescription: 'Read Azure costs as the person who asks.'
        userConsentDisplayName: 'Read Azure costs'
        userConsentDescription: 'Read Azure costs with your own rights.'
      }
      {
        id: exportScope
        value: 'cost.export'
        type: 'Admin'
        isEnabled: true
        adminConsentDisplayName: 'Export Azure costs'
        adminConsentDescription: 'Export raw costs as the person who asks.'
        userConsentDisplayName: 'Export Azure costs'
        userConsentDescription: 'Export raw costs with your own rights.'
      }
    ]
    preAuthorizedApplications: [for client in clients: {
      appId: client.appId
      delegatedPermissionIds: (client.export) ? [
        readScope
        exportScope
      ] : [
        readScope
      ]
    }]
  }
  appRoles: [
    {
      id: guid(seed, 'Cost.Exporter')
      value: 'Cost.Exporter'
      displayName: 'Cost exporter'
      description: 'May export raw costs.'
      allowedMemberTypes: [
        'User'
      ]
      isEnabled: true
    }
  ]
  optionalClaims: {
    accessToken: [
      {
        name: 'idtyp'
      }
      {
        name: 'acrs'
      }
      {
        name: 'xms_cc'
      }
    ]
  }
  requiredResourceAccess: [
    {
      resourceAppId: armAppId
      resourceAccess: [
        {
          id: armImpersonation
          type: 'Scope'
        }
      ]
    }
    {
      resourceAppId: graphAppId
      resourceAccess: [for role in directoryReads: {
        id: role
        type: 'Role'
      }]
    }
  ]
}

resource principal 'Microsoft.Graph/servicePrincipals@v1.0' = {
  appId: api.appId
}

// What is asked for above is granted here: the list alone grants nothing.
resource arm 'Microsoft.Graph/servicePrincipals@v1.0' existing = {
  appId: armAppId
}

resource impersonation 'Microsoft.Graph/oauth2PermissionGrants@v1.0' = {
  clientId: principal.id
  resourceId: arm.id
  consentType: 'AllPrincipals'
  scope: 'user_impersonation'
}

resource graph 'Microsoft.Graph/servicePrincipals@v1.0' existing = {
  appId: graphAppId
}

resource reads 'Microsoft.Graph/appRoleAssignedTo@v1.0' = [for role in grantedReads: {
  principalId: principal.id
  resourceId: graph.id
  appRoleId: role
}]

output clientId string = api.appId
output uniqueName string = api.uniqueName
