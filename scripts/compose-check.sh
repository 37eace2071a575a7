#!/usr/bin/env bash
# Starts deploy/compose on free ports, checks that Grafana has loaded its files, and waits until the message of an alert
# arrives in the receiver's inbox: compose-check.sh prometheus|grafana
#
# The argument selects whose rules send the alerts. It needs the image onsale:dev (make image IMAGE=onsale:dev), Docker with
# Compose, Go, curl and jq. At the end it removes its containers and volumes. GRAFANA_URL selects another Grafana.
set -euo pipefail
cd "$(dirname "$0")/.."

sender=${1-}
case $sender in
prometheus) evaluates=false ;;
grafana) evaluates=true ;;
*)
	echo "usage: bash scripts/compose-check.sh prometheus|grafana" >&2
	exit 2
	;;
esac

# Variables of the caller would go before those of the file. DISCORD_URL would tell a channel of the fault.
unset DISCORD_URL DISCORD_MENTION POSTGRES_PASSWORD GF_SECURITY_ADMIN_USER GF_SECURITY_ADMIN_PASSWORD ALERTS CROWD
unset API_PORT PROMETHEUS_PORT ALERTMANAGER_PORT RECEIVER_PORT GRAFANA_PORT COMPOSE_FILE COMPOSE_PROFILES COMPOSE_ENV_FILES
tmp=$(mktemp -d)
cp deploy/compose/.env.example "$tmp/check.env.example"
bash scripts/k8s-secrets.sh "$tmp" 2>/dev/null
# An empty port is one that is free.
cat >>"$tmp/check.env" <<EOF
ALERTS=$sender
API_PORT=
PROMETHEUS_PORT=
ALERTMANAGER_PORT=
RECEIVER_PORT=
GRAFANA_PORT=
EOF
compose() { docker compose --project-name "onsale-check-$$" --file deploy/compose/compose.yaml --env-file "$tmp/check.env" "$@"; }

finish() {
	status=$?
	if [ "$status" -ne 0 ]; then
		compose ps --all || true
		compose logs --tail 60 || true
	fi
	compose down --volumes --timeout 40 >/dev/null 2>&1 || true
	rm -rf "$tmp"
	exit "$status"
}
trap finish EXIT

compose up --wait --wait-timeout 300
address() { echo "http://$(compose port "$1" "$2")"; }
api=$(address onsale 8000)
inbox=$(address receiver 9095)/inbox
export GF_SECURITY_ADMIN_USER GF_SECURITY_ADMIN_PASSWORD
GF_SECURITY_ADMIN_USER=$(sed -n 's/^GF_SECURITY_ADMIN_USER=//p' "$tmp/check.env")
GF_SECURITY_ADMIN_PASSWORD=$(sed -n 's/^GF_SECURITY_ADMIN_PASSWORD=//p' "$tmp/check.env")

grafanacheck() {
	go run ./scripts/grafanacheck -url "${GRAFANA_URL:-$(address grafana 3000)}" "-evaluates=$evaluates" \
		-alerting deploy/grafana/provisioning/alerting/rules.yaml,deploy/compose/grafana "$@"
}
grafanacheck -timeout 3m

# The fault of docs/runbooks/HighFailureRate.md: half of the demo users' GET /concerts calls fail.
echo "--- a fault, and its message"
curl -sS --fail-with-body --max-time 10 -X PATCH "$api/faults" -H 'Content-Type: application/json' \
	-d '{"routes":{"/concerts":{"error":0.5,"for":"10m"}}}' >/dev/null
began=$SECONDS
grafanacheck -inbox "$inbox" -alert HighFailureRate -timeout 8m
echo "after $((SECONDS - began)) s"
curl -sS --fail-with-body --max-time 10 "$inbox" |
	jq -r '.notifications[] | "\(.time) \(.status) \(.alerts | join(" ")) \(.delivery.state)"'
