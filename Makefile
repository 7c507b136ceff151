# Two commands do everything on a machine with Python >= 3.11, pip, git and make:
#   make try REPO=/path/to/a/repository QUERY="what you look for"
#   make test
PYTHON ?= python3
VENV   ?= .venv
REPO   ?= .
QUERY  ?= cancel a running job
BIN    := $(VENV)/bin

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

check: $(VENV)/.developed  ## Linter, formatter and type checker
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

wheel: $(VENV)/.developed  ## Build the wheel into dist/
	rm -rf dist
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .

lock: $(VENV)/.developed  ## Resolve the dependencies anew and write both lock files
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes \
		--no-annotate --no-header --output-file requirements-dev.lock $(UPGRADE)
	$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
		--no-annotate --no-header --constraint requirements-dev.lock --output-file requirements.lock

# Debian's Python may come without ensurepip: virtualenv makes the environment there.
$(BIN)/python:
	$(PYTHON) -m venv $(VENV) 2>/dev/null || { \
		rm -rf $(VENV); \
		$(PYTHON) -m pip install --quiet --target .bootstrap virtualenv && \
		PYTHONPATH=.bootstrap $(PYTHON) -m virtualenv --quiet $(VENV); }

$(VENV)/.installed: requirements.lock pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	$(BIN)/python -m pip check --quiet --disable-pip-version-check
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

$(VENV)/.developed: requirements-dev.lock pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@ $(VENV)/.installed
