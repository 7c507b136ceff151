# Two commands do everything on a machine with Python >= 3.11, pip, git and make:
#   make try REPO=/path/to/a/repository QUERY="what you're looking for"
#   make test
PYTHON ?= python3
VENV   ?= .venv
REPO   ?= .
QUERY  ?= cancel a running job
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --quiet --disable-pip-version-check
# The lock files are complete, so nothing is resolved when they are installed: pip does not take the line `coverage==…`
# for a requirement `coverage[toml]>=…`, and would look for a newer one, without a hash. What builds pgdex is locked too.
LOCKED := install --no-deps --require-hashes
SELF   := install --no-deps --no-build-isolation --editable .
BUILD  := requirements-build.lock

# Two for each core: many tests wait, for a process, a lock or a timeout. On 2 busy cores a sixth of the tests took 274 s
# with 3 processes, 202 s with 4 and 209 s with 5.
PROCESSES := $(shell expr $$(getconf _NPROCESSORS_ONLN) \* 2)
# A module's tests stay in one process, which makes what they share once; modules begin in the order of `testpaths`.
TOGETHER  := --dist loadfile --no-loadscope-reorder

# Whatever the shell says: every process that a test starts, and every one that collects them, would compile pgdex again.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help try install develop test test-unit test-clients conformance check reference picture recording docs docs-serve lock wheel dist release-check weight

help:  ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

try: $(VENV)/.installed  ## Index REPO with the embedded PostgreSQL and show the answer to QUERY
	$(BIN)/pgdex index "$(REPO)"
	$(BIN)/pgdex search "$(QUERY)" --limit 3

install: $(VENV)/.installed  ## Install pgdex into VENV (.venv)

develop: $(VENV)/.developed  ## Install pgdex with what its tests and checks need

test: $(VENV)/.developed  ## Run all tests but those that need a container engine (ARGS="..." goes to pytest)
	$(BIN)/python -m pytest --numprocesses $(PROCESSES) $(TOGETHER) --durations=15 $(ARGS)

test-unit: $(VENV)/.developed  ## Run the tests that need no database: under a minute
	$(BIN)/python -m pytest --numprocesses auto --durations=5 tests/unit $(ARGS)

test-clients: $(VENV)/.developed  ## Run the tests with real coding agents and agent frameworks, from npm's registry and PyPI
	$(BIN)/python -m pytest -m clients tests/clients --numprocesses $(PROCESSES) --durations=5 $(ARGS)

conformance: $(VENV)/.developed  ## Run the official MCP conformance suite (needs npm) and print its results as a table
	$(BIN)/python -m tests.conformance $(ARGS)

check: $(VENV)/.developed  ## Linter, formatter, type checker, and who may import whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

reference: $(VENV)/.developed  ## Write docs/reference/ again, from the code
	$(BIN)/python -m docs_reference

picture: $(VENV)/.developed  ## Draw the README's picture again, from a real run: half a minute
	$(BIN)/python docs/images/terminal.py

recording: $(VENV)/.developed  ## Record the README's recording again, from a real run: a minute
	$(BIN)/python docs/images/recording.py

# Never with --quiet: that hides the warnings from --strict as well, and a dead link passes.
docs: $(VENV)/.documented  ## Build the site of docs/ into site/; a dead link is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

docs-serve: $(VENV)/.documented  ## Show the site on http://127.0.0.1:8000, and again after each change
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs serve --strict

wheel: $(VENV)/.developed  ## Build the wheel into dist/
	rm -rf dist
	$(PIP) wheel --no-deps --no-build-isolation --wheel-dir dist .

dist: $(VENV)/.developed  ## Build what a release uploads into dist/: sdists and wheels (PLATFORMS="..." for others)
	$(BIN)/python release/build.py $(PLATFORMS)

release-check: dist  ## Build and check all that a release publishes: packages, registry entry, bundle, plugin
	$(BIN)/python release/check.py $(ARGS)

weight: $(VENV)/.developed  ## Measure what an installation weighs, and write it into docs/dependencies.md
	$(BIN)/python -m benchmarks.weight --write

# Not from an environment of the locks: they may lack what pyproject.toml asks for now.
lock: $(BIN)/python  ## Resolve the dependencies again and write the lock files
	$(PIP) install uv
	$(BIN)/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes \
		--no-annotate --no-header --output-file requirements-dev.lock $(UPGRADE)
	$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
		--no-annotate --no-header --constraint requirements-dev.lock --output-file requirements.lock
	mkdir -p build/core && $(BIN)/python release/core.py --pyproject > build/core/pyproject.toml
	$(BIN)/uv pip compile build/core/pyproject.toml --universal --python-version 3.11 --generate-hashes \
		--no-annotate --no-header --constraint requirements-dev.lock --output-file requirements-core.lock
	$(BIN)/uv pip compile --group pyproject.toml:documents --universal --python-version 3.11 --generate-hashes \
		--no-annotate --no-header --constraint requirements-dev.lock --output-file requirements-documents.lock
	$(BIN)/uv pip compile --group pyproject.toml:build --universal --python-version 3.11 --generate-hashes \
		--no-annotate --no-header --constraint requirements-dev.lock --output-file $(BUILD) $(UPGRADE)
	$(BIN)/uv pip compile --group pyproject.toml:docs --universal --python-version 3.11 --generate-hashes \
		--no-annotate --no-header --constraint requirements-dev.lock --output-file requirements-docs.lock $(UPGRADE)

# Debian's Python may come without ensurepip: virtualenv makes the environment there.
$(BIN)/python:
	$(PYTHON) -m venv $(VENV) 2>/dev/null || { \
		rm -rf $(VENV); \
		$(PYTHON) -m pip --quiet $(LOCKED) --target .bootstrap -r $(BUILD) && \
		PYTHONPATH=.bootstrap $(PYTHON) -m virtualenv --quiet --no-download $(VENV); }

# pip check comes last: it finds whatever pgdex or a locked package needs and the lock file lacks.
$(VENV)/.installed: requirements.lock $(BUILD) pyproject.toml | $(BIN)/python
	$(PIP) $(LOCKED) -r requirements.lock -r $(BUILD)
	$(PIP) $(SELF)
	$(PIP) check
	@touch $@

$(VENV)/.developed: requirements-dev.lock $(BUILD) pyproject.toml | $(BIN)/python
	$(PIP) $(LOCKED) -r requirements-dev.lock -r $(BUILD)
	$(PIP) $(SELF)
	$(PIP) check
	@touch $@ $(VENV)/.installed

$(VENV)/.documented: requirements-docs.lock | $(BIN)/python
	$(PIP) $(LOCKED) -r requirements-docs.lock
	$(PIP) check
	@touch $@
