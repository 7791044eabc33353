# Everything a newcomer runs. Needs Python 3.11 and make; all else goes into .venv.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup setup-dev packages demo test check bench mutants faults soak docs lock clean

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin

PERSONS ?= 5000
MONTHS ?= 12
SEED ?= 7
ONCE ?=
JSON ?=
COUNT ?= 300
JOBS ?= $(shell nproc)
CASES ?=
HOURS ?= 1
RATE ?= 0

HISTORY := .headwater/history
HISTORY_MADE := .headwater/history-$(PERSONS)-$(MONTHS)-$(SEED).made
COMPILE := $(BIN)/uv pip compile pyproject.toml --quiet --python-version 3.11 --generate-hashes --no-emit-index-url \
	--custom-compile-command 'make lock' --extra install

help: ## Lists the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  variables of demo: PERSONS=$(PERSONS) MONTHS=$(MONTHS) SEED=$(SEED) ONCE=1 JSON=FILE"
	@echo "  variables of bench: PART= EVENTS= PERSONS= ROUNDS= PEERS= LARGEST= BURST_S= DATABASE= (docs/performance.md)"
	@echo "  variables of faults and soak: SEED=$(SEED) CASES= HOURS=$(HOURS) RATE= (0: half of what is possible)"
	@echo "  variables of mutants: COUNT=$(COUNT) SEED=$(SEED) JOBS=$(JOBS)"

setup: .venv/.installed ## Installs the platform into .venv, every archive checked against requirements.lock

setup-dev: .venv/.installed-dev .venv/.installed

.venv/.python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)) and "Python 3.11 or 3.12 is needed, this is " + sys.version + "; name one: make PYTHON=...")'
	$(PYTHON) -m venv .venv
	@touch $@

.venv/.locked: requirements.lock | .venv/.python
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

.venv/.installed: pyproject.toml .venv/.locked
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.venv/.installed-dev: requirements-dev.lock .venv/.locked
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

# A town is simulated anew when what makes it has changed: another version's would lack feeds.
TOWN_SOURCES := $(wildcard streams/simulation/*.py tests/truth/*.py infra/demo/*.yaml infra/demo/contracts/*/*/* processors/rules/library/*/*.yaml)

$(HISTORY_MADE): $(TOWN_SOURCES) | .venv/.installed
	rm -rf $(HISTORY) .headwater/history-*.made
	$(BIN)/headwater simulate --persons $(PERSONS) --months $(MONTHS) --seed $(SEED) --out $(HISTORY)
	$(BIN)/python -m tests.truth $(HISTORY)
	@touch $@

demo: .venv/.installed $(HISTORY_MADE) ## A town's life events through the whole platform (ONCE=1 ends afterwards)
	$(BIN)/headwater demo --history $(HISTORY) --officers $(if $(ONCE),--once) $(if $(JSON),--json '$(JSON)')

packages:
	@infra/debian/install-test-packages.sh

test: setup-dev packages ## Installs what the tests need and runs them all
# Three at a time on two cores: a good part is waiting. The long files, which stand first, begin first.
	$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder tests

check: setup-dev ## Style, types and layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup-dev ## Speed beside other stream processors, in one run (PART=correlate: one part); writes bench/results.json
	$(BIN)/python -m bench $(PART)

mutants: setup-dev ## Puts COUNT small slips into the rules, one at a time; the tests must notice 85%
	$(BIN)/python -m tests.mutants --count $(COUNT) --seed $(SEED) --jobs $(JOBS)

faults: setup-dev packages ## Every fault on real processes, a verdict each; CASES='words of names divided by |'
	$(BIN)/python -m tests.faults --seed $(SEED) --cases '$(CASES)' $(if $(JSON),--json '$(JSON)')

soak: setup-dev ## Half load with random faults for HOURS; slopes of memory and file descriptors
	$(BIN)/python -m tests.faults.soak --hours $(HOURS) --rate $(RATE) --seed $(SEED) $(if $(JSON),--json '$(JSON)')

docs: ## Lists the pages of the documentation
	@find docs -name '*.md' | sort | while read -r page; do printf '%-50s %s\n' "$$page" "$$(grep -m 1 '^# ' "$$page" | cut -c 3-)"; done

lock: setup-dev ## Resolves the dependencies afresh into both lock files
	$(COMPILE) --upgrade --output-file requirements.lock
	$(COMPILE) --upgrade --constraint requirements.lock --extra dev --output-file requirements-dev.lock

clean: ## Stops the embedded broker; removes .venv, the data in .headwater and all caches
	-[ ! -x $(BIN)/headwater ] || $(BIN)/headwater broker stop
	rm -rf .venv .venv-peers .headwater dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
