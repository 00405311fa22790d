# Everything a person runs here. Needs make and Python 3.11 or newer; the rest is brought into this folder.

PYTHON ?= python3
ARGS ?=

VENV := .venv
TOOLS := .venv-tools
READY := $(VENV)/.ready
UV := $(or $(shell command -v uv),$(TOOLS)/bin/uv)

.PHONY: help demo test conformance faults lint bench bench-kafka format lock

help: ## say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(READY) ## run Twinrow against a sandbox of both systems
	$(VENV)/bin/twinrow demo $(ARGS)

test: $(READY) ## run all tests, on a real PostgreSQL and a real Kafka, too (ARGS="-k name" for some)
	$(VENV)/bin/pytest --numprocesses 3 --dist loadfile $(ARGS)

conformance: $(READY) ## run Microsoft's own Service Bus tests against the test broker (ARGS="FILE -k name" for some)
	$(VENV)/bin/python -m tests.microsoft $(ARGS)

faults: $(READY) ## kill, restart and hold up everything for half an hour while users go on, drawn anew each time
	FAULTS=long $(VENV)/bin/pytest tests/fault $(ARGS)

lint: $(READY) ## check style, types and the import rules
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

bench: $(READY) ## measure
	$(VENV)/bin/python -m benchmarks $(ARGS)

bench-kafka: $(READY) ## measure several workers on Kafka
	$(VENV)/bin/python -m benchmarks --only kafka $(ARGS)

format: $(READY) ## put the code into its standard form
	$(VENV)/bin/ruff check --fix
	$(VENV)/bin/ruff format

lock: $(UV) ## pin the dependencies of pyproject.toml anew (ARGS=--upgrade for the newest)
	$(UV) pip compile --quiet --universal --generate-hashes --group dev --no-emit-index-url \
		--custom-compile-command "make lock" --output-file requirements.lock $(ARGS) pyproject.toml

$(READY): requirements.lock pyproject.toml | $(UV)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed: install it, then name it: make PYTHON=python3.11"; exit 1; }
	@test -x $(VENV)/bin/python || $(UV) venv --quiet --no-python-downloads --python "$$(command -v $(PYTHON))" $(VENV)
	$(UV) pip sync --quiet --require-hashes --python $(VENV)/bin/python requirements.lock
	$(UV) pip install --quiet --no-deps --python $(VENV)/bin/python --editable .
	@touch $@

# In a folder of its own: distributions forbid pip to install next to their own packages (PEP 668).
$(TOOLS)/bin/uv:
	@$(PYTHON) -m pip install --quiet --target $(TOOLS) uv \
		|| { echo "uv is needed and could not be installed: see https://docs.astral.sh/uv/"; exit 1; }
