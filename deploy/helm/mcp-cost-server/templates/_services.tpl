{{/* What each service is: YAML of {component, ports, shutdown, env, files, exports}. All that is the same for both is made of these. */}}

{{- define "mcp.shared" -}}
AZURE_TENANT_ID: {{ .Values.azure.tenantId | quote }}
AZURE_CLIENT_ID: {{ .Values.azure.clientId | quote }}
AZURE_CLOUD: {{ .Values.azure.cloud }}
GATEWAY_PUBLIC_URL: {{ .Values.publicUrl | quote }}
LOG_FORMAT: json
{{- end -}}

{{/* The files of both. What the chart itself gives comes first, so that files of the values stand in its place. */}}
{{- define "mcp.sharedFiles" -}}
{{- if .Values.policy }}
GATEWAY_POLICY_FILE: { configMap: {{ include "mcp.fullname" . }}-policy, key: policy.toml }
{{- end }}
{{- end -}}

{{- define "mcp.gateway" -}}
{{- $name := include "mcp.fullname" . -}}
{{- $own := .Values.certificates.gateway.source -}}
{{- $client := .Values.certificates.gatewayClient.source -}}
{{- $bind := .Values.bindAddress -}}
{{- $env := include "mcp.shared" . | fromYaml -}}
{{- $env = merge dict .Values.gateway.settings .Values.settings $env -}}
{{- $env = set $env "GATEWAY_LISTEN" (printf "%s:8080" $bind) -}}
{{- $env = set $env "GATEWAY_HEALTH_LISTEN" (printf "%s:8081" $bind) -}}
{{- $env = set $env "GATEWAY_ADMIN_LISTEN" (printf "%s:9080" (ternary "127.0.0.1" $bind (eq $own "none"))) -}}
{{- $env = set $env "GATEWAY_EXPORT_DIR" "/run/exports" -}}
{{- $env = set $env "GATEWAY_BROKER_URL" (printf "https://%s:50051" (include "mcp.brokerHost" .)) -}}
{{- $env = set $env "GATEWAY_SHUTDOWN_DELAY_SECONDS" .Values.gateway.shutdown.delaySeconds -}}
{{- $env = set $env "GATEWAY_SHUTDOWN_SECONDS" .Values.gateway.shutdown.drainSeconds -}}
{{- if .Values.gateway.tlsEndsAtProxy -}}
{{- $env = set $env "GATEWAY_TLS_ENDS_AT_PROXY" true -}}
{{- end -}}
{{- with .Values.gateway.trustedProxies -}}
{{- $env = set $env "GATEWAY_TRUSTED_PROXIES" (join "," .) -}}
{{- end -}}
{{- $files := include "mcp.sharedFiles" . | fromYaml -}}
{{- if eq $own "certManager" -}}
{{- $_ := set $files "GATEWAY_TLS_CERT_FILE" (dict "secret" (printf "%s-gateway-tls" $name) "key" "tls.crt") -}}
{{- $_ := set $files "GATEWAY_TLS_KEY_FILE" (dict "secret" (printf "%s-gateway-tls" $name) "key" "tls.key") -}}
{{- end -}}
{{- if eq .Values.certificates.broker.source "certManager" -}}
{{- $_ := set $files "GATEWAY_BROKER_CA_FILE" (dict "secret" (printf "%s-broker-tls" $name) "key" "ca.crt") -}}
{{- end -}}
{{- if eq $client "certManager" -}}
{{- $_ := set $files "GATEWAY_BROKER_CERT_FILE" (dict "secret" (printf "%s-gateway-client-tls" $name) "key" "tls.crt") -}}
{{- $_ := set $files "GATEWAY_BROKER_KEY_FILE" (dict "secret" (printf "%s-gateway-client-tls" $name) "key" "tls.key") -}}
{{- else if eq $client "spiffe" -}}
{{- $_ := set $files "GATEWAY_BROKER_CERT_FILE" (dict "spiffe" true "key" "tls.crt") -}}
{{- $_ := set $files "GATEWAY_BROKER_KEY_FILE" (dict "spiffe" true "key" "tls.key") -}}
{{- end -}}
{{- range $given := list .Values.files .Values.gateway.files -}}
{{- range $setting, $file := $given -}}
{{- $_ := set $files $setting $file -}}
{{- end -}}
{{- end -}}
component: gateway
ports: { mcp: 8080, health: 8081, admin: 9080 }
grace: {{ add .Values.gateway.shutdown.delaySeconds .Values.gateway.shutdown.drainSeconds 10 }}
env:
  {{- toYaml $env | nindent 2 }}
files:
  {{- toYaml $files | nindent 2 }}
exports: { path: /run/exports, sizeLimit: {{ .Values.gateway.exports.sizeLimit | quote }} }
{{- end -}}

{{- define "mcp.broker" -}}
{{- $name := include "mcp.fullname" . -}}
{{- $bind := .Values.bindAddress -}}
{{- $env := include "mcp.shared" . | fromYaml -}}
{{- $env = merge dict .Values.broker.settings .Values.settings $env -}}
{{- $env = set $env "BROKER_LISTEN" (printf "%s:50051" $bind) -}}
{{- $env = set $env "BROKER_HEALTH_LISTEN" (printf "%s:8081" $bind) -}}
{{- $env = set $env "BROKER_ADMIN_LISTEN" (printf "%s:9051" $bind) -}}
{{- $env = set $env "BROKER_SHUTDOWN_DELAY_SECONDS" .Values.broker.shutdown.delaySeconds -}}
{{- $env = set $env "BROKER_DRAIN_SECONDS" .Values.broker.shutdown.drainSeconds -}}
{{- if eq .Values.broker.credential.kind "managedIdentity" -}}
{{- $env = set $env "AZURE_MANAGED_IDENTITY_CLIENT_ID" .Values.broker.credential.managedIdentityClientId -}}
{{- end -}}
{{- with .Values.redis.url -}}
{{- $env = set $env "BROKER_REDIS_URL" . -}}
{{- end -}}
{{- $files := include "mcp.sharedFiles" . | fromYaml -}}
{{- $_ := set $files "BROKER_CONSUMERS_FILE" (dict "configMap" (printf "%s-consumers" $name) "key" "consumers.toml") -}}
{{- if eq .Values.certificates.broker.source "certManager" -}}
{{- $_ := set $files "BROKER_TLS_CERT_FILE" (dict "secret" (printf "%s-broker-tls" $name) "key" "tls.crt") -}}
{{- $_ := set $files "BROKER_TLS_KEY_FILE" (dict "secret" (printf "%s-broker-tls" $name) "key" "tls.key") -}}
{{- end -}}
{{- if eq .Values.certificates.gatewayClient.source "certManager" -}}
{{- $_ := set $files "BROKER_TLS_CLIENT_CA_FILE" (dict "secret" (printf "%s-gateway-client-tls" $name) "key" "ca.crt") -}}
{{- end -}}
{{- range $given := list .Values.files .Values.broker.files -}}
{{- range $setting, $file := $given -}}
{{- $_ := set $files $setting $file -}}
{{- end -}}
{{- end -}}
component: broker
ports: { grpc: 50051, health: 8081, admin: 9051 }
grace: {{ add .Values.broker.shutdown.delaySeconds .Values.broker.shutdown.drainSeconds 10 }}
env:
  {{- toYaml $env | nindent 2 }}
files:
  {{- toYaml $files | nindent 2 }}
{{- end -}}
