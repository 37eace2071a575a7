# Development tasks. `make` without a target lists them.

SHELL := bash
GO    ?= go

# What the tests need beyond Go, as Debian's package names; scripts/deps.sh checks for each.
DEPS := chromium cloud-init jq pgbouncer postgresql prometheus prometheus-alertmanager python3 sqlite3 systemd

# What `make cluster-test` needs: Docker builds the images, and the rest runs Kubernetes.
CLUSTER_DEPS := docker.io iproute2 postgresql prometheus prometheus-alertmanager busybox \
	containerd runc containernetworking-plugins iptables conntrack socat etcd-server openssl

# Extra arguments of `go test`, as in: make test TESTFLAGS=-v
TESTFLAGS ?=

# The drills fire alerts. They run alone, because alerts depend on how busy the machine is.
DRILLS := '^TestDrill'

# How long each fuzz target runs.
FUZZTIME ?= 30s

# How long `make soak` sells on each database, and each of Locust's scenarios runs.
SOAKTIME   ?= 10m
LOCUSTTIME ?= 1m

# How long `make figures` lets `onsale up` run before it reads its memory.
FIGURESTIME ?= 10m

# The version of this commit. make VERSION=v1.2.3 overrides it; the environment does not.
VERSION = $(shell bash scripts/version.sh version)
COMMIT  = $(shell bash scripts/version.sh commit)
DATE    = $(shell bash scripts/version.sh date)

# These flags make builds reproducible: the same commit gives the same bytes. The Dockerfile uses the same
# flags.
TELEMETRY   := onsale/internal/telemetry
BUILD_FLAGS  = -trimpath -buildvcs=false -ldflags "-s -w \
	-X $(TELEMETRY).linkedVersion=$(VERSION) \
	-X $(TELEMETRY).linkedRevision=$(COMMIT) \
	-X $(TELEMETRY).linkedDate=$(DATE)"

# The name and tag of the image, and the program that builds it.
IMAGE  ?= onsale:$(VERSION)
DOCKER ?= docker

# The platforms that Onsale supports.
PLATFORMS ?= linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: deps
deps: ## Install the programs that the tests need, including PostgreSQL and Chromium (Debian and Ubuntu, as root)
	@bash scripts/deps.sh $(DEPS)

.PHONY: build
build: ## Build bin/onsale
	CGO_ENABLED=0 $(GO) build $(BUILD_FLAGS) -o bin/onsale ./cmd/onsale

.PHONY: dist
dist: ## Build release archives for all PLATFORMS, with SHA-256, in dist/
	rm -rf dist
	@set -eu; for platform in $(PLATFORMS); do \
		echo "== $$platform"; \
		CGO_ENABLED=0 GOOS=$${platform%/*} GOARCH=$${platform#*/} \
			$(GO) build $(BUILD_FLAGS) -o dist/build/$$platform/ ./cmd/onsale; \
	done
	$(GO) run ./scripts/pack -version '$(VERSION)' -date '$(DATE)' dist/build dist
	rm -rf dist/build

.PHONY: image
image: ## Build the container image from the source
	$(DOCKER) build -t $(IMAGE) --build-arg VERSION=$(VERSION) --build-arg COMMIT=$(COMMIT) --build-arg DATE=$(DATE) .

.PHONY: image-test
image-test: build ## Test bin/onsale in the image (Linux; as root it starts its own Docker daemon)
	@bash scripts/deps.sh docker.io iproute2 postgresql
	$(GO) test -tags world -run TestImage -timeout 10m $(TESTFLAGS) ./deploy/image

.PHONY: compose-test
compose-test: build bin/docker-compose ## Test deploy/compose with bin/onsale in the image (Linux; as root it starts its own Docker daemon)
	@bash scripts/deps.sh busybox-static docker.io iproute2 postgresql prometheus prometheus-alertmanager
	$(GO) test -tags world -run TestCompose -timeout 10m $(TESTFLAGS) ./deploy/compose

.PHONY: world-test
world-test: ## Build the image from source for amd64 and arm64, and check that builds are reproducible (half an hour)
	@bash scripts/deps.sh docker.io iproute2
	$(GO) test -tags world -run TestRebuild -timeout 120m -v $(TESTFLAGS) ./deploy/image

.PHONY: cluster-test
cluster-test: build bin/helm ## Deploy on a real Kubernetes, and disrupt it during a sale (Debian, as root; about 15 minutes)
	@bash scripts/deps.sh $(CLUSTER_DEPS)
	@bash scripts/cluster.sh missing
	$(GO) test -tags cluster -run TestCluster -timeout 40m -v $(TESTFLAGS) ./deploy/cluster

.PHONY: cluster-build
cluster-build: ## Build the Kubernetes programs for cluster-test from Go modules (half an hour, once)
	bash scripts/cluster.sh build

.PHONY: docs-test
docs-test: build ## Run the commands in the documents (Linux, as root or with user namespaces)
	@bash scripts/deps.sh curl git iproute2 openssl postgresql python3 sqlite3 unshare
	$(GO) test -tags world -v -timeout 10m -parallel 8 $(TESTFLAGS) ./docs

.PHONY: pictures
pictures: build ## Retake the pictures in docs/tutorials under real load (five minutes on an idle machine)
	@bash scripts/deps.sh chromium
	$(GO) test -tags pictures -run TestPictures -v -timeout 15m $(TESTFLAGS) ./docs

.PHONY: test
test: deps ## Run all tests
	$(GO) test -timeout 20m -skip $(DRILLS) $(TESTFLAGS) ./...
	$(GO) test -timeout 20m -run $(DRILLS) -parallel 8 $(TESTFLAGS) ./cmd/onsale

.PHONY: drills
drills: deps ## Run only the drills: every alert, from its fault to the message
	$(GO) test -timeout 20m -run $(DRILLS) -parallel 8 -v $(TESTFLAGS) ./cmd/onsale

.PHONY: race
race: deps ## Run all tests except the drills with the race detector, in random order (needs a C compiler)
	CGO_ENABLED=1 $(GO) test -race -shuffle=on -timeout 30m -skip $(DRILLS) $(TESTFLAGS) ./...

.PHONY: lint
lint: bin/golangci-lint bin/actionlint bin/gitleaks ## Run every linter
	@bash scripts/deps.sh shellcheck
	shellcheck .ci/run scripts/*.sh scripts/standins/*.sh deploy/aws/*.sh deploy/compose/*.sh
	bin/actionlint
	bin/gitleaks git --no-banner --redact --log-opts='--full-history HEAD'
	$(GO) -C tools test ./...
	bin/golangci-lint config verify
	bin/golangci-lint fmt --diff
	bin/golangci-lint run --allow-parallel-runners
	$(GO) vet -tags soak ./cmd/onsale
	$(GO) vet -tags world ./deploy/... ./docs
	$(GO) vet -tags cluster ./deploy/...
	$(GO) vet -tags pictures ./docs

.PHONY: fmt
fmt: bin/golangci-lint ## Format the Go code
	bin/golangci-lint fmt

.PHONY: generate
generate: ## Regenerate files
	$(GO) generate ./...

.PHONY: kubernetes
kubernetes: ## Render deploy/kubernetes and the Helm chart in all combinations, and check every object
	$(GO) -C tools/kubernetes test $(TESTFLAGS) ./...

.PHONY: fuzz
fuzz: ## Run each fuzz target for FUZZTIME (30s)
	@set -eu; found=0; \
	while IFS=: read -r file _ line; do \
		name=$${line#func }; name=$${name%%(*}; found=$$((found + 1)); \
		echo "== $$name in $${file%/*}"; \
		$(GO) test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1x "$${file%/*}"; \
	done < <(grep -rn --include='*_test.go' --exclude-dir=node_modules '^func Fuzz' .); \
	if [ $$found -eq 0 ]; then echo "there is no fuzz target" >&2; exit 1; fi

.PHONY: bench
bench: bin/k6 ## Measure the sale and the load tester; see docs/performance.md
	@bash scripts/deps.sh $(DEPS) wrk python3-locust
	$(GO) test -run '^$$' -bench . -benchtime 1x -timeout 60m $(TESTFLAGS) ./cmd/onsale

.PHONY: soak
soak: deps ## Sell for a long time, and check memory and the ledger
	$(GO) test -tags soak -run TestSoak -v -timeout 0 $(TESTFLAGS) ./cmd/onsale -soak $(SOAKTIME)

.PHONY: siege
siege: deps ## Sell during an attack, and compare with normal operation
	@bash scripts/deps.sh $(DEPS) wrk
	$(GO) test -tags soak -run TestSiege -v -timeout 0 $(TESTFLAGS) ./cmd/onsale

.PHONY: figures
figures: ## Measure `onsale up`: size, start, memory, cost of the monitoring
	@bash scripts/deps.sh $(DEPS) wrk
	$(GO) test -tags soak -run TestFigures -v -timeout 0 $(TESTFLAGS) ./cmd/onsale -figures $(FIGURESTIME)

.PHONY: locust
locust: ## Load-test with Locust, 500 users per scenario, and check its results
	@bash scripts/deps.sh $(DEPS) python3-locust
	$(GO) test -tags soak -run TestLocust -v -timeout 0 $(TESTFLAGS) ./cmd/onsale -locust $(LOCUSTTIME)

.PHONY: postman
postman: build tools/newman/node_modules ## Run the Postman collection against test servers
	@bash scripts/deps.sh curl openssl
	bash scripts/postman.sh bin/onsale

.PHONY: cross
cross: ## Build and vet for every platform, without cgo
	@set -eu; for platform in $(PLATFORMS); do \
		echo "== $$platform"; \
		export CGO_ENABLED=0 GOOS=$${platform%/*} GOARCH=$${platform#*/}; \
		$(GO) build ./...; \
		$(GO) vet ./...; \
	done

.PHONY: vuln
vuln: bin/govulncheck ## Check for known vulnerabilities (needs the internet)
	bin/govulncheck ./...

.PHONY: clean
clean: ## Remove build results and measurements
	rm -rf bin dist coverage.out

# The tools, at the versions that their modules pin. golangci-lint has a module of its own, since
# it and actionlint need versions of one YAML package that do not go together.
bin/golangci-lint: tools/golangci-lint/go.mod
	$(GO) -C tools/golangci-lint build -o ../../bin/ github.com/golangci/golangci-lint/v2/cmd/golangci-lint

bin/actionlint: tools/go.mod
	$(GO) -C tools build -o ../bin/ github.com/rhysd/actionlint/cmd/actionlint

bin/benchstat: tools/go.mod
	$(GO) -C tools build -o ../bin/ golang.org/x/perf/cmd/benchstat

# Of the version that the tests of the chart use.
bin/helm: tools/kubernetes/go.mod
	CGO_ENABLED=0 $(GO) -C tools/kubernetes build -o ../../bin/ helm.sh/helm/v4/cmd/helm

bin/k6: tools/k6/go.mod
	$(GO) -C tools/k6 build -o ../../bin/ go.k6.io/k6

tools/newman/node_modules: tools/newman/package.json tools/newman/package-lock.json
	@bash scripts/deps.sh nodejs npm
	cd tools/newman && npm ci
	touch $@

bin/docker-compose: tools/compose/go.mod
	CGO_ENABLED=0 $(GO) -C tools/compose build -trimpath -ldflags '-s -w' -o ../../bin/docker-compose github.com/docker/compose/v5/cmd

bin/gitleaks: tools/go.mod
	$(GO) -C tools build -o ../bin/ github.com/zricethezav/gitleaks/v8

bin/govulncheck: tools/go.mod
	$(GO) -C tools build -o ../bin/ golang.org/x/vuln/cmd/govulncheck
