#!/bin/bash
# Installs or updates Onsale on this machine, and starts it. cloud-init runs it at the first boot; run
# it again, as root, for another version.
#
#   onsale-install URL SHA256   fetches a release archive (.tar.gz) whose SHA-256 is known
#   onsale-install FILE         installs a binary that you copied to this machine
#   onsale-install              prepares the machine for a binary that you copy later
#
# Nothing is compiled here. A download that has another hash, or a binary that does not run on this
# machine, changes nothing.
set -euo pipefail

# Tests set another root directory.
root=${ONSALE_ROOT:-}
bin=$root/usr/local/bin
etc=$root/etc/onsale

# The maximum size of an archive, in bytes.
max_archive=209715200

fail() {
	echo "onsale-install: $*" >&2
	exit 1
}

tmp=$(mktemp -d "$root/var/tmp/onsale.XXXXXX")
new=$bin/.onsale.new
trap 'rm -rf "$tmp" "$new"' EXIT

# An older systemd would run the server as root, see onsale.service.
version=$(systemctl --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p')
[ "${version:-0}" -ge 250 ] || fail "systemd is version ${version:-unknown}, and must be 250 or newer: use Amazon Linux 2023 or Debian 12"

# need PROGRAM installs a program that a minimal image lacks.
need() {
	if command -v "$1" >/dev/null; then
		return
	elif command -v dnf >/dev/null; then
		dnf install -y -q "$1"
	else
		apt-get update -qq
		apt-get install -y -qq "$1"
	fi
}

# fetch URL SHA256 leaves the binary of a release archive in $tmp/onsale.
fetch() {
	local archive=$tmp/archive.tar.gz got
	case $1 in https://*) ;; *) fail "the address of the archive must begin with https://, not: $1" ;; esac
	need curl
	need tar
	curl --fail --silent --show-error --location --proto '=https' --connect-timeout 10 --max-time 600 \
		--retry 5 --max-filesize $max_archive --output "$archive" -- "$1"
	got=$(sha256sum "$archive" | cut -d ' ' -f 1)
	[ "$got" = "$2" ] || fail "the archive has the SHA-256 $got, not $2: nothing was installed"
	mapfile -t found < <(tar -tzf "$archive" | grep -E '(^|/)onsale$')
	[ ${#found[@]} -eq 1 ] || fail "the archive must have one file named onsale, not ${#found[@]}"
	tar -xzOf "$archive" -- "${found[0]}" >"$tmp/onsale"
}

case $# in
0) ;;
1) cp -- "$1" "$tmp/onsale" ;;
2) fetch "$1" "$2" ;;
*) fail "give URL SHA256, FILE or nothing, not $# arguments" ;;
esac

umask 077
install -d -m 0755 "$etc"
if [ ! -e "$etc/admin-token" ]; then
	head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$tmp/admin-token"
	mv "$tmp/admin-token" "$etc/admin-token"
fi
if [ ! -e "$etc/onsale.env" ]; then
	cat >"$etc/onsale.env" <<'SETTINGS'
# Settings of onsale.service, one NAME=value a line, without export. `systemctl restart onsale` applies
# them. Every flag of `onsale serve --help` has such a name.
#
# PostgreSQL in place of the SQLite file in /var/lib/onsale:
# DATABASE_URL=postgres://USER:PASSWORD@HOST:5432/NAME?sslmode=verify-full&sslrootcert=/etc/onsale/rds.pem
#
# Purchases without the simulated delays and denials:
# ONSALE_FAULTS=off
SETTINGS
fi

if [ -e "$tmp/onsale" ]; then
	# The new binary is tried where it will run: /var/tmp may forbid that.
	install -m 0755 "$tmp/onsale" "$new"
	said=$("$new" version 2>&1) || fail "the binary does not run on this machine ($(uname -m)): $said"
	mv -f "$new" "$bin/onsale"
	echo "onsale-install: $said"
fi
systemctl daemon-reload
systemctl enable onsale.service
systemctl restart onsale.service
