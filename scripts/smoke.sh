#!/usr/bin/env bash
# Starts the binary, sells out a concert, makes the calls of the earlier services, and stops it: smoke.sh [BINARY]
set -euo pipefail
cd "$(dirname "$0")/.."

binary=${1:-bin/onsale}
tmp=$(mktemp -d)
pid=

cleanup() {
	status=$?
	if [ -n "$pid" ]; then
		kill -KILL "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	fi
	if [ "$status" -ne 0 ] && [ -s "$tmp/log" ]; then
		echo "--- the server's log:" >&2
		cat "$tmp/log" >&2
	fi
	rm -rf "$tmp"
}
trap cleanup EXIT

fail() {
	echo "smoke: $*" >&2
	exit 1
}

token= # what item calls send

# call STATUS PATTERN METHOD PATH [JSON] fails unless the answer has the status and, on one of its
# lines, the pattern. The body is left in $tmp/body.
call() {
	local want=$1 pattern=$2 method=$3 path=$4 got
	local args=(-sS --max-time 10 -o "$tmp/body" -w '%{http_code}' -X "$method")
	if [ $# -gt 4 ]; then
		args+=(-H 'Content-Type: application/json' -d "$5")
	fi
	if [ -n "$token" ]; then
		args+=(-H "Token: $token")
	fi
	: >"$tmp/body" # curl leaves the old body when the new one is empty
	got=$(curl "${args[@]}" "http://$address$path")
	echo "$method $path: $got"
	if [ "$got" != "$want" ]; then
		fail "$method $path answered $got, want $want: $(head -c 2000 "$tmp/body")"
	fi
	if [ -n "$pattern" ] && ! grep -Eq "$pattern" "$tmp/body"; then
		fail "$method $path answered without '$pattern': $(head -c 2000 "$tmp/body")"
	fi
}

# The caller's environment must not select the database or the admin token.
env -u DATABASE_URL -u ONSALE_ADMIN_TOKEN -u ONSALE_TOKEN_KEY -u DISCORD_URL -u DISCORD_MENTION \
	"$binary" up --listen 127.0.0.1:0 --data-dir "$tmp/data" --faults off 2>"$tmp/log" &
pid=$!

address=
for _ in $(seq 300); do
	address=$(sed -n 's#.*ready on http://\([0-9A-Za-z.:]*\).*#\1#p' "$tmp/log")
	if [ -n "$address" ]; then
		break
	fi
	kill -0 "$pid" 2>/dev/null || fail "the server ended before it was ready"
	sleep 0.1
done
[ -n "$address" ] || fail "the server was not ready within 30 s"
echo "ready on $address"

# The monitoring opens its files after the API is ready.
for _ in $(seq 300); do
	if curl -sf -o "$tmp/body" "http://$address/-/ready"; then
		break
	fi
	sleep 0.1
done

echo "--- the contract's calls"
call 200 '"users": *0' PUT /crowd '{"users":0}'
call 200 '' GET /health
[ ! -s "$tmp/body" ] || fail "GET /health answered a body"
call 200 '' GET /ready
call 200 '"status": *"created"' POST /concerts/new \
	'{"title":"Smoke","date":"2030-01-01","venue":"Hall","number_of_tickets":3}'
id=$(grep -o '"id": *[0-9]*' "$tmp/body" | head -n 1 | tr -dc 0-9)
[ -n "$id" ] || fail "the new concert has no id"
call 200 "\"id\": *${id}[,}]" GET /concerts
call 200 '"status": *"success"' POST "/buy/$id" '{"user_email":"smoke@example.com","quantity":2}'
call 200 '"status": *"success"' POST "/buy_random_deny/$id" '{"user_email":"smoke@example.com","quantity":1}'
call 409 '"Concert sold out"' POST "/buy/$id" '{"user_email":"smoke@example.com","quantity":1}'
call 404 '"Concert not found"' POST /buy/999999 '{"user_email":"smoke@example.com","quantity":1}'
call 422 'quantity' POST "/buy/$id" '{"user_email":"smoke@example.com","quantity":-5}'
call 200 '^http_requests_total\{.*endpoint="/buy/\{concert_id\}"' GET /metrics

call 403 '"error": *"Unauthorized"' POST /api/items
token=anything
call 403 '"error": *"Unauthorized"' POST /api/items
token=
call 200 '"token": *"' POST /api/token
token=$(sed -E 's/.*"token": *"([^"]*)".*/\1/' "$tmp/body")
call 201 '"status": *"item created"' POST /api/items '{"name":"smoke"}'
item=$(sed -E 's/.*"item_id": *"([^"]*)".*/\1/' "$tmp/body")
call 200 '"status": *"item deleted"' DELETE "/api/items/$item"
call 404 '"error": *"Item not found"' DELETE "/api/items/$item"
token=
call 200 '^total_items_created_total [1-9]' GET /metrics

echo "--- what stands beside the API"
call 200 '<title>' GET /
call 200 '"status": *"success"' GET '/api/v1/query?query=up'
call 200 '"status": *"success"' GET /api/v1/rules
call 200 '' GET /api/v2/status
call 200 '"notifications"' GET /inbox
call 200 '"no_series"' GET /coverage
call 200 'HighFailureRate' GET /runbooks/
call 200 '' GET /docs
call 200 '"openapi": *"3' GET /openapi.json

echo "--- SIGTERM"
kill -TERM "$pid"
for _ in $(seq 300); do
	kill -0 "$pid" 2>/dev/null || break
	sleep 0.1
done
kill -0 "$pid" 2>/dev/null && fail "the server did not stop within 30 s of SIGTERM"
code=0
wait "$pid" || code=$?
pid=
[ "$code" -eq 0 ] || fail "the server exited $code after SIGTERM, want 0"
echo "smoke: ok"
