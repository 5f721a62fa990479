{{/* A Deployment. Takes root and service, which is what _services.tpl says of it. */}}
{{- define "mcp.deployment" -}}
{{- $root := .root -}}
{{- $service := .service -}}
{{- $component := $service.component -}}
{{- $values := index $root.Values $component -}}
{{- $of := dict "root" $root "component" $component "name" (printf "%s-%s" (include "mcp.fullname" $root) $component) -}}
{{- $identity := and (eq $component "broker") (eq $root.Values.broker.credential.kind "workloadIdentity") -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  {{- include "mcp.metadata" $of | nindent 2 }}
spec:
  {{- if not $values.autoscaling.enabled }}
  replicas: {{ $values.replicas }}
  {{- end }}
  revisionHistoryLimit: 5
  strategy:
    type: RollingUpdate
    rollingUpdate: { maxUnavailable: 0, maxSurge: 1 }
  selector:
    matchLabels:
      {{- include "mcp.selector" $of | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "mcp.labels" $of | nindent 8 }}
        {{- if $identity }}
        azure.workload.identity/use: "true"
        {{- end }}
        {{- with $values.podLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      annotations:
        kubectl.kubernetes.io/default-container: {{ $component }}
        {{- with $values.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      serviceAccountName: {{ include "mcp.serviceAccount" $of }}
      # Nobody here asks Kubernetes anything. Workload identity and CSI drivers bring tokens of their own.
      automountServiceAccountToken: false
      enableServiceLinks: false
      terminationGracePeriodSeconds: {{ $service.grace }}
      securityContext:
        runAsNonRoot: true
        runAsUser: 65532
        runAsGroup: 65532
        fsGroup: 65532
        fsGroupChangePolicy: OnRootMismatch
        seccompProfile: { type: RuntimeDefault }
      {{- with $root.Values.image.pullSecrets }}
      imagePullSecrets:
        {{- range . }}
        - name: {{ . }}
        {{- end }}
      {{- end }}
      {{- with $values.priorityClassName }}
      priorityClassName: {{ . }}
      {{- end }}
      {{- with $values.nodeSelector }}
      nodeSelector:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $values.tolerations }}
      tolerations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      topologySpreadConstraints:
        {{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
        - maxSkew: 1
          topologyKey: {{ $key }}
          whenUnsatisfiable: ScheduleAnyway
          labelSelector:
            matchLabels:
              {{- include "mcp.selector" $of | nindent 14 }}
        {{- end }}
      containers:
        - name: {{ $component }}
          image: {{ include "mcp.image" $of }}
          imagePullPolicy: {{ $root.Values.image.pullPolicy }}
          env:
            {{- include "mcp.environment" $service | trim | nindent 12 }}
          ports:
            {{- range $name, $port := $service.ports }}
            - { name: {{ $name }}, containerPort: {{ $port | int }}, protocol: TCP }
            {{- end }}
          {{- include "mcp.probes" $service | nindent 10 }}
          resources:
            {{- toYaml $values.resources | nindent 12 }}
          securityContext:
            allowPrivilegeEscalation: false
            privileged: false
            readOnlyRootFilesystem: true
            runAsNonRoot: true
            capabilities: { drop: [ALL] }
          {{- if or $service.files $service.exports }}
          volumeMounts:
            {{- with $service.files }}
            {{- include "mcp.volumeMounts" . | trim | nindent 12 }}
            {{- end }}
            {{- with $service.exports }}
            - { name: exports, mountPath: {{ .path }} }
            {{- end }}
          {{- end }}
      {{- if or $service.files $service.exports }}
      volumes:
        {{- with $service.files }}
        {{- include "mcp.volumes" (dict "root" $root "component" $component "files" .) | trim | nindent 8 }}
        {{- end }}
        {{- with $service.exports }}
        # Sealed, and gone with the pod.
        - name: exports
          emptyDir: { sizeLimit: {{ .sizeLimit }} }
        {{- end }}
      {{- end }}
{{- end -}}

{{/* kubelet asks the health port: a status and a word, in plain text. */}}
{{- define "mcp.probes" -}}
startupProbe:
  httpGet: { path: /healthz, port: health }
  periodSeconds: 1
  failureThreshold: 60
livenessProbe:
  httpGet: { path: /healthz, port: health }
  periodSeconds: 10
  timeoutSeconds: 3
  failureThreshold: 6
readinessProbe:
  httpGet: { path: /readyz, port: health }
  periodSeconds: 5
  timeoutSeconds: 2
  failureThreshold: 2
{{- end -}}
