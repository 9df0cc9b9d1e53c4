# Everything starts here: `make` lists what there is. Needs Python 3.11, 3.12 or 3.13 with its venv module, and make.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/sh

BUILD := build
VENV := .venv
RUN := $(VENV)/bin/python
# Tests mostly wait for servers. Each of the processes has servers of its own, and runs whole files, in their order: the
# longest, of few tests, come first.
SIDE_BY_SIDE := -n 3 --dist loadfile --no-loadscope-reorder
LOCKS := requirements/dev.txt requirements/training.txt requirements/worker.txt

# PYTHON=… chooses an interpreter; otherwise the first of these that runs and is supported.
PYTHON ?= python3.11 python3.12 python3.13 python3
SUPPORTED := import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))

export PIP_DISABLE_PIP_VERSION_CHECK := 1
# The worker asks this of ONNX Runtime itself; the peers of the benchmark, and tests that load a model, do not.
export ORT_DISABLE_TELEMETRY := 1

##@ For a first look
.PHONY: help
help: ## This list
	@awk 'BEGIN { FS = ":.*## " } \
	  /^##@ / { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(VENV)/installed ## Train, start a real Kafka and Redis, watch labels arrive; DATA=FOLDER for your own data
	@$(RUN) -m deploy.demo $(if $(DATA),--data "$(DATA)")

##@ For every change
.PHONY: test
test: lint types ## Lint, types, and every test; ARGS="-n 0 -k name" for some of them
	@$(RUN) -m pytest $(SIDE_BY_SIDE) $(ARGS)

.PHONY: lint
lint: $(VENV)/installed ## The linter and the formatter, which changes nothing here
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .

.PHONY: types
types: $(VENV)/installed ## The strict type checker
	@$(RUN) -m mypy

##@ For claims
.PHONY: bench
bench: $(VENV)/installed ## The benchmarks, with peers side by side
	@$(RUN) -m tests.benchmark $(ARGS)

.PHONY: chaos
chaos: $(VENV)/installed ## Faults against the exactly-once promise; SEED=1 MINUTES=10
	@$(RUN) -m tests.acceptance $(if $(SEED),--seed $(SEED)) $(if $(MINUTES),--minutes $(MINUTES))

.PHONY: reproduce
reproduce: $(VENV)/installed ## Every model of the README's tables, trained and measured (hours)
	@$(RUN) -m training.reproduce $(ARGS)

##@ For dependencies
.PHONY: audit
audit: $(VENV)/installed ## Known vulnerabilities of the locked packages
	@for lock in $(LOCKS); do \
	  echo "$$lock"; $(RUN) -m pip_audit --strict --require-hashes --disable-pip --requirement $$lock $(ARGS) || { \
	    echo "make: a known vulnerability, or no verdict: 'not found on PyPI' and failed connections say that the index," >&2; \
	    echo "make: which knows the advisories, was not reached, and nothing about the packages" >&2; exit 1; }; \
	done

.PHONY: sbom
sbom: $(VENV)/installed ## What the worker is made of, as CycloneDX: build/sbom.json
	@$(RUN) -m deploy.sbom requirements/worker.txt $(BUILD)/sbom.json

# uv resolves for every supported Python and platform at once; it has an environment of its own, so that it is never
# one of the dependencies. The lock files name no index: whoever installs has chosen theirs.
UV := $(BUILD)/uv/bin/uv
COMPILE = $(UV) pip compile --quiet pyproject.toml --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-header $(if $(UPGRADE),--upgrade)

.PHONY: lock
lock: $(UV) ## Lock the dependencies of pyproject.toml anew; UPGRADE=1 for their latest versions
	$(COMPILE) --output-file requirements/worker.txt
	$(COMPILE) --extra export --output-file requirements/training.txt
	$(COMPILE) --extra dev --output-file requirements/dev.txt

$(UV): | $(VENV)/installed
	@$(RUN) -m venv $(BUILD)/uv
	@$(BUILD)/uv/bin/python -m pip install --quiet uv==0.13.8

.PHONY: clean
clean: ## Remove what was built, but not the environment in .venv
	rm -rf $(BUILD) dist .mypy_cache .pytest_cache .ruff_cache .hypothesis

# One environment for everything: almost all of its size is TensorFlow and the Java runtime, which the demo needs too.
# The packages are installed, the project is not: its commands run from this folder.
$(VENV)/installed: requirements/dev.txt
	@$(RUN) -m pip --version >/dev/null 2>&1 || { \
	  for python in $(PYTHON); do \
	    if $$python -c '$(SUPPORTED)' 2>/dev/null; then \
	      echo "Creating $(VENV) with $$($$python --version)"; \
	      exec $$python -m venv --clear $(VENV); \
	    fi; \
	  done; \
	  echo "make: none of $(PYTHON) is a Python from 3.11 to 3.13 that has the venv module." >&2; \
	  echo "make: install one (on Debian and Ubuntu: python3.11 python3.11-venv), or name it: make PYTHON=/path/to/python" >&2; \
	  exit 1; \
	}
	@echo "Installing the packages of $< into $(VENV) (about 600 MB, once; a few minutes)"
	@$(RUN) -m pip install --quiet --require-hashes --requirement $<
	@touch $@
