#!/usr/bin/env bash
# Runs the Postman collection against test servers: postman.sh [BINARY]
#
# It runs once as a whole against `onsale up` with its default faults, and folder by folder against `onsale
# serve` with an admin token and with denials. Both start with empty databases. Afterwards the fault plan and the
# demo users must be the same as before.
set -euo pipefail
cd "$(dirname "$0")/.."

binary=${1:-bin/onsale}
collection=deploy/postman/onsale.postman_collection.json
newman=tools/newman/node_modules/.bin/newman
tmp=$(mktemp -d)
pids=()

cleanup() {
	status=$?
	for pid in "${pids[@]}"; do
		kill -TERM "$pid" 2>/dev/null || true
	done
	for pid in "${pids[@]}"; do
		wait "$pid" 2>/dev/null || true
	done
	if [ "$status" -ne 0 ]; then
		for log in "$tmp"/*.log; do
			echo "--- the server's ${log##*/}:" >&2
			cat "$log" >&2
		done
	fi
	rm -rf "$tmp"
}
trap cleanup EXIT

fail() {
	echo "postman: $*" >&2
	exit 1
}

# start NAME ARGUMENT... starts a server with a data directory of its own on a free port.
start() {
	local name=$1
	shift
	# The environment of the person who runs this chooses neither the database nor where alerts go.
	env -u DATABASE_URL -u ONSALE_TOKEN_KEY -u DISCORD_URL -u DISCORD_MENTION ONSALE_ADMIN_TOKEN="$token" \
		"$binary" "$@" --listen 127.0.0.1:0 --data-dir "$tmp/$name" 2>"$tmp/$name.log" &
	pids+=($!)
}

# port NAME waits until the server is ready and sets $port to its port.
port() {
	for _ in $(seq 300); do
		port=$(sed -n 's#.*ready on http://127\.0\.0\.1:\([0-9]*\).*#\1#p' "$tmp/$1.log")
		[ -z "$port" ] || return 0
		sleep 0.1
	done
	fail "onsale $1 was not ready within 30 s"
}

# run ARGUMENT... runs the collection against the server at $port.
run() {
	"$newman" run "$collection" --env-var "port=$port" --env-var "admin_token=$token" \
		--timeout 120000 --timeout-request 15000 --reporters cli --reporter-cli-no-banner --color off "$@"
}

# settings PATH prints the settings that the collection must not change.
settings() {
	curl -sS --fail --max-time 10 -H "Authorization: Bearer $token" "http://127.0.0.1:$port$1" |
		node -e '
			const { plan, in_force, users, scenario } = JSON.parse(require("fs").readFileSync(0));
			console.log(JSON.stringify({ plan, in_force, users, scenario }));
		'
}

# unchanged PATH COMMAND... runs the command and compares the settings at the path before and after.
unchanged() {
	local path=$1 before after
	shift
	before=$(settings "$path")
	"$@"
	after=$(settings "$path")
	[ "$before" = "$after" ] || fail "$path was $before, and the collection has left $after"
}

[ -x "$newman" ] || fail "newman is missing: run make postman"

token= # what a server is started with, and the collection sends
start up up
echo "--- the whole collection against onsale up, without an admin token"
(
	port up
	unchanged /crowd unchanged /faults run
) >"$tmp/up.out" 2>&1 &
up=$!
pids+=("$up")

token=$(openssl rand -hex 16)
# The default plan denies one purchase in ten; this run needs both answers.
echo '{"routes": {"/buy_random_deny/{concert_id}": {"deny": 1}}}' >"$tmp/plan.json"
start serve serve --faults "$tmp/plan.json"
port serve
echo "--- each folder alone against onsale serve, with an admin token"
for folder in Sale Items Operate Watching; do
	unchanged /faults run --folder "$folder"
done

echo "--- a wrong admin token must be noticed"
token=$(openssl rand -hex 16)
if run --folder Operate >"$tmp/wrong.out"; then
	cat "$tmp/wrong.out"
	fail "the collection is green with a wrong admin token"
fi
grep -q 'expected response to have status code 200 but got 401' "$tmp/wrong.out" || {
	cat "$tmp/wrong.out"
	fail "the collection did not fail for the wrong admin token"
}

code=0
wait "$up" || code=$?
cat "$tmp/up.out"
[ "$code" -eq 0 ] || fail "the collection failed against onsale up"
echo "postman: ok"
