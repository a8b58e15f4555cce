{{/* What all pods share. */}}

{{/* Of a pod: the restricted standard. */}}
{{- define "noonmark.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ .Values.podSecurity.runAsUser }}
runAsGroup: {{ .Values.podSecurity.runAsGroup }}
fsGroup: {{ .Values.podSecurity.runAsGroup }}
seccompProfile: { type: RuntimeDefault }
{{- end -}}

{{/* Of a container. */}}
{{- define "noonmark.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end -}}

{{/* One variable from a Secret. Takes (list root variable reference). */}}
{{- define "noonmark.secretVariable" -}}
{{- $root := index . 0 -}}{{- $reference := index . 2 -}}
- name: {{ index . 1 }}
  valueFrom:
    secretKeyRef:
      name: {{ default $root.Values.secrets.existingSecret $reference.name | quote }}
      key: {{ $reference.key | quote }}
      {{- if $reference.optional }}
      optional: true
      {{- end }}
{{- end -}}

{{/* The variables of the place where files of jobs are kept. */}}
{{- define "noonmark.storageVariables" -}}
{{ include "noonmark.secretVariable" (list . "NOONMARK_STORAGE_URL" .Values.secrets.storageUrl) }}
{{ include "noonmark.secretVariable" (list . "AWS_ACCESS_KEY_ID" .Values.secrets.storageKeyId) }}
{{ include "noonmark.secretVariable" (list . "AWS_SECRET_ACCESS_KEY" .Values.secrets.storageSecretKey) }}
{{- end -}}

{{/* Variables: the defaults, overridden by what a component's `env` says. Takes (list defaults given). */}}
{{- define "noonmark.variables" -}}
{{- range $name, $value := merge (dict) (last .) (first .) }}
- name: {{ $name }}
  value: {{ $value | toString | quote }}
{{- end }}
{{- end -}}

{{/* Where pods go. Takes (list root component values). */}}
{{- define "noonmark.placement" -}}
{{- $root := index . 0 -}}{{- $component := index . 1 -}}{{- $values := index . 2 -}}
{{- with $root.Values.images.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
{{- with $values.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- if $root.Values.topologySpread.enabled }}
topologySpreadConstraints:
  {{- range $root.Values.topologySpread.keys }}
  - topologyKey: {{ . | quote }}
    maxSkew: {{ $root.Values.topologySpread.maxSkew }}
    whenUnsatisfiable: {{ $root.Values.topologySpread.whenUnsatisfiable }}
    labelSelector:
      matchLabels: {{- include "noonmark.selector" (list $root $component) | nindent 8 }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* Labels of a pod. Takes (list root component values). */}}
{{- define "noonmark.podMeta" -}}
{{- $root := index . 0 -}}{{- $component := index . 1 -}}{{- $values := index . 2 -}}
labels:
  {{- include "noonmark.labels" (list $root $component) | nindent 2 }}
  {{- with $values.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with $values.podAnnotations }}
annotations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Probes of a process whose port is called by its argument. A process that waits for the database has no
     port yet, so its start may take a while. */}}
{{- define "noonmark.processProbes" -}}
startupProbe:
  httpGet: { path: /healthz, port: {{ . }} }
  periodSeconds: 2
  failureThreshold: 150
livenessProbe:
  httpGet: { path: /healthz, port: {{ . }} }
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: { path: /readyz, port: {{ . }} }
  periodSeconds: 5
  timeoutSeconds: 5
  failureThreshold: 3
{{- end -}}
