// The gateway: the ingress of Container Apps ends TLS in front of it and speaks plain HTTP to it.
param name string
param location string
param tags object
param environmentId string
param image string
param registryServer string
param identityId string
param clientId string
param publicUrl string
param certificateId string
param brokerName string
param brokerPort int
param trustedProxies array
param vaultUri string
param settings object

var port = 8080
var healthPort = 8081
var files = '/run/mcp'
var exports = '/run/exports'
var publicHost = split(publicUrl, '/')[2]
var environmentVariables = union({
  AZURE_TENANT_ID: tenant().tenantId
  AZURE_CLIENT_ID: clientId
  GATEWAY_PUBLIC_URL: publicUrl
  GATEWAY_POLICY_FILE: '${files}/policy.toml'
  GATEWAY_LISTEN: '0.0.0.0:${port}'
  GATEWAY_HEALTH_LISTEN: '0.0.0.0:${healthPort}'
  GATEWAY_TLS_ENDS_AT_PROXY: 'true'
  GATEWAY_TRUSTED_PROXIES: join(trustedProxies, ',')
  GATEWAY_BROKER_URL: 'https://${brokerName}:${brokerPort}'
  GATEWAY_BROKER_CA_FILE: '${files}/authority.pem'
  GATEWAY_BROKER_CERT_FILE: '${files}/gateway.pem'
  GATEWAY_BROKER_KEY_FILE: '${files}/gateway.pem'
  GATEWAY_EXPORT_DIR: exports
  // A container of half a core has 2 GiB of disk.
  GATEWAY_EXPORT_BYTES: '1073741824'
  GATEWAY_SHUTDOWN_DELAY_SECONDS: '5'
  GATEWAY_SHUTDOWN_SECONDS: '30'
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
        external: true
        transport: 'auto'
        targetPort: port
        allowInsecure: false
        customDomains: (empty(certificateId)) ? [] : [
          {
            name: publicHost
            certificateId: certificateId
            bindingType: 'SniEnabled'
          }
        ]
      }
      registries: (empty(registryServer)) ? [] : [
        {
          server: registryServer
          identity: identityId
        }
      ]
      secrets: [
        {
          name: 'gateway-tls'
          keyVaultUrl: '${vaultUri}secrets/gateway-tls'
          identity: identityId
        }
        {
          name: 'authority'
          keyVaultUrl: '${vaultUri}secrets/authority'
          identity: identityId
        }
        {
          name: 'policy'
          value: loadTextContent('../policy.toml')
        }
      ]
    }
    template: {
      terminationGracePeriodSeconds: 45
      containers: [
        {
          name: 'gateway'
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
            {
              volumeName: 'exports'
              mountPath: exports
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
        maxReplicas: 6
        rules: [
          {
            name: 'requests'
            http: {
              metadata: {
                concurrentRequests: '50'
              }
            }
          }
        ]
      }
      volumes: [
        {
          name: 'exports'
          storageType: 'EmptyDir'
        }
        {
          name: 'files'
          storageType: 'Secret'
          secrets: [
            {
              secretRef: 'gateway-tls'
              path: 'gateway.pem'
            }
            {
              secretRef: 'authority'
              path: 'authority.pem'
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

output host string = app.properties.configuration.ingress.fqdn
output verificationId string = app.properties.customDomainVerificationId
