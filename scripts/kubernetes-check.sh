#!/usr/bin/env bash
# Applies deploy/kubernetes/overlays/local to a cluster, buys a ticket through the Service and checks the monitoring:
# kubernetes-check.sh [CONTEXT]
#
# CONTEXT is the cluster as kubectl names it, by default kind-onsale. Its nodes must have the image onsale:dev. The objects
# are not removed. It needs kubectl, Go, curl and jq. OVERLAY is another overlay. WITHOUT_GRAFANA=1 leaves out Grafana's API.
set -euo pipefail
cd "$(dirname "$0")/.."

context=${1:-kind-onsale}
overlay=${OVERLAY:-deploy/kubernetes/overlays/local}
kubectl() { command kubectl --context "$context" --namespace onsale "$@"; }
tmp=$(mktemp -d)
forwards=()

finish() {
	status=$?
	if [ "$status" -ne 0 ]; then
		kubectl get all,events || true
		kubectl logs --tail 40 --prefix --all-containers -l app.kubernetes.io/name || true
	fi
	for pid in "${forwards[@]}"; do
		kill "$pid" 2>/dev/null || true
	done
	rm -rf "$tmp"
	exit "$status"
}
trap finish EXIT

fail() {
	echo "kubernetes-check: $*" >&2
	exit 1
}

# forward SERVICE PORT reaches a Service, and sets address.
forward() {
	: >"$tmp/$1"
	# Not the function: what is ended later must be kubectl itself.
	command kubectl --context "$context" --namespace onsale port-forward "service/$1" ":$2" >"$tmp/$1" 2>&1 &
	forwards+=($!)
	for _ in $(seq 100); do
		address=$(sed -n 's/^Forwarding from \(127\.0\.0\.1:[0-9]*\) .*/\1/p' "$tmp/$1")
		[ -z "$address" ] || return 0
		sleep 0.1
	done
	fail "kubectl reaches no service/$1: $(cat "$tmp/$1")"
}

# secret FILE NAME prints a value of the overlay's Secrets.
secret() { sed -n "s/^$2=//p" "$overlay/$1"; }

# call METHOD PATH [JSON] prints the API's answer, and fails unless it is 2xx.
call() {
	curl -sS --fail-with-body --max-time 10 -X "$1" "http://$api$2" -H "@$tmp/authorization" \
		-H 'Content-Type: application/json' ${3:+-d "$3"}
}

bash scripts/k8s-secrets.sh "$overlay"
kubectl apply -k "$overlay"
for workload in $(kubectl get deployment,statefulset -o name); do
	kubectl rollout status "$workload" --timeout 8m
done

echo "--- a purchase through the Service"
forward onsale 80
api=$address
# In a file: an argument would be in the list of processes.
printf 'Authorization: Bearer %s\n' "$(secret onsale.env ONSALE_ADMIN_TOKEN)" >"$tmp/authorization"
concert=$(call POST /concerts/new '{"title":"Check","date":"2030-01-01","venue":"Hall","number_of_tickets":3}' | jq -er .id)
call PUT /faults '{"preset":"off"}' >/dev/null # the default plan delays purchases, and denies some
bought=$(call POST "/buy/$concert" '{"user_email":"check@example.com","quantity":2}')
echo "$bought"
purchase=$(jq -er .purchase_id <<<"$bought")
[ "$(call GET "/purchases/$purchase" | jq -er .quantity)" = 2 ] || fail "purchase $purchase cannot be read back"
call GET /books | jq -e '.balanced' >/dev/null || fail "the books do not balance: $(call GET /books)"

echo "--- Prometheus has one target for each replica"
replicas=$(kubectl get deployment onsale -o jsonpath='{.status.readyReplicas}')
forward prometheus 9090
for _ in $(seq 60); do
	up=$(curl -sS --max-time 10 --get "http://$address/api/v1/query" --data-urlencode 'query=count(up{job="ticket_system"} == 1)' |
		jq -r '.data.result[0].value[1]')
	[ "$up" != "$replicas" ] || break
	sleep 2
done
[ "$up" = "$replicas" ] || fail "Prometheus has $up targets that are up, and there are $replicas replicas"
echo "$up of $replicas"

if [ -z "${WITHOUT_GRAFANA-}" ]; then
	echo "--- Grafana has its data source and its dashboards, and no alert rule"
	forward grafana 80
	GF_SECURITY_ADMIN_PASSWORD=$(secret grafana.env GF_SECURITY_ADMIN_PASSWORD) \
		go run ./scripts/grafanacheck -url "http://$address" -alerting none
fi
echo "kubernetes-check: ok"
