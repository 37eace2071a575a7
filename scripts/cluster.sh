#!/usr/bin/env bash
# A real Kubernetes 1.34 with one node, in its own network namespace, to test manifests. Its programs
# are built from Go modules; etcd, containerd and the network plugins are Debian's. It needs root.
#
#   cluster.sh build               builds the programs into $CLUSTER_BIN (half an hour once, 1 GB)
#   cluster.sh start               starts everything, with DNS and metrics-server (half a minute)
#   cluster.sh hold                starts everything, prints "ready", and stops when its standard input ends
#   cluster.sh load TAR…           imports images, as `docker save` writes them
#   cluster.sh program NAME FILE   imports an image that holds one static program
#   cluster.sh kubectl …           runs kubectl
#   cluster.sh in COMMAND …        runs a command inside the network namespace
#   cluster.sh kill ID             kills the first process of a container, as a power failure would
#   cluster.sh missing             prints missing programs, and fails if there are any
#   cluster.sh stop                stops all programs, and removes their files
#
# It pulls no images: import each one under the name that the manifest uses. It has no storage provisioner, so
# you must create the PersistentVolumes. The network does not enforce NetworkPolicy objects.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
K=${CLUSTER_DIR:-/tmp/onsale-cluster}
B=${CLUSTER_BIN:-/tmp/onsale-cluster-bin}
NS=${CLUSTER_NS:-onsale-cluster}
ADDONS=$HERE/../deploy/cluster/addons
export KUBECONFIG=$K/kubeconfig

# Versions of what is built. Prometheus has that of the image in deploy/kubernetes.
KUBERNETES=1.34.4
COREDNS=v1.14.7
METRICS_SERVER=v0.8.0
PROMETHEUS=v0.315.0
COMMANDS=(kube-apiserver kube-controller-manager kube-scheduler kube-proxy kubelet kubectl)
PROGRAMS=("${COMMANDS[@]}" pause coredns metrics-server prometheus)

# --- Build ---

build() {
	local limit=(env CGO_ENABLED=0 GOFLAGS=-mod=mod nice -n 10) flags=(-trimpath -ldflags '-s -w')
	mkdir -p "$B/src/kubernetes/pause" "$B/src/prometheus"

	cd "$B/src/kubernetes"
	go mod download "k8s.io/kubernetes@v$KUBERNETES"
	local source command
	source=$(go env GOMODCACHE)/k8s.io/kubernetes@v$KUBERNETES
	# Kubernetes keeps its libraries in its own tree. Outside of it they are modules of the same release.
	{
		printf 'module cluster\n\ngo 1.26.0\n\nrequire k8s.io/kubernetes v%s\n\n' "$KUBERNETES"
		sed -n "s|^\t\(k8s.io/[^ ]*\) => ./staging.*|replace \1 => \1 v0.${KUBERNETES#1.}|p" "$source/go.mod"
	} >go.mod
	{
		printf '//go:build tools\n\npackage tools\n\nimport (\n'
		for command in "${COMMANDS[@]}"; do printf '\t_ "k8s.io/kubernetes/cmd/%s"\n' "$command"; done
		printf ')\n'
	} >tools.go
	cat >pause/main.go <<'GO'
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGINT, syscall.SIGTERM)
	<-c
}
GO
	go mod tidy
	local version=k8s.io/component-base/version
	"${limit[@]}" go build -trimpath -ldflags "-s -w -X $version.gitVersion=v$KUBERNETES -X $version.gitMajor=1 -X $version.gitMinor=34" \
		-o "$B/" ./pause "${COMMANDS[@]/#/k8s.io/kubernetes/cmd/}"

	GOBIN=$B "${limit[@]}" go install "${flags[@]}" "github.com/coredns/coredns@$COREDNS"
	GOBIN=$B "${limit[@]}" go install "${flags[@]}" "sigs.k8s.io/metrics-server/cmd/metrics-server@$METRICS_SERVER"

	cd "$B/src/prometheus"
	printf 'module build\n\ngo 1.26.0\n' >go.mod
	"${limit[@]}" go get "github.com/prometheus/prometheus/cmd/prometheus@$PROMETHEUS"
	# Debian's Prometheus has no Kubernetes discovery; this one has no other.
	"${limit[@]}" go build "${flags[@]}" -tags remove_all_sd,enable_kubernetes_sd -o "$B/" \
		github.com/prometheus/prometheus/cmd/prometheus
}

# --- Start ---

# missing prints in one line which programs the cluster lacks.
missing() {
	local gaps=() name
	[ "$(id -u)" -eq 0 ] || gaps+=("root")
	for name in etcd containerd runc ctr ip nsenter iptables conntrack socat openssl; do
		command -v "$name" >/dev/null || gaps+=("$name")
	done
	[ -x /usr/lib/cni/bridge ] || gaps+=("/usr/lib/cni/bridge (containernetworking-plugins)")
	for name in "${PROGRAMS[@]}"; do
		[ -x "$B/$name" ] || gaps+=("$B/$name (scripts/cluster.sh build)")
	done
	# Anyone may make a directory in /tmp, and root runs what is in this one.
	case $(stat -Lc %u "$B" 2>/dev/null || true) in
	"" | 0 | "${SUDO_UID:-0}") ;;
	*) gaps+=("$B that belongs to root, or to the user of sudo") ;;
	esac
	[ ${#gaps[@]} -eq 0 ] || { local IFS=,; echo "cluster.sh: missing: ${gaps[*]}" >&2; return 1; }
}

# nsenter, not `ip netns exec`: that mounts another /sys, without the control groups.
inside() { nsenter --net="/run/netns/$NS" "$@"; }
kubectl() { inside "$B/kubectl" "$@"; }

# run starts a program that outlives this script. Containers would inherit the signals that the shell
# ignores for it.
run() {
	local name=$1
	shift
	setsid env --default-signal nsenter --net="/run/netns/$NS" "$@" </dev/null >"$K/logs/$name.log" 2>&1 &
	echo $! >"$K/$name.pid"
	disown
}

until_ok() {
	local end=$((SECONDS + 120))
	while [ $SECONDS -lt $end ]; do
		"$@" >/dev/null 2>&1 && return
		sleep 0.5
	done
	echo "cluster.sh: gave up after 2 minutes: $*" >&2
	tail -n 5 "$K"/logs/*.log >&2 || true
	return 1
}

keys() {
	local mask
	mask=$(umask)
	umask 077
	cd "$K/pki"
	openssl genrsa -out sa.key 2048 2>/dev/null
	openssl rsa -in sa.key -pubout -out sa.pub 2>/dev/null
	openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -subj /CN=test-ca -days 3 2>/dev/null
	echo 'subjectAltName=DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:localhost,IP:127.0.0.1,IP:10.96.0.1,IP:10.244.0.1' >names
	sign() {
		openssl req -newkey rsa:2048 -nodes -keyout "$1.key" -out "$1.csr" -subj "$2" 2>/dev/null
		openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -out "$1.crt" -days 3 ${3:+-extfile "$3"} 2>/dev/null
	}
	sign api /CN=kube-apiserver names
	sign client /O=system:masters/CN=apiserver-kubelet-client
	sign proxy /CN=front-proxy # the API server shows it to metrics-server
	echo "$(openssl rand -hex 16),admin,1,system:masters" >tokens.csv
	cat >"$K/kubeconfig" <<C
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://127.0.0.1:16443", certificate-authority: $K/pki/ca.crt}}]
users: [{name: admin, user: {token: "$(cut -d, -f1 tokens.csv)"}}]
contexts: [{name: c, context: {cluster: c, user: admin}}]
current-context: c
C
	cd "$K"
	umask "$mask"
}

network() {
	ip netns add "$NS"
	inside ip link set lo up
	inside ip link add cni-k type bridge
	inside ip address add 10.244.0.1/24 dev cni-k
	inside ip link set cni-k up
	inside ip route add 10.96.0.0/16 dev cni-k # the node itself reaches Services
	inside sysctl -qw net.ipv4.ip_forward=1 net.bridge.bridge-nf-call-iptables=1 || true
	cat >cni/conf/10-bridge.conflist <<C
{"cniVersion":"0.4.0","name":"k","plugins":[{"type":"bridge","bridge":"cni-k","isGateway":true,"ipMasq":true,"hairpinMode":true,
"ipam":{"type":"host-local","ranges":[[{"subnet":"10.244.0.0/24","gateway":"10.244.0.1"}]],"routes":[{"dst":"0.0.0.0/0"}],"dataDir":"$K/cni/data"}},
{"type":"portmap","capabilities":{"portMappings":true}}]}
C
}

control_plane() {
	run etcd etcd --data-dir "$K/etcd" --listen-client-urls http://127.0.0.1:23790 --advertise-client-urls http://127.0.0.1:23790 \
		--listen-peer-urls http://127.0.0.1:23800 --initial-advertise-peer-urls http://127.0.0.1:23800 \
		--initial-cluster default=http://127.0.0.1:23800
	# SizeBasedListCostEstimate needs etcd 3.5; Debian 12 has 3.4.
	run apiserver "$B/kube-apiserver" --etcd-servers=http://127.0.0.1:23790 --secure-port=16443 --bind-address=0.0.0.0 \
		--advertise-address=10.244.0.1 --tls-cert-file=pki/api.crt --tls-private-key-file=pki/api.key --client-ca-file=pki/ca.crt \
		--kubelet-client-certificate=pki/client.crt --kubelet-client-key=pki/client.key --kubelet-preferred-address-types=InternalIP \
		--service-account-key-file=pki/sa.pub --service-account-signing-key-file=pki/sa.key \
		--service-account-issuer=https://kubernetes.default.svc --token-auth-file=pki/tokens.csv --authorization-mode=Node,RBAC \
		--service-cluster-ip-range=10.96.0.0/16 --enable-admission-plugins=NodeRestriction --enable-aggregator-routing=true \
		--requestheader-client-ca-file=pki/ca.crt --requestheader-username-headers=X-Remote-User \
		--requestheader-group-headers=X-Remote-Group --requestheader-extra-headers-prefix=X-Remote-Extra- \
		--proxy-client-cert-file=pki/proxy.crt --proxy-client-key-file=pki/proxy.key --feature-gates=SizeBasedListCostEstimate=false
	until_ok kubectl get --raw /readyz
	# The autoscaler looks every 5 s instead of every 15, and believes figures of a pod's first minutes.
	run controllers "$B/kube-controller-manager" --kubeconfig=kubeconfig --service-account-private-key-file=pki/sa.key \
		--root-ca-file=pki/ca.crt --use-service-account-credentials=true --cluster-cidr=10.244.0.0/16 --allocate-node-cidrs=true \
		--service-cluster-ip-range=10.96.0.0/16 --leader-elect=false --horizontal-pod-autoscaler-sync-period=5s \
		--horizontal-pod-autoscaler-cpu-initialization-period=10s --horizontal-pod-autoscaler-initial-readiness-delay=5s
	run scheduler "$B/kube-scheduler" --kubeconfig=kubeconfig --leader-elect=false
}

node() {
	cat >containerd.toml <<C
version = 2
root = "$K/containerd/root"
state = "$K/containerd/state"
[grpc]
  address = "$K/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "cluster.test/pause:1"
  restrict_oom_score_adj = true # root in a container may not lower it
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$K/cni/conf"
C
	run containerd containerd -c containerd.toml
	until_ok ctr -a "$K/containerd.sock" version
	program cluster.test/pause:1 "$B/pause"
	program "coredns/coredns:${COREDNS#v}" "$B/coredns"
	program "registry.k8s.io/metrics-server/metrics-server:$METRICS_SERVER" "$B/metrics-server"

	echo 'nameserver 127.0.0.1' >resolv.conf
	cat >kubelet.yaml <<C
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $K/pki/ca.crt}}
authorization: {mode: Webhook}
cgroupDriver: cgroupfs
failSwapOn: false
failCgroupV1: false
containerRuntimeEndpoint: unix://$K/containerd.sock
clusterDNS: [10.96.0.10]
clusterDomain: cluster.local
resolvConf: $K/resolv.conf
oomScoreAdj: 0
staticPodPath: $K/manifests
imageGCHighThresholdPercent: 100
evictionHard: {memory.available: 100Mi}
enforceNodeAllocatable: []
volumePluginDir: $K/volplugins
C
	run kubelet "$B/kubelet" --config=kubelet.yaml --kubeconfig=kubeconfig --root-dir="$K/kubelet" --node-ip=10.244.0.1 \
		--hostname-override=node1 --cert-dir="$K/pki/kubelet"
	cat >proxy.yaml <<C
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clientConnection: {kubeconfig: $K/kubeconfig}
mode: iptables
clusterCIDR: 10.244.0.0/16
hostnameOverride: node1
conntrack: {maxPerCore: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
C
	run proxy "$B/kube-proxy" --config=proxy.yaml
	until_ok kubectl wait --for=condition=Ready node/node1 --timeout=1s
}

up() {
	missing
	[ ! -e "$K" ] || down # what a killed run has left
	mkdir -p "$K"/{etcd,pki,logs,cni/conf,manifests}
	cd "$K"
	keys
	network
	control_plane
	node
	sed "s|image: coredns/coredns.*|image: coredns/coredns:${COREDNS#v}|" "$ADDONS/coredns.yaml" | kubectl apply -f - >/dev/null
	sed "s|\(image: .*/metrics-server\):.*|\1:$METRICS_SERVER|" "$ADDONS/metrics-server.yaml" | kubectl apply -f - >/dev/null
	until_ok kubectl -n kube-system wait --for=condition=Ready pod --all --timeout=1s
	kubectl get nodes
}

# --- Images ---

load() {
	local tar
	for tar in "$@"; do ctr -a "$K/containerd.sock" -n k8s.io images import "$tar" >/dev/null; done
}

# program imports an image that holds one static program, which is its entrypoint.
program() {
	local name=$1 file=$2 dir layer
	dir=$(mktemp -d "$K/image.XXXXXX")
	mkdir "$dir/root" "$dir/image"
	cp "$file" "$dir/root/$(basename "$file")"
	tar -C "$dir/root" --owner=0 --group=0 -cf "$dir/image/layer.tar" .
	layer=$(sha256sum "$dir/image/layer.tar" | cut -d' ' -f1)
	cat >"$dir/image/config.json" <<C
{"architecture":"$(go env GOARCH)","os":"linux","config":{"Entrypoint":["/$(basename "$file")"]},
"rootfs":{"type":"layers","diff_ids":["sha256:$layer"]}}
C
	echo "[{\"Config\":\"config.json\",\"RepoTags\":[\"$(full "$name")\"],\"Layers\":[\"layer.tar\"]}]" >"$dir/image/manifest.json"
	tar -C "$dir/image" -cf "$dir/image.tar" manifest.json config.json layer.tar
	load "$dir/image.tar"
	rm -rf "$dir"
}

# full gives an image's name the registry that Kubernetes adds.
full() {
	case $1 in
	*.*/*) echo "$1" ;;
	*/*) echo "docker.io/$1" ;;
	*) echo "docker.io/library/$1" ;;
	esac
}

# --- Stop ---

# stop_program ends one program that run has started, and waits for its end.
stop_program() {
	local pid _
	pid=$(cat "$K/$1.pid" 2>/dev/null) || return 0
	# The number may be another process's by now, and that is not in our namespace.
	[ "$(stat -Lc %i "/proc/$pid/ns/net" 2>/dev/null)" = "$(stat -Lc %i "/run/netns/$NS" 2>/dev/null)" ] || return 0
	kill "$pid" 2>/dev/null || return 0
	for _ in $(seq 50); do
		kill -0 "$pid" 2>/dev/null || return 0
		sleep 0.1
	done
	kill -9 "$pid" 2>/dev/null || true
}

down() {
	local id name namespaces=() shim
	cd /
	for name in kubelet proxy scheduler controllers; do stop_program "$name"; done
	if [ -S "$K/containerd.sock" ]; then
		local ctr=(timeout 20 ctr -a "$K/containerd.sock" -n k8s.io)
		for id in $("${ctr[@]}" containers ls -q 2>/dev/null || true); do
			name=$("${ctr[@]}" containers info "$id" 2>/dev/null | grep -o '/netns/cni-[0-9a-f-]*' | head -n 1) || true
			[ -z "$name" ] || namespaces+=("${name#/netns/}")
			"${ctr[@]}" tasks rm -f "$id" >/dev/null 2>&1 || true
		done
	fi
	stop_program containerd
	# A shim outlives its containerd. Its arguments hold the path of our socket.
	for shim in $(pgrep -f "containerd-shim-runc-v2 .*-address $K/containerd.sock" || true); do kill -9 "$shim" 2>/dev/null || true; done
	stop_program apiserver
	stop_program etcd
	# Nothing else belongs to the namespace but what was started for it, such as a kubectl that waits.
	ip netns pids "$NS" 2>/dev/null | xargs -r kill -9 2>/dev/null || true
	local _
	for _ in 1 2 3; do
		awk -v k="$K/" 'index($2, k) == 1 { print $2 }' /proc/self/mounts | tac | xargs -r -n1 umount -l 2>/dev/null || true
	done
	for name in "${namespaces[@]}" "$NS"; do ip netns delete "$name" 2>/dev/null || true; done
	rm -rf "$K"
	if [ -d "$K" ]; then
		echo "cluster.sh: could not remove $K" >&2
		return 1
	fi
}

# hold keeps the cluster for as long as the process that has the other end of standard input.
hold() {
	trap : INT HUP   # the other process decides
	trap '' PIPE     # and when it is gone, nobody reads what the end says
	trap down EXIT
	up
	echo ready
	cat >/dev/null
}

case ${1:-} in
build) build ;;
start) up ;;
hold) hold ;;
load) shift && load "$@" ;;
program) program "$2" "$3" ;;
kubectl) shift && kubectl "$@" ;;
in) shift && inside "$@" ;;
kill) ctr -a "$K/containerd.sock" -n k8s.io tasks kill -s SIGKILL "$2" ;;
missing) missing ;;
stop) down ;;
*)
	sed -n '2,/^set -/p' "$HERE/cluster.sh" | sed '$d; s/^# \{0,1\}//' >&2
	exit 2
	;;
esac
