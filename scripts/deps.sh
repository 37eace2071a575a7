#!/usr/bin/env bash
# Installs what the project needs beyond Go: deps.sh PACKAGE... with Debian's package names.
# It does not touch existing programs, from a package or not.
set -euo pipefail

# present PACKAGE succeeds if the machine has the programs of the package.
present() {
	case $1 in
	build-essential) command -v gcc >/dev/null && command -v make >/dev/null ;;
	# Debian and Ubuntu keep the server's programs out of PATH.
	postgresql)
		command -v initdb >/dev/null || command -v postgres >/dev/null ||
			compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null
		;;
	# Debian keeps it out of a user's PATH.
	pgbouncer) command -v pgbouncer >/dev/null || [ -x /usr/sbin/pgbouncer ] ;;
	busybox-static) command -v busybox >/dev/null ;;
	nodejs) command -v node >/dev/null ;;
	python3-locust) command -v locust >/dev/null ;;
	chromium) command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null ;;
	prometheus) command -v prometheus >/dev/null && command -v promtool >/dev/null ;;
	docker.io) command -v dockerd >/dev/null && command -v docker >/dev/null ;;
	iproute2) command -v ip >/dev/null ;;
	etcd-server) command -v etcd >/dev/null ;;
	containernetworking-plugins) [ -x /usr/lib/cni/bridge ] ;;
	prometheus-alertmanager) command -v amtool >/dev/null ;;
	# The tests that need them are for Linux alone.
	systemd) [ "$(uname -s)" != Linux ] || command -v systemd-analyze >/dev/null ;;
	cloud-init) [ "$(uname -s)" != Linux ] || command -v cloud-init >/dev/null ;;
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

# Ubuntu's Chromium has another name.
if grep -qs '^ID=ubuntu' /etc/os-release; then
	missing=("${missing[@]/#%chromium/chromium-browser}")
fi

# Tests start these programs on their own ports. Without this file some packages
# start servers immediately.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
	printf '#!/bin/sh\nexit 101\n' >$policy
	chmod +x $policy
	trap 'rm -f $policy' EXIT
fi

# Debian starts a server on port 5432 as soon as it is installed, unless this file exists
# before. The tests start their own servers.
conf=/etc/postgresql-common/createcluster.conf
if [[ " ${missing[*]} " == *" postgresql "* && ! -e $conf ]]; then
	mkdir -p "${conf%/*}"
	cat >"$conf" <<-'EOF'
		# The server was installed to run tests and has no cluster of its own.
		# Without this line an installed server gets one, as usual.
		create_main_cluster = false
	EOF
fi

# cloud-init is needed to check user data. Without this file it would reconfigure this machine at its
# next boot, if it is in a cloud.
if [[ " ${missing[*]} " == *" cloud-init "* && ! -e /etc/cloud/cloud-init.disabled ]]; then
	mkdir -p /etc/cloud
	touch /etc/cloud/cloud-init.disabled
fi

export DEBIAN_FRONTEND=noninteractive UCF_FORCE_CONFFOLD=1
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}"

# They are not started at the next boot either.
for package in "${missing[@]}"; do
	case $package in
	pgbouncer | prometheus | prometheus-alertmanager) systemctl disable --quiet "$package" 2>/dev/null || true ;;
	docker.io) systemctl disable --quiet docker.service docker.socket containerd 2>/dev/null || true ;;
	esac
done

for package in "${missing[@]/#%chromium-browser/chromium}"; do
	if ! present "$package"; then
		echo "missing: $package was installed, but its programs were not found" >&2
		exit 1
	fi
done
