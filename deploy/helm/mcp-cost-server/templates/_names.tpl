{{/* Names and labels. A component is `gateway` or `broker`. */}}

{{- define "mcp.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What pods are chosen by: never changed by an upgrade. Takes root and component. */}}
{{- define "mcp.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "mcp.labels" -}}
{{ include "mcp.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name (.root.Chart.Version | replace "+" "_") }}
{{- end -}}

{{/* The head of an object's metadata. Takes root, component and name. */}}
{{- define "mcp.metadata" -}}
name: {{ .name }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "mcp.labels" . | nindent 2 }}
{{- end -}}

{{- define "mcp.serviceAccount" -}}
{{- $account := (index .root.Values .component).serviceAccount -}}
{{- $account.name | default (printf "%s-%s" (include "mcp.fullname" .root) .component) -}}
{{- end -}}

{{/* The name that the gateway dials, and hence the one in the broker's certificate: of a headless Service, so that the
gateway finds each replica and spreads its calls. */}}
{{- define "mcp.brokerHost" -}}
{{- printf "%s-broker.%s.svc" (include "mcp.fullname" .) .Release.Namespace -}}
{{- end -}}

{{/* The name in the gateway's client certificate, and hence the one in the consumers file. */}}
{{- define "mcp.gatewayName" -}}
{{- printf "%s-gateway.%s.svc" (include "mcp.fullname" .) .Release.Namespace -}}
{{- end -}}

{{- define "mcp.publicHost" -}}
{{- (urlParse .Values.publicUrl).hostname -}}
{{- end -}}

{{- define "mcp.image" -}}
{{- $image := (index .root.Values .component).image -}}
{{- $name := printf "%s/%s" (trimSuffix "/" .root.Values.image.registry) $image.repository -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $name $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $name (.root.Values.image.tag | default .root.Chart.AppVersion) -}}
{{- end -}}
{{- end -}}
