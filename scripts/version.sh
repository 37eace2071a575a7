#!/usr/bin/env bash
# Prints the version, the commit or the date of this commit: version.sh version|commit|date. All three depend only on
# the commit and its tags, so that two builds of one commit are equal. Without a repository, such as in an
# archive of the source, they are "dev" and "unknown".
set -euo pipefail
cd "$(dirname "$0")/.."

# A repository around an unpacked archive is another one.
if ! up=$(git rev-parse --show-cdup 2>/dev/null) || [ -n "$up" ]; then
	if [ "$1" = version ]; then echo dev; else echo unknown; fi
	exit
fi
case $1 in
# A tag, such as v1.2.3; after it v1.2.3-4-g0123abc; without one 0123abc. Changes add -dirty.
version) git describe --tags --match 'v[0-9]*' --always --abbrev=7 --dirty ;;
commit) git rev-parse HEAD ;;
date) TZ=UTC git log -1 --format=%cd --date=format-local:%Y-%m-%dT%H:%M:%SZ ;;
*)
	echo "usage: version.sh version|commit|date" >&2
	exit 2
	;;
esac
