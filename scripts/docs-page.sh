#!/usr/bin/env bash
# Runs the blocks of one page: docs-page.sh PAGE DIRECTORY SCRIPT. docs/run_test.go calls it as the first process of namespaces of
# its own (network, processes, mounts), so that ports are free, the page cannot reach other servers, and all processes of
# the page end with it.
#
# DIRECTORY/tree is a copy of the repository, and takes the place of the working directory. What the
# block at line N prints is in DIRECTORY/out/N. SCRIPT is the page in which all lines are empty except those that run.
set -Eeuo pipefail

page=$1 directory=$2 script=$3
root=$PWD
out=$directory/out
current=0   # the line of the block that runs
background= # the last block that was left running

ip link set lo up
# The same path as that of the repository: Go's cache depends on it.
mount --bind "$directory/tree" "$root"
cd "$root"
mkdir -p "$out"
exec 3>&2

# begin LINE
begin() {
	current=$1
	echo "$current" >"$directory/current"
	exec >"$out/$current" 2>&1
}

end() {
	exec >&3 2>&3
}

# started TEXT waits until the text is in the output of the block that was just left running.
started() {
	background=$!
	local file=$out/$current line=$current
	end
	until grep -qF -e "$1" "$file"; do
		if ! kill -0 "$background" 2>/dev/null; then
			echo "$page:$line: ended before it said '$1'" >&2
			exit 1
		fi
		sleep 0.1
	done
	# Prometheus starts in a process of its own. A reader goes on later than a script does.
	local prometheus
	prometheus=$(sed -n 's|.*Prometheus \(http://[^ ]*\) .*|\1|p' "$file" | head -n 1)
	if [ -n "$prometheus" ]; then
		command curl -sf --max-time 5 --retry 60 --retry-delay 1 -o /dev/null "$prometheus/query?query=1"
	fi
}

# interrupt [STATUS] is the reader's Ctrl-C in the terminal of the last block that was left running. It must
# end with the status, 0 by default.
interrupt() {
	local status=0
	kill -INT -- "-$background"
	wait "$background" || status=$?
	if [ "$status" -ne "${1:-0}" ]; then
		echo "$page: the block that was interrupted ended with status $status, expected ${1:-0}" >&3
		exit 1
	fi
}

# expecting precedes a block that must fail, and ended follows it.
expecting() {
	trap - ERR
	set +e
}

# ended GOT WANT...
ended() {
	local got=$1
	shift
	set -e
	trap failed ERR
	if [[ " $* " != *" $got "* ]]; then
		echo "$page:$current: ended with status $got, expected $*" >&3
		exit 1
	fi
}

# failed prints the current line of the page.
failed() {
	local status=$? i
	for i in "${!BASH_SOURCE[@]}"; do
		if [ "${BASH_SOURCE[$i]}" = "$script" ]; then
			echo "$page:${BASH_LINENO[$((i - 1))]}: ended with status $status" >&3
			break
		fi
	done
	return "$status"
}

# An error response fails the block, and every request has a time limit.
curl() {
	command curl --fail-with-body --max-time 60 "$@"
}

trap failed ERR
set -m # a process group for each block that is left running, as in a terminal
# shellcheck disable=SC1090 # it is the page
source "$script"
