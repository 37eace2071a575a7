#!/usr/bin/env bash
# Gives each student of a class a namespace on one Kubernetes cluster, with Onsale, a quota and a
# kubeconfig that only reaches this namespace. docs/tutorials/class.md explains it.
#
#   class.sh create STUDENTS     creates missing namespaces, and writes new kubeconfigs
#   class.sh list                shows the namespaces of the class
#   class.sh delete [STUDENTS]   deletes them, or those of some students
#
# STUDENTS is a number, such as 30, or a file with one name per line. Flags:
#   --class NAME    prefix of the namespaces, "class" by default. One cluster can have several classes
#   --output DIR    directory of the kubeconfigs, "class-kubeconfigs" by default
#   --valid TIME    how long a kubeconfig is valid, "12h" by default. The cluster can limit it
#   --yes           deletes without confirmation
#
# It uses the cluster of kubectl's current context, and needs administrator rights there.
set -euo pipefail
export LC_ALL=C
umask 077
manifests=$(dirname "${BASH_SOURCE[0]}")/../deploy/kubernetes/class

# The maximum number of students of a class, and of characters of a namespace's name.
max_students=200
max_name=63
# The time limit for all pods of the class to become ready, in seconds.
ready_limit=600

class=class output=class-kubeconfigs valid=12h yes=
label='^[a-z0-9]([a-z0-9-]*[a-z0-9])?$'

# Exit code 2 is a usage error: nothing was changed.
fail() {
	echo "class.sh: $*" >&2
	exit 2
}

usage() {
	sed -n '2,/^set -/p' "${BASH_SOURCE[0]}" | sed -e '$d' -e 's/^# \{0,1\}//'
}

# read_students STUDENTS sets namespaces to the names of their namespaces.
read_students() {
	namespaces=()
	if [[ $1 =~ ^[0-9]+$ ]]; then
		if ! [[ $1 =~ ^0*[1-9][0-9]{0,2}$ ]] || [ "$((10#$1))" -gt $max_students ]; then
			fail "the number of students must be 1 to $max_students, not $1"
		fi
		local i
		for ((i = 1; i <= 10#$1; i++)); do
			namespaces+=("$(printf '%s-%02d' "$class" "$i")")
		done
		return
	fi
	if [ -d "$1" ] || [ ! -r "$1" ]; then
		fail "STUDENTS must be a number or a file of names, and there is no file $1 to read"
	fi
	local line number=0 wrong=0
	while IFS= read -r line || [ -n "$line" ]; do
		number=$((number + 1))
		# What Windows adds: a byte order mark, carriage returns.
		line=${line#$'\xef\xbb\xbf'}
		line=$(printf '%s' "$line" | sed -e 's/#.*//' -e 's/^[[:space:]]*//' -e 's/[[:space:]]*$//')
		[ -n "$line" ] || continue
		local say=
		if ! [[ $line =~ $label ]]; then
			say="a name may have lower-case letters, digits and hyphens, and must begin and end with a letter or digit"
		elif [ $((${#class} + 1 + ${#line})) -gt $max_name ]; then
			say="the name may have $((max_name - ${#class} - 1)) characters, and has ${#line}"
		elif [[ " ${namespaces[*]-} " == *" $class-$line "* ]]; then
			say="the name appears twice"
		else
			namespaces+=("$class-$line")
			continue
		fi
		printf 'class.sh: %s:%d: %q: %s\n' "$1" "$number" "$line" "$say" >&2
		wrong=$((wrong + 1))
	done < <(tr -d '\0' <"$1")
	[ $wrong -eq 0 ] || fail "$wrong wrong names: nothing was changed"
	[ ${#namespaces[@]} -gt 0 ] || fail "$1 contains no names"
	[ ${#namespaces[@]} -le $max_students ] || fail "$1 has ${#namespaces[@]} names; the maximum is $max_students"
}

# read_cluster sets there to a line for each namespace of the cluster: its name, phase and class.
read_cluster() {
	there=$(kubectl get namespaces --output \
		'jsonpath={range .items[*]}{.metadata.name} {.status.phase} {.metadata.labels.onsale-class}{"\n"}{end}')
}

# of_class NAMESPACE prints whether a namespace belongs to the class: yes, no, ending, or nothing if it does not exist.
of_class() {
	awk -v name="$1" -v class="$class" '$1 == name { print $3 != class ? "no" : $2 == "Terminating" ? "ending" : "yes" }' <<<"$there"
}

# where prints the cluster.
where() {
	printf 'context %s, %s' "$(kubectl config current-context)" \
		"$(kubectl config view --minify --output 'jsonpath={.clusters[0].cluster.server}')"
}

# kubeconfig NAMESPACE writes a student's kubeconfig, and sets until to its expiry time.
kubeconfig() {
	local answer file=$output/$1.kubeconfig
	answer=$(kubectl --namespace "$1" create token student --duration "$valid" \
		--output 'jsonpath={.status.token} {.status.expirationTimestamp}')
	until=${answer#* }
	cat >"$file.new" <<YAML
apiVersion: v1
kind: Config
clusters: [{name: class, cluster: $cluster}]
users: [{name: student, user: {token: "${answer%% *}"}}]
contexts: [{name: class, context: {cluster: class, user: student, namespace: "$1"}}]
current-context: class
YAML
	mv "$file.new" "$file"
}

create() {
	read_students "$1"
	read_cluster
	local name wrong=0
	for name in "${namespaces[@]}"; do
		case $(of_class "$name") in
		no) echo "class.sh: the namespace $name exists, but does not belong to the class $class" >&2 ;;
		ending) echo "class.sh: the namespace $name is being deleted: try again when it is gone" >&2 ;;
		*) continue ;;
		esac
		wrong=$((wrong + 1))
	done
	[ $wrong -eq 0 ] || fail "$wrong namespaces cannot be used: nothing was changed. --class NAME chooses other names"

	local template cluster until step=0
	template=$(kubectl kustomize "$manifests")
	# With the certificate in it, so that the file works anywhere.
	cluster=$(kubectl config view --minify --raw --flatten --output 'jsonpath={.clusters[0].cluster}')
	mkdir -p "$output"
	echo "Making ${#namespaces[@]} namespaces on $(where)"
	for name in "${namespaces[@]}"; do
		step=$((step + 1))
		sed -e "s/STUDENT_NAMESPACE/$name/" -e "s/CLASS_NAME/$class/" <<<"$template" | kubectl apply --filename - >/dev/null
		kubeconfig "$name"
		echo "$step/${#namespaces[@]} $name: $output/$name.kubeconfig, valid until $until"
	done

	echo "Waiting until every Onsale can sell"
	local deadline=$((SECONDS + ready_limit)) left
	for name in "${namespaces[@]}"; do
		left=$((deadline > SECONDS ? deadline - SECONDS : 1))
		if ! kubectl --namespace "$name" rollout status deployment/onsale --timeout "${left}s" >/dev/null; then
			echo "class.sh: $name is not ready: kubectl --namespace $name describe pods,replicasets" >&2
			wrong=$((wrong + 1))
		fi
	done
	if [ $wrong -gt 0 ]; then
		echo "class.sh: $wrong of ${#namespaces[@]} are not ready" >&2
		exit 1
	fi
	echo "All ${#namespaces[@]} are ready"
}

list() {
	kubectl get namespaces --selector "onsale-class=$class" --sort-by .metadata.name
}

delete() {
	read_cluster
	local all name doomed=()
	all=$(awk -v class="$class" '$3 == class { print $1 }' <<<"$there")
	if [ $# -eq 1 ]; then
		read_students "$1"
		for name in "${namespaces[@]}"; do
			case $(of_class "$name") in
			no) fail "the namespace $name does not belong to the class $class: nothing was deleted" ;;
			"") echo "$name does not exist" ;;
			*) doomed+=("$name") ;;
			esac
		done
	else
		for name in $all; do doomed+=("$name"); done
	fi
	if [ -z "${doomed[*]-}" ]; then
		echo "There is no namespace to delete on $(where)"
		return
	fi
	echo "On $(where):"
	printf '  %s\n' "${doomed[@]}"
	if [ -z "$yes" ]; then
		[ -t 0 ] || fail "deleting without a terminal needs --yes: nothing was deleted"
		local answer
		read -rp "Delete these ${#doomed[@]} namespaces and all that is in them? Type yes: " answer
		[ "$answer" = yes ] || fail "nothing was deleted"
	fi
	kubectl delete namespace --timeout 15m -- "${doomed[@]}"
	for name in "${doomed[@]}"; do
		rm -f -- "$output/$name.kubeconfig"
	done
	echo "Deleted, with their kubeconfigs: ${#doomed[@]}"
}

arguments=()
while [ $# -gt 0 ]; do
	case $1 in
	--class | --output | --valid)
		[ -n "${2-}" ] || fail "$1 needs a value"
		printf -v "${1#--}" '%s' "$2"
		shift
		;;
	--class=?* | --output=?* | --valid=?*)
		flag=${1%%=*}
		printf -v "${flag#--}" '%s' "${1#*=}"
		;;
	--yes) yes=1 ;;
	-h | --help) usage && exit ;;
	-*) fail "unknown flag $1; --help lists all flags" ;;
	*) arguments+=("$1") ;;
	esac
	shift
done
if ! [[ $class =~ $label ]] || [ ${#class} -gt 30 ]; then
	fail "--class must be 1 to 30 lower-case letters, digits and hyphens, with a letter or digit at both ends, not $class"
fi
[[ $valid =~ ^[0-9]+[smh]$ ]] || fail "--valid must be a time such as 12h or 90m, not $valid"
command -v kubectl >/dev/null || fail "kubectl is not installed: https://kubernetes.io/docs/tasks/tools/"
case "${arguments[0]-}/$((${#arguments[@]} - 1))" in
create/1) create "${arguments[1]}" ;;
list/0) list ;;
delete/0) delete ;;
delete/1) delete "${arguments[1]}" ;;
*)
	usage >&2
	exit 2
	;;
esac
