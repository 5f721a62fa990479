// Azure Managed Redis, which the broker's replicas share: one primary, nothing kept on disk, what has an end may be evicted.
param location string
param tags object
param name string
param vaultName string
param readers array

resource cluster 'Microsoft.Cache/redisEnterprise@2025-07-01' = {
  name: name
  location: location
  tags: tags
  sku: {
    name: 'Balanced_B0'
  }
  properties: {
    minimumTlsVersion: '1.2'
    highAvailability: 'Enabled'
    publicNetworkAccess: 'Enabled'
  }
}

resource database 'Microsoft.Cache/redisEnterprise/databases@2025-07-01' = {
  parent: cluster
  name: 'default'
  properties: {
    clientProtocol: 'Encrypted'
    port: 10000
    clusteringPolicy: 'NoCluster'
    evictionPolicy: 'VolatileTTL'
    accessKeysAuthentication: 'Enabled'
    persistence: {
      aofEnabled: false
      rdbEnabled: false
    }
  }
}

module password 'secret.bicep' = {
  name: 'secret-redis-password'
  params: {
    vaultName: vaultName
    name: 'redis-password'
    value: listKeys(database.id, '2025-07-01').primaryKey
    readers: readers
  }
}

output url string = 'rediss://${cluster.properties.hostName}:${database.properties.port}'
