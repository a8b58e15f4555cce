{{/* Rules of NetworkPolicies. */}}

{{- define "noonmark.toDns" -}}
- ports:
    - { port: 53, protocol: UDP }
    - { port: 53, protocol: TCP }
  {{- with .Values.networkPolicy.dns.to }}
  to: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{- define "noonmark.toPostgresql" -}}
- ports:
    - { port: {{ .Values.networkPolicy.postgresql.port }}, protocol: TCP }
  {{- with .Values.networkPolicy.postgresql.to }}
  to: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{- define "noonmark.toTelemetry" -}}
{{- with .Values.networkPolicy.telemetry }}
{{- if .to }}
- ports:
    - { port: {{ .port }}, protocol: TCP }
  to: {{- toYaml .to | nindent 4 }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Public addresses, and nothing else. */}}
{{- define "noonmark.publicPeers" -}}
- ipBlock:
    cidr: 0.0.0.0/0
    except: {{- toYaml .Values.networkPolicy.notPublicV4 | nindent 6 }}
- ipBlock:
    cidr: 2000::/3
    except: {{- toYaml .Values.networkPolicy.notPublicV6 | nindent 6 }}
{{- end -}}

{{/* Mail and storage. */}}
{{- define "noonmark.toServices" -}}
- ports:
    {{- range .Values.networkPolicy.services.ports }}
    - { port: {{ . }}, protocol: TCP }
    {{- end }}
  to:
    {{- include "noonmark.publicPeers" . | nindent 4 }}
    {{- with .Values.networkPolicy.services.to }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end -}}

{{/* Ingress to a port from peers; from everybody if there are none. Takes (list port peers). */}}
{{- define "noonmark.fromPeers" -}}
- ports:
    - { port: {{ first . }}, protocol: TCP }
  {{- with last . }}
  from: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}
