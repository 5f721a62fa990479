{{/*
Files. A setting that names a file is given what holds it: {secret, key}, {configMap, key}, {keyVault} or {spiffe: true, key}.
Each Secret, ConfigMap and so on is mounted once, with the keys that are asked for and no others, as a whole folder: single
files (subPath) would never be renewed.
*/}}

{{/* Where one file lies. */}}
{{- define "mcp.path" -}}
{{- if .secret -}}/run/mcp/secret/{{ .secret }}/{{ .key }}
{{- else if .configMap -}}/run/mcp/config/{{ .configMap }}/{{ .key }}
{{- else if .keyVault -}}/run/mcp/vault/{{ .keyVault }}
{{- else -}}/run/mcp/spiffe/{{ .key }}
{{- end -}}
{{- end -}}

{{/* What is mounted, by folder: YAML of {folder: {kind, name, keys}}. Takes the files of a service. */}}
{{- define "mcp.mounts" -}}
{{- $mounts := dict -}}
{{- range $file := . -}}
{{- $folder := dir (include "mcp.path" $file) -}}
{{- $before := get $mounts $folder | default (dict "keys" list) -}}
{{- $kind := ternary "secret" (ternary "configMap" (ternary "keyVault" "spiffe" (hasKey $file "keyVault")) (hasKey $file "configMap")) (hasKey $file "secret") -}}
{{- $name := get $file $kind | toString -}}
{{- $key := get $file "key" | default $name -}}
{{- $_ := set $mounts $folder (dict "kind" $kind "name" $name "keys" (append $before.keys $key | uniq | sortAlpha)) -}}
{{- end -}}
{{- toYaml $mounts -}}
{{- end -}}

{{/* A volume's name: a label, however long the name of what it mounts. */}}
{{- define "mcp.volumeName" -}}
{{- printf "%s-%s" (.kind | lower) (.name | sha256sum | trunc 10) -}}
{{- end -}}

{{/* Takes root, component and files. */}}
{{- define "mcp.volumes" -}}
{{- $all := . -}}
{{- range $folder, $mount := include "mcp.mounts" .files | fromYaml }}
- name: {{ include "mcp.volumeName" $mount }}
{{- if eq $mount.kind "secret" }}
  secret:
    secretName: {{ $mount.name }}
    defaultMode: 0440
    items:
      {{- range $mount.keys }}
      - { key: {{ . | quote }}, path: {{ . | quote }} }
      {{- end }}
{{- else if eq $mount.kind "configMap" }}
  configMap:
    name: {{ $mount.name }}
    defaultMode: 0440
    items:
      {{- range $mount.keys }}
      - { key: {{ . | quote }}, path: {{ . | quote }} }
      {{- end }}
{{- else if eq $mount.kind "keyVault" }}
  csi:
    driver: secrets-store.csi.k8s.io
    readOnly: true
    volumeAttributes:
      secretProviderClass: {{ include "mcp.fullname" $all.root }}-{{ $all.component }}
{{- else }}
  csi:
    driver: spiffe.csi.cert-manager.io
    readOnly: true
    volumeAttributes:
      spiffe.csi.cert-manager.io/fs-group: "65532"
{{- end }}
{{- end }}
{{- end -}}

{{- define "mcp.volumeMounts" -}}
{{- range $folder, $mount := include "mcp.mounts" . | fromYaml }}
- name: {{ include "mcp.volumeName" $mount }}
  mountPath: {{ $folder }}
  readOnly: true
{{- end }}
{{- end -}}

{{/* The settings of a service with the paths of its files, in order of their names. Takes env and files. */}}
{{- define "mcp.environment" -}}
{{- $all := dict -}}
{{- range $name, $value := .env -}}
{{- $text := toString $value -}}
{{- /* Helm reads numbers as floats, and writes large ones as 8.589934592e+09. */ -}}
{{- if kindIs "float64" $value -}}
{{- if eq (floor $value) $value -}}
{{- $text = printf "%.0f" $value -}}
{{- end -}}
{{- end -}}
{{- $_ := set $all $name $text -}}
{{- end -}}
{{- range $name, $file := .files -}}
{{- $_ := set $all $name (include "mcp.path" $file) -}}
{{- end -}}
{{- range $name, $value := $all }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end -}}
