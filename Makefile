# What one does with the project. `make help` lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

TARGET := $(abspath $(or $(CARGO_TARGET_DIR),target))
VENV   := $(TARGET)/venv
PYTHON ?= python3
ARGS   ?=

# The Python tests drive the optimised server; `quick` builds in a fraction of the time of `release`.
export RAMEKIN_BIN ?= $(TARGET)/quick/ramekin
PYTEST := $(VENV)/bin/python -m pytest -c tests/pytest.ini
# Processes that run them; `auto` is twice as many as there are cores, for tests wait more than they work. One that crashes ends the run.
WORKERS ?= auto
# Runs a command beside a PostgreSQL server that is there only for it.
WITH_POSTGRES := $(VENV)/bin/python tests/harness/postgres.py run

.PHONY: bench-python help run test test-rust test-clients test-long bench lint fuzz deny clean need-rust need-python

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

run: need-rust ## build the release and start the server (ARGS="--port 7000")
	cargo build --release --package ramekin-cli
	@echo 'Connect: redis-cli -p 6379, or redis.Redis() in Python, or nc 127.0.0.1 6379. Ctrl-C stops it; the data stays in ./data.'
	@exec $(TARGET)/release/ramekin $(ARGS)

test: test-rust test-clients ## every test that fits in a few minutes

test-rust: need-rust $(VENV)/ready ## unit and integration tests of the crates
	@if cargo nextest --version >/dev/null 2>&1; then \
	  $(WITH_POSTGRES) cargo nextest run --workspace --no-tests=pass; \
	else \
	  echo 'cargo-nextest is missing (cargo install cargo-nextest --locked): falling back to cargo test'; \
	  $(WITH_POSTGRES) cargo test --workspace --bins --lib --tests --examples; \
	fi
	cargo test --workspace --doc

test-clients: $(VENV)/ready server python ## conformance, differential, crash and linearizability tests over TCP
	$(PYTEST) -n $(WORKERS) --dist worksteal --max-worker-restart 0 tests $(ARGS)

.PHONY: server
server: need-rust
	@if [ "$(RAMEKIN_BIN)" = "$(TARGET)/quick/ramekin" ]; then \
	  cargo build --profile quick --package ramekin-cli; \
	fi

# The package as users get it: a wheel, put where the tests run. One that was built elsewhere is named by RAMEKIN_WHEEL.
WHEELS := $(TARGET)/wheels
.PHONY: python wheel
python: $(VENV)/ready need-rust ## the Python package, built and installed for the tests
	@if [ -z "$${RAMEKIN_WHEEL:-}" ]; then \
	  rm -rf $(WHEELS)/quick; \
	  $(VENV)/bin/maturin build --quiet --profile quick --manifest-path crates/python/Cargo.toml --auditwheel skip --out $(WHEELS)/quick; \
	fi
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-index --force-reinstall $${RAMEKIN_WHEEL:-$(WHEELS)/quick/*.whl}

.PHONY: wheel-any
wheel-any: need-python ## the wheel without the engine, for systems without one of their own, in target/wheels
	$(PYTHON) crates/python/any_wheel.py $(WHEELS)

wheel: $(VENV)/ready need-rust ## a wheel for this machine, optimised, in target/wheels
	$(VENV)/bin/maturin build --release --manifest-path crates/python/Cargo.toml --out $(WHEELS)

# Counts of the long campaigns; each can be set from outside.
test-long: export TEST_SEQUENCES   ?= 4000
test-long: export TEST_CRASHES     ?= 100
test-long: export TEST_HISTORIES   ?= 60
test-long: export TEST_STORE_SECONDS  ?= 60
test-long: export TEST_OUTAGE_SECONDS ?= 60
test-long: export TEST_SEED        ?= $(shell date +%s)
test-long: export RAMEKIN_TEST_SEQUENCES   ?= 1000
test-long: export RAMEKIN_TEST_SEED        ?= $(TEST_SEED)
test-long: export PROPTEST_CASES           ?= 20000
test-long: test ## the same tests with far more rounds (TEST_SEQUENCES, _CRASHES, _HISTORIES, _STORE_SECONDS, _OUTAGE_SECONDS, _SEED, RAMEKIN_TEST_SEQUENCES, PROPTEST_CASES)

bench: need-rust $(VENV)/ready ## Ramekin and Valkey side by side
	@if [ ! -x bench/run ]; then echo 'bench/run is missing from this checkout' >&2; exit 1; fi
	@VALKEY_BIN="$$($(VENV)/bin/python tests/harness/binaries.py valkey)" PYTHON=$(VENV)/bin/python bench/run $(ARGS)

bench-python: $(VENV)/ready wheel ## the Python package beside redis-py, diskcache, nadb and a dict
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --force-reinstall $(WHEELS)/*.whl
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check 'diskcache==5.6.3'
	@PYTHON=$(VENV)/bin/python bench/python $(ARGS)

lint: need-rust need-python ## formatting, clippy, docs, layers and sizes
	cargo fmt --all --check
	@cargo metadata --locked --format-version 1 >/dev/null || { echo 'Cargo.lock is out of date: commit what cargo made of it' >&2; exit 1; }
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --document-private-items --quiet
	cargo run --quiet --package xtask -- check
	$(PYTHON) tests/harness/lint.py tests

FUZZ_SECONDS ?= 60
fuzz: need-rust ## fuzz targets with cargo-fuzz on nightly; else the same properties by proptest
	@if cargo +nightly fuzz --version >/dev/null 2>&1; then \
	  for target in $$(cargo +nightly fuzz list); do \
	    cargo +nightly fuzz run $$target -- -max_total_time=$(FUZZ_SECONDS); \
	  done; \
	else \
	  echo 'No nightly toolchain with cargo-fuzz (rustup toolchain install nightly; cargo install cargo-fuzz): running the properties by proptest'; \
	  PROPTEST_CASES=$${PROPTEST_CASES:-20000} cargo test --workspace --tests --lib -- garbage round_trip; \
	fi

deny: need-rust ## licences, advisories and sources of the dependencies
	@cargo deny --version >/dev/null 2>&1 || { echo 'cargo-deny is missing: cargo install cargo-deny --locked' >&2; exit 1; }
	cargo deny check

clean: ## remove what was built
	rm -rf $(VENV)
	cargo clean

$(VENV)/ready: tests/requirements.txt | need-python
	$(PYTHON) -m venv --clear $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --requirement tests/requirements.txt
	@touch $@

need-rust:
	@command -v cargo >/dev/null || { echo 'cargo is missing: install Rust 1.95 or later with rustup (https://rustup.rs)' >&2; exit 1; }
	@command -v cc >/dev/null || { echo 'cc is missing: install a C compiler (Debian: apt install build-essential; Fedora: dnf install gcc; macOS: xcode-select --install)' >&2; exit 1; }

need-python:
	@command -v $(PYTHON) >/dev/null || { echo '$(PYTHON) is missing: install Python 3.10 or later (Debian: apt install python3 python3-venv)' >&2; exit 1; }
	@$(PYTHON) -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null \
	  || { echo '$(PYTHON) lacks venv or is older than 3.10 (Debian: apt install python3-venv)' >&2; exit 1; }
