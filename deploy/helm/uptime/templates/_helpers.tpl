{{- define "uptime.labels" -}}
app.kubernetes.io/name: uptime
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "uptime.selector" -}}
app.kubernetes.io/name: uptime
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "uptime.tag" -}}
{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "uptime.regions" -}}
{{- $codes := list }}
{{- range .Values.regions }}{{ $codes = append $codes .code }}{{ end }}
{{- join "," (concat $codes .Values.otherRegions) }}
{{- end }}

{{- /* The server's settings that are no secret. YAML takes 2000000 for a float, which would arrive as 2e+06. */}}
{{- define "uptime.settings" -}}
{{- $own := dict
  "SITE_URL" .Values.siteUrl
  "ALLOWED_HOSTS" .Values.allowedHosts
  "TRUSTED_PROXY_COUNT" (.Values.trustedProxyCount | toString)
  "REGIONS" (include "uptime.regions" .)
  "LOG_FORMAT" "json"
}}
{{- range $name, $value := merge (dict) .Values.settings $own }}
{{- if not (kindIs "string" $value) }}{{ fail (printf "settings.%s: put its value in quotes" $name) }}{{ end }}
{{ $name }}: {{ $value | quote }}
{{- end }}
{{- end }}

{{- define "uptime.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "uptime.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- /* Five minutes: a broker that is away for a while is no reason to kill whoever waits for it. */}}
{{- define "uptime.atWork" -}}
exec:
  command: [python, scripts/talks_to_broker.py]
initialDelaySeconds: 30
periodSeconds: 15
timeoutSeconds: 10
failureThreshold: 20
{{- end }}
