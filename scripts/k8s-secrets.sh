#!/usr/bin/env bash
# Creates the files with secrets in a directory from their examples, NAME.env.example, with a random value for
# each CHANGE_ME. It does not change existing files.
#   bash scripts/k8s-secrets.sh deploy/kubernetes/overlays/local
set -euo pipefail
umask 077
if [ $# -ne 1 ] || [ ! -d "$1" ]; then
	echo "usage: bash scripts/k8s-secrets.sh DIRECTORY, such as deploy/kubernetes/overlays/local" >&2
	exit 2
fi

# random prints 48 random hexadecimal digits, which need no escaping in a URL.
random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

shopt -s dotglob # .env is one of them
for example in "$1"/*.env.example; do
	file=${example%.example}
	if [ -e "$file" ]; then
		echo "$file already exists" >&2
		continue
	fi
	while IFS= read -r line; do
		case $line in
		*CHANGE_ME*) printf '%s%s\n' "${line%CHANGE_ME*}" "$(random)" ;;
		*) printf '%s\n' "$line" ;;
		esac
	done <"$example" >"$file.new"
	mv "$file.new" "$file" # whole, or not at all
	echo "$file was created; check it before you continue" >&2
done
