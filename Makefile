# Two commands do everything on a machine with Python >= 3.11, pip, git and make:
#   make try REPO=/path/to/a/repository QUERY="what you look for"
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

.PHONY: help try install develop test check lock wheel

help:  ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

try: $(VENV)/.installed  ## Index REPO with the embedded PostgreSQL and show the answer to QUERY
	$(BIN)/pgdex index "$(REPO)"
	$(BIN)/pgdex search "$(QUERY)" --limit 3

install: $(VENV)/.installed  ## Install pgdex into VENV (.venv)

develop: $(VENV)/.developed  ## Install pgdex with what its tests and checks need

test: $(VENV)/.developed  ## Run all tests but those that need a container engine (ARGS="..." goes to pytest)
	$(BIN)/python -m pytest --numprocesses auto $(ARGS)

check: $(VENV)/.developed  ## Linter, formatter, type checker, and who may import whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

wheel: $(VENV)/.developed  ## Build the wheel into dist/
	rm -rf dist
	$(PIP) wheel --no-deps --no-build-isolation --wheel-dir dist .

lock: $(VENV)/.developed  ## Resolve the dependencies again and write the lock files
	$(PIP) install uv
	$(BIN)/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes \
		--no-annotate --no-header --output-file requirements-dev.lock $(UPGRADE)
	$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
		--no-annotate --no-header --constraint requirements-dev.lock --output-file requirements.lock
	$(BIN)/uv pip compile --group pyproject.toml:build --universal --python-version 3.11 --generate-hashes \
		--no-annotate --no-header --constraint requirements-dev.lock --output-file $(BUILD) $(UPGRADE)

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
