{{/* What is asked more than once. */}}

{{/* The chart's own Prometheus runs, and not that of an operator. */}}
{{- define "onsale.prometheus" -}}
{{- if and .Values.monitoring.enabled (not .Values.operator.enabled) }}true{{ end }}
{{- end }}

{{- define "onsale.grafana" -}}
{{- if and .Values.monitoring.enabled .Values.grafana.enabled }}true{{ end }}
{{- end }}

{{- define "onsale.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{/* Labels of objects. Pods and volume claims have no version among theirs: it would replace them. */}}
{{- define "onsale.labels" -}}
app.kubernetes.io/part-of: onsale
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version | replace "+" "_" }}
{{- end }}

{{/* The metadata of an object: a list of the root, its name, and the value of app.kubernetes.io/name, if any. */}}
{{- define "onsale.metadata" -}}
{{- $root := index . 0 -}}
name: {{ index . 1 }}
namespace: {{ $root.Release.Namespace }}
labels:
  {{- include "onsale.labels" $root | nindent 2 }}
  {{- if gt (len .) 2 }}
  app.kubernetes.io/name: {{ index . 2 }}
  {{- end }}
{{- end }}

{{/* The metadata of a pod: a list of its name, and of the data whose change replaces it. */}}
{{- define "onsale.podMetadata" -}}
labels:
  app.kubernetes.io/name: {{ index . 0 }}
  app.kubernetes.io/part-of: onsale
{{- if gt (len .) 1 }}
annotations:
  checksum/config: {{ index . 1 | sha256sum }}
{{- end }}
{{- end }}

{{- define "onsale.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ . }}
runAsGroup: {{ . }}
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "onsale.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- define "onsale.pullSecrets" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* The volume of a StatefulSet, from its `storage`. */}}
{{- define "onsale.volumeClaim" -}}
- metadata:
    name: data
    labels:
      app.kubernetes.io/part-of: onsale
  spec:
    accessModes: [ReadWriteOnce]
    {{- with .className }}
    storageClassName: {{ . | quote }}
    {{- end }}
    resources:
      requests:
        storage: {{ .size }}
{{- end }}

{{/* The data of the ConfigMaps. */}}
{{- define "onsale.data.onsale" -}}
ONSALE_LISTEN: ":8000"
{{- range $name, $value := .Values.settings }}
{{ $name }}: {{ kindIs "string" $value | ternary $value (toJson $value) | quote }}
{{- end }}
{{- end }}

{{- define "onsale.data.prometheus" -}}
{{ (.Files.Glob "files/prometheus/prometheus.yml").AsConfig }}
{{- end }}

{{- define "onsale.data.rules" -}}
{{ (.Files.Glob "files/prometheus/rules.yml").AsConfig }}
{{- end }}

{{- define "onsale.data.alertmanager" -}}
{{ (.Files.Glob "files/alertmanager/*").AsConfig }}
{{- end }}

{{- define "onsale.data.grafana" -}}
GF_LOG_MODE: console
GF_USERS_ALLOW_SIGN_UP: "false"
# Grafana calls nobody by itself.
GF_ANALYTICS_REPORTING_ENABLED: "false"
GF_ANALYTICS_CHECK_FOR_UPDATES: "false"
GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES: "false"
GF_PLUGINS_PREINSTALL_DISABLED: "true"
{{- end }}

{{- define "onsale.data.datasources" -}}
{{ (.Files.Glob "files/grafana/provisioning/datasources/*").AsConfig }}
{{- end }}

{{- define "onsale.data.providers" -}}
{{ (.Files.Glob "files/grafana/provisioning/dashboards/*").AsConfig }}
{{- end }}

{{- define "onsale.data.dashboards" -}}
{{ (.Files.Glob "files/grafana/dashboards/*").AsConfig }}
{{- end }}

{{/*
A ConfigMap: a list of the root, its name, and the template of its data. The data does not come last: Helm takes
the line break from the end of an object, which is that of a file then.
*/}}
{{- define "onsale.configMap" -}}
apiVersion: v1
kind: ConfigMap
data:
  {{- include (index . 2) (index . 0) | nindent 2 }}
metadata:
  {{- include "onsale.metadata" (list (index . 0) (index . 1)) | nindent 2 }}
{{- end }}

{{/* A Service: a list of the root, its name, its port, and its `service`, if any. */}}
{{- define "onsale.service" -}}
apiVersion: v1
kind: Service
metadata:
  {{- include "onsale.metadata" (list (index . 0) (index . 1) (index . 1)) | nindent 2 }}
  {{- if gt (len .) 3 }}
  {{- with (index . 3).annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- end }}
spec:
  {{- if gt (len .) 3 }}
  {{- with (index . 3).type }}
  {{- if ne . "ClusterIP" }}
  type: {{ . }}
  {{- end }}
  {{- end }}
  {{- end }}
  selector:
    app.kubernetes.io/name: {{ index . 1 }}
  ports:
    - name: http
      port: {{ index . 2 }}
      targetPort: http
{{- end }}
