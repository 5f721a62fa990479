# The single door: everything a person or CI does here is a target below. Needs git, make and a Rust toolchain;
# tests/setup.sh installs the rest, and says so.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

CARGO ?= cargo
# Whom `make token` signs in, and with which scopes.
PERSON ?= alice
SCOPES ?=
NEXTEST_PROFILE ?= $(if $(CI),ci,default)
# Passed on to the test runner: make test TESTS='-p gateway' or TESTS='-E "test(refusals)"'
TESTS ?= --workspace
# The processes, and the programs that start them: built as one set, so that one build serves all targets.
SERVICES := -p gateway -p token-broker -p emulator -p e2e --bins

# --- Use it ---------------------------------------------------------------------------------------

.PHONY: demo
demo: ## Start the whole stack against the emulator and show what it does, step by step
	@tests/setup.sh build
	$(CARGO) build $(SERVICES)
	$(CARGO) run --quiet -p e2e --bin demo

.PHONY: up
up: ## Start the whole stack against the emulator and leave it running until Ctrl-C
	@tests/setup.sh build
	$(CARGO) build $(SERVICES)
	$(CARGO) run --quiet -p e2e --bin up

.PHONY: token
token: setup-build ## Print a token from the running emulator: make token PERSON=alice [SCOPES="cost.read cost.export"]
	@$(CARGO) run --quiet -p e2e --bin token -- $(PERSON) $(SCOPES)

.PHONY: picture
picture: setup-build ## Draw the picture in the README anew, from what the running stack answers
	$(CARGO) build $(SERVICES)
	$(CARGO) run --quiet -p e2e --bin picture

# --- Change it ------------------------------------------------------------------------------------

.PHONY: test
test: setup-test ## Run every test, the end-to-end flows and the real clients included
	@# Both ends of thousands of connections are files of one process; a shell's usual limit is 1,024.
	ulimit -Sn "$$(ulimit -Hn)"; $(CARGO) nextest run --profile $(NEXTEST_PROFILE) $(TESTS)
	$(CARGO) test --quiet --workspace --doc
	@# Off by default, so the run above has not seen it.
	$(CARGO) test --quiet -p token-broker --features pfx --lib credential::certificate

.PHONY: hold
hold: setup-test ## A million calls under faults, each answer checked against a model (MODEL_SEED repeats a run)
	MODEL_CALLS=$${MODEL_CALLS:-1000000} $(CARGO) test --release -p token-broker --test it model:: -- --nocapture

.PHONY: check
check: setup-check ## Formatting, lints, docs, licences, sources, dependencies, contract, links: all but the tests
	$(CARGO) fmt --all -- --check
	$(CARGO) fmt --manifest-path tests/fuzz/Cargo.toml -- --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	$(CARGO) clippy -p token-broker --features pfx --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --quiet --workspace --no-deps --document-private-items
	$(CARGO) deny --log-level error check licenses bans sources
	$(CARGO) machete --skip-target-dir
	@tests/check_alone.sh
	@tests/check_proto.sh
	python3 tests/check_links.py
	python3 tests/check_names.py
	python3 tests/check_words.py
	@tests/check_scripts.sh
	tests/.hadolint/bin/hadolint deploy/Dockerfile
	@DRY=1 deploy/release.sh

# What decides who may do what: everything in it that no test would miss is named in docs/mutants.md. In one process the
# tests of identity share their keys, which take longer to make than all else. The broker's tests over gRPC miss what its
# `--lib` cannot, and share what is logged: each has a process of its own. The run of the model would take too long.
MUTANTS ?= -p identity -p gateway -f 'crates/identity/src/**' -e '**/fuzzing.rs' \
	-f 'crates/gateway/src/{guard,policy,refusal,rpc,front,rate}*' -f 'crates/gateway/src/{guard,policy,refusal,rpc,front}/*' \
	--test-tool cargo -- --lib
MUTANTS_BROKER ?= -p token-broker -f 'crates/token-broker/src/{exchange,flights,consumers,cache}*' \
	-f 'crates/token-broker/src/{exchange,consumers,cache}/**' --test-tool nextest -- --lib --test it -E 'not test(/long_run/)'

.PHONY: mutants mutants-broker
mutants: setup-mutants ## Break the code that guards, line by line: some test must miss each (docs/mutants.md; hours)
	$(CARGO) mutants --output target $(MUTANTS)
mutants-broker: setup-mutants ## The same for the broker's cache, consumers and exchange (hours)
	$(CARGO) mutants --output target/broker $(MUTANTS_BROKER)

# How long each target runs.
SECONDS ?= 60

# The workspace's lock file: what is tried is what is shipped. Instrumentation is unstable in rustc, and its sanitizer is for
# nightly alone: RUSTC_BOOTSTRAP opens them in the stable toolchain that is here, for this command and no other.
.PHONY: fuzz
fuzz: setup-fuzz ## Mutated input for what reads strangers' bytes, each target as long: make fuzz SECONDS=60 (tests/fuzz)
	cp Cargo.lock tests/fuzz/Cargo.lock
	@for target in $$($(CARGO) fuzz list --fuzz-dir tests/fuzz); do \
		echo "fuzz: $$target, $(SECONDS) s"; \
		mkdir -p target/fuzz/corpus/$$target; \
		RUSTC_BOOTSTRAP=1 $(CARGO) fuzz run --fuzz-dir tests/fuzz --target-dir target/fuzz $$target \
			target/fuzz/corpus/$$target tests/fuzz/corpus/$$target -- -max_total_time=$(SECONDS); \
	done

.PHONY: msrv
msrv: setup-build ## Check with the oldest Rust that Cargo.toml promises; needs rustup, and that toolchain
	$(CARGO) +$$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml) check --workspace

.PHONY: advisories
advisories: setup-check ## Known vulnerabilities of the dependencies; needs the network (RustSec's database)
	$(CARGO) deny check advisories

.PHONY: fmt
fmt: ## Format the Rust code
	$(CARGO) fmt --all

.PHONY: proto
proto: setup-build ## Regenerate the gRPC code after a change of proto/ (needs no protoc)
	REGENERATE=1 $(CARGO) test --quiet -p token-broker-proto --test generated
	$(CARGO) fmt -p token-broker-proto

.PHONY: proto-baseline
proto-baseline: setup-check ## On release: what the contract may not break from now on
	@tests/check_proto.sh baseline

.PHONY: bench
bench: setup-build ## Throughput and latency against a bare server, then the micro-benchmarks
	$(CARGO) build --release $(SERVICES)
	$(CARGO) run --release --quiet -p e2e --bin bench
	$(CARGO) bench -p identity -p token-broker
	@tests/setup.sh services
	$(CARGO) test --release -p token-broker --lib -- --ignored --nocapture

# --- Ship it --------------------------------------------------------------------------------------

.PHONY: images
images: ## Build the image of each service; needs docker or podman: make images [ENGINE=podman PREFIX=host/path/]
	@ENGINE="$(ENGINE)" PREFIX="$(PREFIX)" deploy/images.sh

.PHONY: release
release: setup-release ## What a release consists of, in dist/: binaries, SBOMs, images, notes, checksums [DRY=1]
	@deploy/release.sh

# --- Set-up ---------------------------------------------------------------------------------------

.PHONY: setup setup-build setup-test setup-check setup-fuzz setup-mutants setup-release
setup: ## Install everything any target needs (each target does its own part by itself)
	@tests/setup.sh build clients services azure deploy readers nextest checks fuzz mutants release
setup-build:
	@tests/setup.sh build
setup-test:
	@tests/setup.sh nextest clients services azure deploy readers
setup-check:
	@tests/setup.sh checks deploy
setup-fuzz:
	@tests/setup.sh fuzz
setup-mutants:
	@tests/setup.sh services nextest mutants

setup-release:
	@tests/setup.sh checks deploy release

.PHONY: clean
clean: ## Remove what was built and installed inside this folder
	$(CARGO) clean
	rm -rf tests/.tools tests/.envoy tests/.hadolint tests/.rotel tests/clients/.venv tests/clients/.stubs tests/clients/.wheels tests/clients/node_modules tests/clients/.setup.lock tests/azure/.venv tests/deploy/.venv tests/readers/.venv .local dist

.PHONY: help
help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "; print "Targets:"} /^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
