# Lyceum: `make` lists what can be done.
.DEFAULT_GOAL := help
PYTHON ?= python3
UV := .venv/bin/uv
BIN := .venv/bin
PACKAGES := lyceum models memory agents workflows evals mcp_servers app
Q ?=

.PHONY: help setup setup-dev setup-extras chat doctor test test-slow test-extras test-services test-local conformance sweep soak live check lint \
	format types imports docs lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3,11) <= sys.version_info[:2] < (3,14) else "Lyceum needs Python 3.11 to 3.13; set PYTHON=...")'
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements/uv.lock
	@$(UV) pip uninstall --quiet --python $(BIN)/python setuptools # nothing here is built with it

.venv/.base: $(UV) requirements/base.lock pyproject.toml
	@echo "installing Lyceum into .venv (once)" >&2
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --require-hashes -r requirements/base.lock
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --build-constraints requirements/dev.lock -e .
	@env -u PYTHONDONTWRITEBYTECODE $(BIN)/lyceum doctor --warm >/dev/null 2>&1 || true
	@touch $@

.venv/.dev: .venv/.base requirements/dev.lock
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --require-hashes -r requirements/dev.lock
	@touch $@

.venv/.extras: .venv/.dev requirements/extras.lock
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --require-hashes -r requirements/extras.lock
	@touch $@

setup: .venv/.base ## install the hash-locked set into .venv
setup-dev: .venv/.dev ## the same plus the tools that check and test

setup-extras: .venv/.extras ## the same plus everything optional

chat: .venv/.base ## talk to the team; make chat Q="Which genre has the most tracks?"
	@$(BIN)/lyceum chat $(if $(Q),"$$Q")

doctor: .venv/.base ## what works on this machine, and how to fix the rest
	@$(BIN)/lyceum doctor

test: .venv/.dev ## the default suite: offline, deterministic, minutes
	@$(BIN)/pytest -q -n 2 --ignore=tests/docs -m "not slow and not extra and not service and not local_model"

test-slow: .venv/.dev ## the slower suites that CI also runs
	@$(BIN)/pytest -q -m "slow and not extra and not service and not local_model"

test-extras: .venv/.extras ## what needs optional packages
	@$(BIN)/pytest -q -m "extra and not service and not local_model" || [ $$? -eq 5 ] # 5: no such test exists yet

test-services: .venv/.extras ## what needs the real servers of .ci/services
	@$(BIN)/pytest -q -m "service and not local_model" || [ $$? -eq 5 ]

conformance: .venv/.dev ## the protocol's own suite against the tool servers (needs npm); writes docs/conformance.md
	@$(BIN)/python -m tests.mcp_servers.conformance.suite

sweep: .venv/.dev ## other people's MCP clients against the tool servers (needs npm and an index); writes docs/clients.md
	@$(BIN)/python -m tests.mcp_servers.sweep.sweep

soak: .venv/.extras ## a thousand random kills per engine, and the bound on repeats: make soak KILLS=1000
	@$(BIN)/python -m tests.workflows.conformance.soak --engine journal --kills $(or $(KILLS),1000)
	@$(BIN)/python -m tests.workflows.conformance.soak --engine temporal --kills $(or $(KILLS),1000)

test-local: .venv/.dev ## what needs the pulled 1.5B model
	@$(BIN)/pytest -q -m local_model || [ $$? -eq 5 ]

live: .venv/.dev ## real turns with a real key, which cost money: make live PROVIDER=openai
	@$(BIN)/python -c 'import os, sys; from models.ladder import rungs; from lyceum.settings import load_settings; found = {r.name: r for r in rungs(load_settings(), os.environ)}; r = found.get("$(PROVIDER)"); sys.exit(f"PROVIDER= one of {chr(44).join(found)}" if r is None else None if r.available else f"$(PROVIDER) cannot be used yet: {r.reason}")'
	@LYCEUM_TEST_PROVIDER=$(PROVIDER) $(BIN)/pytest -q -m live --force-enable-socket tests/models/test_live_provider.py

lint: .venv/.dev ## ruff: style, imports, bugs
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

format: .venv/.dev ## let ruff rewrite what it can
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .

types: .venv/.extras ## pyright in strict mode, which reads the optional packages too
	@$(BIN)/basedpyright

imports: .venv/.dev ## who may import whom
	@$(BIN)/lint-imports

docs: .venv/.dev ## generated tables are current and snippets run
	@$(BIN)/pytest -q tests/docs

check: lint imports docs test types ## exactly what CI runs first; types come last: they install what is optional

lock: $(UV) ## recompile requirements/*.lock (needs an index)
	@sh requirements/compile.sh

clean: ## remove the environment and caches
	@rm -rf .venv .pytest_cache .ruff_cache .hypothesis .import_linter_cache
