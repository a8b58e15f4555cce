{{/* Names and labels. Kubernetes allows 63 characters; the longest suffix of ours has 18. */}}

{{- define "noonmark.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "noonmark.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "noonmark.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "noonmark.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What tells this release's pods of one component from all others; never changes. Takes (list root component). */}}
{{- define "noonmark.selector" -}}
{{- $root := first . -}}
app.kubernetes.io/name: {{ include "noonmark.name" $root | quote }}
app.kubernetes.io/instance: {{ $root.Release.Name | quote }}
app.kubernetes.io/component: {{ last . }}
{{- end -}}

{{- define "noonmark.labels" -}}
{{- $root := first . -}}
{{ include "noonmark.selector" . }}
app.kubernetes.io/part-of: noonmark
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- with $root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Takes (list root image). */}}
{{- define "noonmark.image" -}}
{{- $root := first . -}}{{- $image := last . -}}
{{- if $image.digest -}}
{{ $image.repository }}@{{ $image.digest }}
{{- else -}}
{{ $image.repository }}:{{ default $root.Chart.AppVersion $image.tag }}
{{- end -}}
{{- end -}}

{{- define "noonmark.jobsNamespace" -}}
{{- default (printf "%s-jobs" .Release.Namespace) .Values.scheduler.kubernetesRuntime.namespace -}}
{{- end -}}
