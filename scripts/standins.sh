#!/usr/bin/env bash
# Builds images from this machine's Debian packages under the names that deploy/ uses, for machines without access to a
# registry: PostgreSQL, Prometheus and Alertmanager in Debian's versions, and instead of Grafana a server that only
# answers /api/health.
#   bash scripts/standins.sh                        all four, into the engine that `docker` finds
#   bash scripts/standins.sh --prometheus FILE      with another Prometheus than Debian's
#   bash scripts/standins.sh --alertmanager FILE    with another Alertmanager
# It prints the names of the images, one on each line.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
prometheus=$(command -v prometheus || true)
alertmanager=$(command -v prometheus-alertmanager || command -v alertmanager || true)
while [ $# -gt 0 ]; do
	case $1 in
	--prometheus) prometheus=${2:?--prometheus needs a file} ;;
	--alertmanager) alertmanager=${2:?--alertmanager needs a file} ;;
	*)
		echo "usage: bash scripts/standins.sh [--prometheus FILE] [--alertmanager FILE]" >&2
		exit 2
		;;
	esac
	shift 2
done
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# image NAME prints NAME with its tag, which must be the same everywhere below deploy/.
image() {
	local found
	found=$(grep -rhoE --include='*.y*ml' "image: \"?$1:[[:alnum:]._-]+" "$here/../deploy" | sed 's/.*[ "]//' | sort -u)
	if [ "$(wc -w <<<"$found")" -ne 1 ]; then
		echo "deploy/ must use one tag of $1, and has: ${found:-none}" >&2
		exit 1
	fi
	echo "$found"
}

# program ROOT FILE [NAME] puts a program and its libraries into a root file system, and the program
# into /bin under its name if one is given.
program() {
	local root=$1 file=$2 name=${3:-} library
	if [ ! -f "$file" ]; then
		echo "missing: ${name:-$file}; see scripts/deps.sh" >&2
		exit 1
	fi
	if [ -n "$name" ]; then
		cp -L "$file" "$root/bin/$name"
	else
		cp -L --parents "$file" "$root"
	fi
	# A static program has none, and ldd fails.
	for library in $({ ldd "$file" 2>/dev/null || true; } | grep -oE '/[^ ]+'); do
		[ -e "$root$library" ] || cp -L --parents "$library" "$root"
	done
}

# root NAME makes a root file system with a shell and the users of the real images, and prints its directory.
root() {
	local root=$tmp/$1/root applet
	mkdir -p "$root"/{bin,etc,tmp,var/run} "$tmp/$1/empty"
	chmod 1777 "$root/tmp"
	program "$root" "$(command -v busybox)" busybox
	for applet in $(busybox --list); do
		[ "$applet" = busybox ] || ln -sf busybox "$root/bin/$applet"
	done
	printf '%s\n' root:x:0:0::/:/bin/sh nobody:x:65534:65534::/:/bin/sh postgres:x:999:999::/:/bin/sh grafana:x:472:472::/:/bin/sh >"$root/etc/passwd"
	printf '%s\n' root:x:0: nobody:x:65534: postgres:x:999: grafana:x:472: >"$root/etc/group"
	echo "$root"
}

# build NAME builds the image from the rest of a Dockerfile, which is standard input.
build() {
	local name
	name=$(image "$1")
	{ printf 'FROM scratch\nCOPY root /\n' && cat; } >"$tmp/$2/Dockerfile"
	DOCKER_BUILDKIT=0 docker build --quiet --tag "$name" "$tmp/$2" >"$tmp/said" 2>&1 || {
		cat "$tmp/said" >&2
		exit 1
	}
	rm -rf "${tmp:?}/$2"
	echo "$name"
}

build_prometheus() {
	local root
	root=$(root prometheus)
	program "$root" "$prometheus" prometheus
	program "$root" "$(command -v promtool)" promtool
	build prom/prometheus prometheus <<-'EOF'
		COPY --chown=65534:65534 empty /prometheus
		COPY --chown=65534:65534 empty /etc/prometheus
		USER 65534:65534
		WORKDIR /prometheus
		VOLUME /prometheus
		EXPOSE 9090
		ENTRYPOINT ["/bin/prometheus"]
		CMD ["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"]
	EOF
}

build_alertmanager() {
	local root
	root=$(root alertmanager)
	program "$root" "$alertmanager" alertmanager
	program "$root" "$(command -v amtool)" amtool
	# Debian's reads its templates from a directory.
	[ ! -d /usr/share/prometheus/alertmanager ] || cp -r --parents /usr/share/prometheus/alertmanager "$root"
	build prom/alertmanager alertmanager <<-'EOF'
		COPY --chown=65534:65534 empty /alertmanager
		COPY --chown=65534:65534 empty /etc/alertmanager
		USER 65534:65534
		WORKDIR /alertmanager
		VOLUME /alertmanager
		EXPOSE 9093
		ENTRYPOINT ["/bin/alertmanager"]
		CMD ["--config.file=/etc/alertmanager/alertmanager.yml", "--storage.path=/alertmanager"]
	EOF
}

build_grafana() {
	local root
	root=$(root grafana)
	mkdir -p "$root/www/api"
	echo '{"database": "ok", "version": "stand-in"}' >"$root/www/api/health"
	# The first process of a container ignores SIGTERM unless it handles it.
	build grafana/grafana grafana <<-'EOF'
		COPY --chown=472:472 empty /var/lib/grafana
		USER 472:472
		VOLUME /var/lib/grafana
		EXPOSE 3000
		ENTRYPOINT ["/bin/sh", "-c", "trap 'exit 0' TERM INT; httpd -f -p 3000 -h /www & wait"]
	EOF
}

build_postgres() {
	local root lib version file
	lib=$(printf '%s\n' /usr/lib/postgresql/*/bin/initdb | sort -V | tail -1)
	lib=${lib%/bin/initdb}
	version=${lib##*/}
	root=$(root postgres)
	for file in initdb postgres pg_ctl pg_isready psql pg_dump pg_dumpall pg_restore; do
		program "$root" "$lib/bin/$file"
	done
	for file in "$lib"/lib/*.so; do
		[[ $file == */llvmjit* ]] || program "$root" "$file"
	done
	cp -r --parents "/usr/share/postgresql/$version" /usr/share/zoneinfo "$root"
	# Like that of the real image, so that a tmpfs in its place can be written by any user.
	mkdir -m 3777 "$root/var/run/postgresql"
	cp "$here/standins/postgres.sh" "$root/bin/docker-entrypoint.sh"
	chmod 755 "$root/bin/docker-entrypoint.sh"
	build postgres postgres <<-EOF
		COPY --chown=999:999 empty /var/lib/postgresql/data
		ENV PATH=$lib/bin:/bin PGDATA=/var/lib/postgresql/data
		USER 999:999
		VOLUME /var/lib/postgresql/data
		EXPOSE 5432
		STOPSIGNAL SIGINT
		ENTRYPOINT ["/bin/docker-entrypoint.sh"]
		CMD ["postgres"]
	EOF
}

build_prometheus
build_alertmanager
build_grafana
build_postgres
