# The short list of things to do here. `make` alone prints it.
# Variables: PYTHON (for a new .venv), ARGS (handed on to test, bench, fuzz, run, sim), FILE (for run), SEED (for sim).
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
# What the checkers read: the parts that are there.
SOURCES := $(wildcard src tests benchmarks examples tools docs/conf.py)
# cargo, when it is there and at least as new as the manifest asks.
RUST_NEEDED := $(shell sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
RUST := $(shell v=$$(cargo --version 2>/dev/null | cut -d' ' -f2); \
	[ -n "$$v" ] && [ "$$(printf '%s\n' $(RUST_NEEDED) $$v | sort -V | head -n 1)" = $(RUST_NEEDED) ] && echo $$v)

.PHONY: help setup setup-dev demo test check format bench fuzz docs run sim lock clean

help:  ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup:  ## make .venv with .venv/bin/kirmash; the native market too where cargo is there
	@bash tools/setup.sh

setup-dev:
	@bash tools/setup.sh --dev

demo: setup  ## open an exchange with invented people, to look at and to trade on; in the terminal: ARGS=--terminal
	@$(BIN)/kirmash demo $(or $(ARGS),--port 8000)

run: setup  ## apply a scenario: make run FILE=path/to/scenario.jsonl
	@[ -n "$(FILE)" ] || { echo "say which scenario: make run FILE=path/to/scenario.jsonl" >&2; exit 2; }
	@$(BIN)/kirmash run "$(FILE)" $(ARGS)

test: setup-dev  ## all tests: cargo's and pytest's
ifneq ($(RUST),)
	cargo test --quiet --locked -p market
	REQUIRE=$${REQUIRE:-native} $(BIN)/python -m pytest $(ARGS)
else
	@echo "test: no cargo $(RUST_NEEDED) or newer: what needs the native market is skipped"
	$(BIN)/python -m pytest $(ARGS)
endif

check: setup-dev  ## linters, types, import layers, tidiness, docs
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy $(SOURCES)
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q -n 0 tests/test_tidy.py
	$(BIN)/sphinx-build --quiet --fresh-env --fail-on-warning -b html docs build/docs
ifneq ($(RUST),)
	@if cargo fmt --version >/dev/null 2>&1; then echo cargo fmt --check; cargo fmt --all --check; \
	else echo "check: no rustfmt here: format of the Rust sources not checked"; fi
	@if cargo clippy --version >/dev/null 2>&1; then echo cargo clippy; \
		cargo clippy --quiet --locked --workspace --all-targets -- -D warnings; \
	else echo "check: no clippy here: Rust sources not linted"; fi
else
	@echo "check: no cargo $(RUST_NEEDED) or newer: Rust sources not checked"
endif

format: setup-dev  ## put all sources into form
	$(BIN)/ruff check --fix-only --quiet $(SOURCES)
	$(BIN)/ruff format $(SOURCES)
	if cargo fmt --version >/dev/null 2>&1; then cargo fmt --all; fi

bench: setup-dev  ## measure: lines `name value unit` and `ratio name value`
	@$(BIN)/python -m benchmarks $(ARGS)

fuzz: setup-dev  ## the long tests: hostile streams, faults, planted defects
	@$(BIN)/python -m tests.fuzz $(ARGS)

sim: setup-dev  ## one hostile stream by its seed, printed twice the same: make sim SEED=7
	@$(BIN)/python -m tests.fuzz --seed "$(or $(SEED),1)" $(ARGS)

docs: setup-dev  ## the documentation as pages: build/docs/index.html
	@$(BIN)/sphinx-build --quiet --fresh-env --fail-on-warning --keep-going -b html docs build/docs
	@echo "build/docs/index.html"

lock: setup  ## make the lock files anew (UPGRADE=1: with the newest versions)
	@bash tools/lock.sh

clean:  ## remove builds and caches; .venv stays
	rm -rf build target .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
