{{/* Name of the chart, as in app.kubernetes.io/name. */}}
{{- define "leasehold.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* Name of every object: the release's, with the chart's unless it is in it. 40 characters leave room for what is appended. */}}
{{- define "leasehold.fullname" -}}
{{- $name := include "leasehold.name" . }}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) }}
{{- default $full .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "leasehold.selectorLabels" -}}
app.kubernetes.io/name: {{ include "leasehold.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* Labels of every object; the user's add to them and cannot replace one. */}}
{{- define "leasehold.labels" -}}
{{- $usual := dict "app.kubernetes.io/version" .Chart.AppVersion "app.kubernetes.io/part-of" "leasehold"
      "app.kubernetes.io/managed-by" .Release.Service "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_") }}
{{- merge (include "leasehold.selectorLabels" . | fromYaml) $usual .Values.commonLabels | toYaml }}
{{- end }}

{{- define "leasehold.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ default $.Chart.AppVersion .tag }}{{ end }}
{{- end }}
{{- end }}

{{- define "leasehold.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "leasehold.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- required "serviceAccount.create is false: serviceAccount.name must say which one to use" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{/* How the API server calls Leasehold. */}}
{{- define "leasehold.username" -}}
system:serviceaccount:{{ .Release.Namespace }}:{{ include "leasehold.serviceAccountName" . }}
{{- end }}

{{/* What every tenant's Role holds: its own Lease and its events. */}}
{{- define "leasehold.ownRules" -}}
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [get, list, watch, create, update, patch]
- apiGroups: ["", events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end }}

{{/* The most that a tenant's Role may hold. The ClusterRole and the FleetPolicy both take it from here. */}}
{{- define "leasehold.ceiling" -}}
{{ include "leasehold.ownRules" . }}
{{- with .Values.tenantRules }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Namespaces that no tenant may claim, as a YAML list. */}}
{{- define "leasehold.protectedNamespaces" -}}
{{- append .Values.fleetPolicy.protectedNamespaces .Release.Namespace | uniq | toYaml }}
{{- end }}

{{/* The same as one regular expression; names and patterns hold no character that means anything in it but `*`. */}}
{{- define "leasehold.protectedPattern" -}}
^({{ include "leasehold.protectedNamespaces" . | fromYamlArray | join "|" | replace "*" ".*" }})$
{{- end }}

{{/* A list of strings as CEL writes it. */}}
{{- define "leasehold.celStrings" -}}
[{{ range $i, $text := . }}{{ if $i }}, {{ end }}{{ $text | toJson }}{{ end }}]
{{- end }}

{{/* Whether whoever asks is one of these users or in one of these groups, as CEL. */}}
{{- define "leasehold.isOneOf" -}}
request.userInfo.username in {{ include "leasehold.celStrings" .users }} || request.userInfo.?groups.orValue([]).exists(group, group in {{ include "leasehold.celStrings" .groups }})
{{- end }}

{{/* The binding of a ValidatingAdmissionPolicy without parameters. */}}
{{- define "leasehold.admissionBinding" -}}
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: {{ .name }}
  labels: {{- include "leasehold.labels" .root | nindent 4 }}
spec:
  policyName: {{ .name }}
  validationActions: [Deny]
{{- end }}

{{/* Rules of a list, each with the same operations, as a policy matches them. */}}
{{- define "leasehold.admissionRules" -}}
{{- $operations := .operations }}
{{- range .rules }}
- apiGroups: {{ .apiGroups | toJson }}
  apiVersions: ["*"]
  operations: {{ $operations | toJson }}
  resources: {{ .resources | toJson }}
{{- end }}
{{- end }}

{{/* What the schema cannot say: how values relate. */}}
{{- define "leasehold.validate" -}}
{{- with .Values.leaderElection }}
  {{- $lease := .leaseDuration | trimSuffix "s" | int }}
  {{- $renew := .renewDeadline | trimSuffix "s" | int }}
  {{- $retry := .retryPeriod | trimSuffix "s" | int }}
  {{- if le $lease $renew }}
    {{- fail (printf "leaderElection: leaseDuration %s must be greater than renewDeadline %s, or a leader still writes when its Lease is free for others" .leaseDuration .renewDeadline) }}
  {{- end }}
  {{- if le (mul $renew 10) (mul $retry 12) }}
    {{- fail (printf "leaderElection: renewDeadline %s must be greater than 1.2 times retryPeriod %s, or one lost request ends the leader's term" .renewDeadline .retryPeriod) }}
  {{- end }}
  {{- if and (not .enabled) (gt (int $.Values.replicas) 1) }}
    {{- fail "leaderElection.enabled is false: set replicas to 1; nothing else keeps two writers apart" }}
  {{- end }}
{{- end }}
{{- if not .Values.features.secrets }}
  {{- range .Values.tenantRules }}
    {{- if and (has "" .apiGroups) (has "secrets" .resources) }}
      {{- fail "tenantRules grants secrets: Leasehold would hold them in the whole cluster; set features.secrets to true if that is meant" }}
    {{- end }}
  {{- end }}
{{- end }}
{{- with .Values.podDisruptionBudget }}
  {{- if and .enabled (gt (int $.Values.replicas) 1) (ge (int .minAvailable) (int $.Values.replicas)) }}
    {{- fail (printf "podDisruptionBudget.minAvailable %d of %d replicas would never let a node be drained" (int .minAvailable) (int $.Values.replicas)) }}
  {{- end }}
{{- end }}
{{- end }}
