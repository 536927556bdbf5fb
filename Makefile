# zen's Makefile. `make help` lists the targets; their descriptions are the lines with two hashes.

SHELL := /bin/sh
.DEFAULT_GOAL := help

GO       ?= go
PREFIX   ?= $(HOME)/.local
DESTDIR  ?=
BINDIR    = $(DESTDIR)$(PREFIX)/bin
PROGRAMS := zend zen docker-credential-zen
MODULE   := github.com/zen-agent/zen

# A release overrides VERSION; git adds what was built. Neither git nor a repository is needed.
BASE    := 0.1.0
COMMIT  := $(shell git rev-parse --short=12 HEAD 2>/dev/null)
VERSION ?= $(BASE)$(if $(COMMIT),-dev+$(COMMIT),)

LDFLAGS := -s -w -X $(MODULE)/internal/api.Version=$(VERSION)
BUILD    = CGO_ENABLED=0 $(GO) build -buildvcs=false -trimpath -ldflags '$(LDFLAGS)'

# Bounded runs of the fuzzers, those of make test among them, and of the benchmarks.
FUZZTIME  ?= 30s
SMOKETIME ?= 30s
COUNT     ?= 5

LINT     = $(GO) tool -modfile=tools/lint.mod
GOLANGCI = $(GO) tool -modfile=tools/golangci.mod golangci-lint

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# Everything that needs Go asks for it first.
.PHONY: have-go
have-go:
	$(if $(shell command -v '$(GO)'),@:,$(error zen is built with Go 1.26 or newer, and there is no '$(GO)' here: https://go.dev/dl/))

## Building and installing

.PHONY: build
build: have-go ## compile the three programs into bin/
	@mkdir -p bin
	@for p in $(PROGRAMS); do echo "building bin/$$p"; $(BUILD) -o bin/$$p ./cmd/$$p || exit 1; done

# Each file is replaced in one step: a running zend keeps the old one, and nobody ever executes half a program.
.PHONY: install
install: build ## install into PREFIX (default ~/.local), below DESTDIR when set
	@mkdir -p '$(BINDIR)'
	@for p in $(PROGRAMS); do \
	  cp bin/$$p '$(BINDIR)'/.$$p.new && chmod 755 '$(BINDIR)'/.$$p.new && \
	  mv -f '$(BINDIR)'/.$$p.new '$(BINDIR)'/$$p && echo "installed $(BINDIR)/$$p" || exit 1; done

.PHONY: uninstall
uninstall: ## stop zend and remove the programs; the vault stays
	@if [ -z '$(DESTDIR)' ] && [ -x '$(BINDIR)/zen' ]; then '$(BINDIR)/zen' daemon stop || true; fi
	@for p in $(PROGRAMS); do rm -f '$(BINDIR)'/$$p; done
	@echo "removed $(PROGRAMS) from $(BINDIR)"

.PHONY: quickstart
quickstart: install ## build, install for this user, start zend and prove that it works
	@BINDIR='$(BINDIR)' sh tools/quickstart.sh

.PHONY: man
man: build ## write the man pages into dist/man
	@mkdir -p dist/man && bin/zen man --dir dist/man

.PHONY: completions
completions: build ## write the shells' completions into dist/completions
	@mkdir -p dist/completions
	@for s in bash zsh fish powershell; do bin/zen completion $$s > dist/completions/zen.$$s || exit 1; done

.PHONY: dist
dist: have-go ## archives with checksums for Linux and macOS in dist/
	@GO='$(GO)' VERSION='$(VERSION)' LDFLAGS='$(LDFLAGS)' PROGRAMS='$(PROGRAMS)' sh tools/dist.sh

# What a package is dated with: the last commit, so that the same commit gives the same bytes.
MTIME ?= $(shell git log -1 --format=%cd --date=format-local:%Y-%m-%dT%H:%M:%SZ 2>/dev/null || echo 2026-01-01T00:00:00Z)
ARCHES ?= amd64

.PHONY: packages
packages: ## deb, rpm, apk and Arch packages for ARCHES (default amd64) in dist/packages
	@GO='$(GO)' VERSION='$(VERSION)' LDFLAGS='$(LDFLAGS)' PROGRAMS='$(PROGRAMS)' MTIME='$(MTIME)' ARCHES='$(ARCHES)' \
	  sh tools/packages.sh

# Where a release is published, and the SSH key that signs it; without a key there is no release.
ADDRESS ?= https://github.com/zen-agent/zen/releases/download/v$(VERSION)
KEY     ?=

.PHONY: release
release: ## everything that a release publishes, signed with KEY=FILE, in dist/release
	@GO='$(GO)' VERSION='$(VERSION)' LDFLAGS='$(LDFLAGS)' PROGRAMS='$(PROGRAMS)' MTIME='$(MTIME)' \
	  ARCHES='amd64 arm64 arm7 riscv64' ADDRESS='$(ADDRESS)' KEY='$(KEY)' sh tools/release.sh

.PHONY: sbom
sbom: build ## what each program is linked from, as CycloneDX, in dist/sbom
	@GO='$(GO)' VERSION='$(VERSION)' PROGRAMS='$(PROGRAMS)' sh tools/sbom.sh

.PHONY: reproducible
reproducible: have-go ## build twice in different places: the same bytes
	@GO='$(GO)' VERSION='$(VERSION)' PROGRAMS='$(PROGRAMS)' sh tools/reproducible.sh

.PHONY: clean
clean: ## remove what was built
	rm -rf bin dist .build

## Testing

.PHONY: test
test: have-go ## every hermetic test, with the race detector (a few minutes; needs Go and nothing else)
	@race=$$(GO='$(GO)' sh tools/race.sh); \
	[ -n "$$race" ] || echo "no C compiler that works: running without the race detector"; \
	[ -n "$$race" ] && cgo=1 || cgo=0; \
	set -x; CGO_ENABLED=$$cgo $(GO) test $$race -count=1 -timeout 10m ./...
	@GO='$(GO)' FUZZTIME='$(SMOKETIME)' JOBS=$(words $(SMOKE)) sh tools/fuzz.sh $(subst :, ,$(SMOKE))

# The fuzz targets of make test, all at once: an address, what a client tells the helper, JSON, what a terminal is shown, the wire, the vault's file, config.toml, an
# edit of a Docker config, what a program of an exec connector prints.
SMOKE = ./internal/address:FuzzParse ./cmd/docker-credential-zen:FuzzServerURL ./cmd/docker-credential-zen:FuzzLogin \
  ./internal/safejson:FuzzScan ./internal/safetext:FuzzText ./internal/ipc/server:FuzzAnswer ./internal/keystore:FuzzParse ./internal/config:FuzzParse \
  ./internal/clientconfig/jsonedit:FuzzSet ./internal/connector/exec:FuzzRead

# The registry clients that zen is tried with, and a program that calls their libraries. docker's command line has no go.mod
# that would say what Go it is written in.
.PHONY: callers
callers: have-go ## compile registry clients for the end-to-end tests into .build/callers (minutes the first time)
	@mkdir -p .build/callers
	@cd e2e/callers && CGO_ENABLED=0 $(GO) build -buildvcs=false -trimpath -ldflags '-s -w' \
	  -gcflags 'github.com/docker/cli/...=-lang=go1.26' -o ../../.build/callers/ tool ./ask

.PHONY: e2e
e2e: callers ## real registries, docker, gnome-keyring, ZenML: installs Debian packages, run as root
	@bash e2e/install-packages.sh
	@bash e2e/install-zenml.sh
	$(GO) test -count 1 -timeout 10m ./internal/keystore/...
	$(GO) test -tags e2e -count 1 -timeout 25m -v ./e2e/...

.PHONY: e2e-packages
e2e-packages: ## packages and install.sh in real roots: installed, upgraded under load, removed; as root on Debian
	@bash e2e/install-packages.sh packages
	$(GO) test -tags e2e_packages -count 1 -timeout 20m -v ./e2e/packages/

.PHONY: bench
bench: have-go ## the time of docker-credential-zen get beside docker's helpers, then the benchmarks
	$(GO) test -tags bench -count 1 -timeout 15m -v ./bench/
	$(GO) test -run '^$$' -bench . -benchmem -count $(COUNT) ./...

.PHONY: fuzz
fuzz: have-go ## run each fuzz target for FUZZTIME (default 30s)
	@GO='$(GO)' FUZZTIME='$(FUZZTIME)' JOBS=2 sh tools/fuzz.sh

.PHONY: chaos
chaos: have-go ## zend killed, crowded and asked a million times: nothing may fail, get lost or grow
	$(GO) test -tags chaos -count 1 -timeout 15m -v ./test/chaos/
	$(GO) test -tags chaos -count 1 -timeout 10m -v -run Killed ./internal/keystore/
	ZEN_FAULT_ROUNDS=84 $(GO) test -count 1 -timeout 10m -v -run FaultsLeakNothing ./internal/keystore/oskeyring
	ZEN_WRITER_ROUNDS=12 $(GO) test -count 1 -timeout 10m -v -run BesideFastWriter ./internal/clientconfig/fileedit

## Checking

.PHONY: check
check: fmt-check vet staticcheck lint vuln test ## everything a change must pass

.PHONY: fmt
fmt: have-go ## format the code
	$(LINT) gofumpt -w .

.PHONY: fmt-check
fmt-check: have-go
	@out=$$($(LINT) gofumpt -l .); if [ -n "$$out" ]; then echo "make fmt would change:"; echo "$$out"; exit 1; fi

.PHONY: vet
vet: have-go ## go vet, for Linux and macOS
	$(GO) vet ./...
	$(GO) vet -tags e2e ./e2e/...
	$(GO) vet -tags e2e_packages ./e2e/packages/
	$(GO) vet -tags 'bench chaos' ./bench/ ./test/chaos/
	GOOS=darwin $(GO) vet ./...

.PHONY: staticcheck
staticcheck: have-go ## staticcheck at the version of tools/lint.mod
	$(LINT) staticcheck ./...

.PHONY: lint
lint: have-go ## golangci-lint at the version of tools/golangci.mod (the first build takes minutes)
	$(GOLANGCI) run

.PHONY: vuln
vuln: have-go ## known vulnerabilities in what the programs call, where govulncheck's database can be reached
	@GO='$(GO)' sh tools/vuln.sh
