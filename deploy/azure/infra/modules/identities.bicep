// One identity for each app, so that the gateway can get neither the broker's credential nor its secrets.
param location string
param tags object
param token string

resource gateway 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: 'id-gateway-${token}'
  location: location
  tags: tags
}

resource broker 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: 'id-broker-${token}'
  location: location
  tags: tags
}

output gatewayId string = gateway.id
output gatewayPrincipalId string = gateway.properties.principalId
output brokerId string = broker.id
output brokerPrincipalId string = broker.properties.principalId
output brokerClientId string = broker.properties.clientId
