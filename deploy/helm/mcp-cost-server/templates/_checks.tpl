{{/* Values that do not go together. The services refuse most of it too, but after it was rolled out. */}}
{{- define "mcp.checks" -}}
{{- $gateway := include "mcp.gateway" . | fromYaml -}}
{{- $broker := include "mcp.broker" . | fromYaml -}}
{{- $proxy := .Values.gateway.tlsEndsAtProxy -}}
{{- if and $proxy (not .Values.gateway.trustedProxies) -}}
{{- fail "gateway.tlsEndsAtProxy needs gateway.trustedProxies: the addresses that the proxy connects from" -}}
{{- end -}}
{{- if and (eq .Values.certificates.gateway.source "none") (not $proxy) -}}
{{- fail "certificates.gateway.source is none: callers' tokens would travel in plain text. Give it a certificate, or set gateway.tlsEndsAtProxy" -}}
{{- end -}}
{{- range $name := list "GATEWAY_BROKER_CA_FILE" "GATEWAY_BROKER_CERT_FILE" "GATEWAY_BROKER_KEY_FILE" -}}
{{- if not (hasKey $gateway.files $name) -}}
{{- fail (printf "gateway.files.%s is needed: with certificates.*.source other than certManager, the files of mutual TLS are yours to name" $name) -}}
{{- end -}}
{{- end -}}
{{- if and (eq .Values.certificates.gateway.source "files") (not (hasKey $gateway.files "GATEWAY_TLS_CERT_FILE")) -}}
{{- fail "certificates.gateway.source is files: name them in gateway.files.GATEWAY_TLS_CERT_FILE and GATEWAY_TLS_KEY_FILE" -}}
{{- end -}}
{{- range $name := list "BROKER_TLS_CERT_FILE" "BROKER_TLS_KEY_FILE" "BROKER_TLS_CLIENT_CA_FILE" -}}
{{- if not (hasKey $broker.files $name) -}}
{{- fail (printf "broker.files.%s is needed: with certificates.*.source other than certManager, the files of mutual TLS are yours to name" $name) -}}
{{- end -}}
{{- end -}}
{{- $certificate := hasKey $broker.files "AZURE_CLIENT_CERTIFICATE_PATH" -}}
{{- if ne $certificate (eq .Values.broker.credential.kind "certificate") -}}
{{- fail "broker.credential.kind certificate and broker.files.AZURE_CLIENT_CERTIFICATE_PATH go together" -}}
{{- end -}}
{{- if and (eq .Values.broker.credential.kind "managedIdentity") (not .Values.broker.credential.managedIdentityClientId) -}}
{{- fail "broker.credential.kind managedIdentity needs broker.credential.managedIdentityClientId" -}}
{{- end -}}
{{- if and .Values.redis.url (not (hasKey $broker.files "BROKER_CACHE_KEY_FILE")) -}}
{{- fail "redis.url needs broker.files.BROKER_CACHE_KEY_FILE: what is stored there is sealed" -}}
{{- end -}}
{{- $vault := false -}}
{{- range $file := concat (values $gateway.files) (values $broker.files) -}}
{{- $vault = or $vault (hasKey $file "keyVault") -}}
{{- end -}}
{{- if and $vault (not (and .Values.keyVault.name .Values.keyVault.clientId)) -}}
{{- fail "a file is in Key Vault: set keyVault.name and keyVault.clientId" -}}
{{- end -}}
{{- if and (eq .Values.certificates.gatewayClient.source "spiffe") (not .Values.certificates.gatewayClient.spiffeTrustDomain) -}}
{{- fail "certificates.gatewayClient.source spiffe needs certificates.gatewayClient.spiffeTrustDomain" -}}
{{- end -}}
{{- if and (eq .Values.certificates.gatewayClient.source "files") (not .Values.certificates.gatewayClient.sans) -}}
{{- fail "certificates.gatewayClient.source files needs certificates.gatewayClient.sans: the names in that certificate, which the broker knows the gateway by" -}}
{{- end -}}
{{- end -}}
