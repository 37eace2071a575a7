#!/bin/sh
# The entrypoint of the stand-in for the image postgres. It reads POSTGRES_USER, POSTGRES_PASSWORD,
# POSTGRES_DB and PGDATA as the real one does, and never runs as root.
set -eu
umask 077
user=${POSTGRES_USER:-postgres}
database=${POSTGRES_DB:-$user}

if [ $# -eq 0 ] || [ "${1#-}" != "$1" ]; then
	set -- postgres "$@"
fi
if [ "$1" != postgres ]; then
	exec "$@"
fi
if [ ! -s "$PGDATA/PG_VERSION" ]; then
	: "${POSTGRES_PASSWORD:?must be set while the volume is empty}"
	mkdir -p "$PGDATA"
	printf '%s' "$POSTGRES_PASSWORD" >/tmp/password
	initdb --pgdata "$PGDATA" --username "$user" --pwfile /tmp/password --encoding UTF8 --no-locale \
		--auth-local trust --auth-host scram-sha-256
	rm /tmp/password
	echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
	if [ "$database" != postgres ]; then
		printf 'CREATE DATABASE "%s";\n' "$database" | postgres --single -D "$PGDATA" postgres >/dev/null
	fi
fi
shift
exec postgres -D "$PGDATA" -c listen_addresses='*' "$@"
