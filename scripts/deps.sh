#!/usr/bin/env bash
# Installs what the project needs beyond Go: deps.sh PACKAGE... with Debian's package names.
# What is there already, from a package or not, is left alone.
set -euo pipefail

# present PACKAGE says whether the machine has what the package brings.
present() {
	case $1 in
	build-essential) command -v gcc >/dev/null && command -v make >/dev/null ;;
	# Debian and Ubuntu keep the server's programs out of PATH.
	postgresql)
		command -v initdb >/dev/null || command -v postgres >/dev/null ||
			compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null
		;;
	python3-locust) command -v locust >/dev/null ;;
	*) command -v "$1" >/dev/null ;;
	esac
}

missing=()
for package in "$@"; do
	present "$package" || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then
	exit 0
fi
if ! command -v apt-get >/dev/null; then
	echo "missing: install ${missing[*]} (Debian's names) with your system's package manager" >&2
	exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
	echo "missing: run: sudo apt-get install --no-install-recommends ${missing[*]}" >&2
	exit 1
fi

# Debian starts a server on port 5432 as soon as it installs one, unless this file is there
# before. The tests start servers of their own.
conf=/etc/postgresql-common/createcluster.conf
if [[ " ${missing[*]} " == *" postgresql "* && ! -e $conf ]]; then
	mkdir -p "${conf%/*}"
	cat >"$conf" <<-'EOF'
		# The server was installed to run tests and has no cluster of its own.
		# Without this line an installed server gets one, as usual.
		create_main_cluster = false
	EOF
fi

export DEBIAN_FRONTEND=noninteractive UCF_FORCE_CONFFOLD=1
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}"

for package in "${missing[@]}"; do
	if ! present "$package"; then
		echo "missing: $package was installed, but what it should bring is not there" >&2
		exit 1
	fi
done
