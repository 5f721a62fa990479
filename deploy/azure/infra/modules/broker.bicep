// The token broker: reached inside the environment alone, by TCP, so that mutual TLS ends in our process.
param name string
param location string
param tags object
param environmentId string
param image string
param registryServer string
param identityId string
param identityClientId string
param clientId string
param publicUrl string
param gatewayName string
param clients array
param vaultUri string
param redisUrl string
param settings object

var port = 50051
var healthPort = 8081
var files = '/run/mcp'
// Clients that may not ask for cost.export are looked at for cost.read alone.
var clientIds = map(clients, client => (client.export) ? client.appId : '${client.appId}:cost.read')
var environmentVariables = union({
  AZURE_TENANT_ID: tenant().tenantId
  AZURE_CLIENT_ID: clientId
  AZURE_MANAGED_IDENTITY_CLIENT_ID: identityClientId
  GATEWAY_PUBLIC_URL: publicUrl
  GATEWAY_POLICY_FILE: '${files}/policy.toml'
  BROKER_LISTEN: '0.0.0.0:${port}'
  BROKER_HEALTH_LISTEN: '0.0.0.0:${healthPort}'
  BROKER_TLS_CERT_FILE: '${files}/broker.pem'
  BROKER_TLS_KEY_FILE: '${files}/broker.pem'
  BROKER_TLS_CLIENT_CA_FILE: '${files}/authority.pem'
  BROKER_CONSUMERS_FILE: '${files}/consumers.toml'
  BROKER_REDIS_URL: redisUrl
  BROKER_REDIS_PASSWORD_FILE: '${files}/redis-password'
  BROKER_CACHE_KEY_FILE: '${files}/cache-keys.toml'
  BROKER_SHUTDOWN_DELAY_SECONDS: '5'
  BROKER_DRAIN_SECONDS: '25'
  PREFLIGHT_CLIENT_IDS: join(clientIds, ',')
  PREFLIGHT_ADMIN_SCOPES: 'cost.export'
  LOG_FORMAT: 'json'
}, settings)

resource app 'Microsoft.App/containerApps@2025-01-01' = {
  name: name
  location: location
  tags: tags
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identityId}': {}
    }
  }
  properties: {
    environmentId: environmentId
    workloadProfileName: 'Consumption'
    configuration: {
      activeRevisionsMode: 'Single'
      ingress: {
        external: false
        transport: 'tcp'
        targetPort: port
        exposedPort: port
      }
      registries: (empty(registryServer)) ? [] : [
        {
          server: registryServer
          identity: identityId
        }
      ]
      secrets: [
        {
          name: 'broker-tls'
          keyVaultUrl: '${vaultUri}secrets/broker-tls'
          identity: identityId
        }
        {
          name: 'authority'
          keyVaultUrl: '${vaultUri}secrets/authority'
          identity: identityId
        }
        {
          name: 'cache-keys'
          keyVaultUrl: '${vaultUri}secrets/cache-keys'
          identity: identityId
        }
        {
          name: 'redis-password'
          keyVaultUrl: '${vaultUri}secrets/redis-password'
          identity: identityId
        }
        {
          name: 'consumers'
          value: '[consumers.gateway]\nsans = ["dns:${gatewayName}"]\nresources = ["arm"]\nmax_concurrent = 2048\n'
        }
        {
          name: 'policy'
          value: loadTextContent('../policy.toml')
        }
      ]
    }
    template: {
      terminationGracePeriodSeconds: 40
      containers: [
        {
          name: 'broker'
          image: image
          resources: {
            cpu: json('0.5')
            memory: '1Gi'
          }
          env: [for setting in items(environmentVariables): {
            name: setting.key
            value: setting.value
          }]
          volumeMounts: [
            {
              volumeName: 'files'
              mountPath: files
            }
          ]
          probes: [
            {
              type: 'Startup'
              httpGet: {
                path: '/healthz'
                port: healthPort
              }
              periodSeconds: 1
              failureThreshold: 60
            }
            {
              type: 'Liveness'
              httpGet: {
                path: '/healthz'
                port: healthPort
              }
              periodSeconds: 10
              failureThreshold: 6
            }
            {
              type: 'Readiness'
              httpGet: {
                path: '/readyz'
                port: healthPort
              }
              periodSeconds: 5
              failureThreshold: 2
            }
          ]
        }
      ]
      scale: {
        minReplicas: 2
        maxReplicas: 4
        rules: [
          {
            name: 'processor'
            custom: {
              type: 'cpu'
              metadata: {
                type: 'Utilization'
                value: '70'
              }
            }
          }
        ]
      }
      volumes: [
        {
          name: 'files'
          storageType: 'Secret'
          secrets: [
            {
              secretRef: 'broker-tls'
              path: 'broker.pem'
            }
            {
              secretRef: 'authority'
              path: 'authority.pem'
            }
            {
              secretRef: 'cache-keys'
              path: 'cache-keys.toml'
            }
            {
              secretRef: 'redis-password'
              path: 'redis-password'
            }
            {
              secretRef: 'consumers'
              path: 'consumers.toml'
            }
            {
              secretRef: 'policy'
              path: 'policy.toml'
            }
          ]
        }
      ]
    }
  }
}

// Inside an environment an app is dialled by its name, which is the name in its certificate.
output name string = app.name
output port int = port
