#!/usr/bin/env bash
# Prints the cloud-init user data of a machine that serves Onsale, on Amazon Linux 2023 or Debian 12:
#
#   user-data.sh URL SHA256   the machine fetches a release archive at its first boot
#   user-data.sh              the machine waits for a binary that you copy
#
# User data is not secret: every process of the machine can read it. The admin token is created on the
# machine itself.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")

fail() {
	echo "user-data.sh: $*" >&2
	exit 2
}

arguments=
case $# in
0) ;;
2)
	url='^https://[][A-Za-z0-9._~:/?#@!$&()*+,;=%-]+$'
	[[ $1 =~ $url ]] || fail "URL must be that of a release archive and begin with https://, not: $1"
	[[ $2 =~ ^[0-9a-f]{64}$ ]] || fail "SHA256 must be 64 digits of lower case hexadecimal, not: $2"
	arguments=", \"$1\", \"$2\""
	;;
*) fail "give URL SHA256, or nothing" ;;
esac

# content FILE prints the file as a block of YAML.
content() { sed 's/^\(.\)/      \1/' "$here/$1"; }

cat <<YAML
#cloud-config
write_files:
  - path: /etc/systemd/system/onsale.service
    permissions: "0644"
    content: |
$(content onsale.service)
  - path: /usr/local/sbin/onsale-install
    permissions: "0755"
    content: |
$(content install.sh)
runcmd:
  - [/usr/local/sbin/onsale-install$arguments]
YAML
