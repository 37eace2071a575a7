#!/usr/bin/env bash
# Starts Debian's PostgreSQL in place of a container that the reader starts: docs-postgres.sh PORT PASSWORD.
# As in the image, the superuser and the database are named after POSTGRES_USER, which is onsale here. It ends with the
# page's namespaces (scripts/docs-page.sh), and so does its directory.
set -euo pipefail

port=$1 password=$2
bin=$(dirname "$(compgen -G '/usr/lib/postgresql/*/bin/initdb' | sort -V | tail -n 1)")
if ! mountpoint -q /mnt; then
	mount -t tmpfs -o size=512m tmpfs /mnt
fi
mkdir -m 700 "/mnt/$port"
echo "$password" >"/mnt/$port/password"
as=()
if [ "$(id -u)" -eq 0 ]; then # PostgreSQL does not run as root
	chown -R postgres: "/mnt/$port"
	as=(setpriv --reuid=postgres --regid=postgres --clear-groups)
fi
cd /mnt
"${as[@]}" "$bin/initdb" --pgdata="/mnt/$port/data" --username=onsale --pwfile="/mnt/$port/password" \
	--auth=scram-sha-256 --encoding=UTF8 --no-sync >"/mnt/$port.log"
"${as[@]}" "$bin/pg_ctl" --pgdata="/mnt/$port/data" --wait --log="/mnt/$port/log" \
	--options="-p $port -h 127.0.0.1 -k /mnt/$port -c fsync=off" start >>"/mnt/$port.log"
PGPASSWORD=$password "$bin/createdb" -h 127.0.0.1 -p "$port" -U onsale onsale
