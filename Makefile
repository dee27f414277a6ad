# Every target makes what it needs. uv is used where it is installed, and is never needed.
PYTHON ?= python3
VENV := .venv
LOWER := .venv-lower
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
LOWER_STAMP := $(LOWER)/.installed
UV := $(shell command -v uv 2>/dev/null)

# $(1) the environment's folder, $(2) what to install into it, $(3) what else to say.
ifdef UV
install_into = $(UV) pip install --quiet --python $(1)/bin/python $(3) $(2)
else
install_into = $(1)/bin/python -m pip install --quiet --disable-pip-version-check $(3) $(2)
endif

# Some machines forbid bytecode; without it every start is two to three times as slow.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install demo test lint types check bench soak clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(STAMP)  ## make .venv and install migrator into it

$(STAMP): pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(call install_into,$(VENV),--editable '.[dev]',)
	@touch $@

demo: $(STAMP)  ## a tour on a real, private PostgreSQL
	@$(BIN)/python -m examples.tour

test: $(STAMP)  ## run the tests
	@$(BIN)/python -m pytest -n auto

lint: $(STAMP)  ## ruff: rules and format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet . || { echo "run: $(BIN)/ruff format ."; exit 1; }

types: $(STAMP)  ## mypy --strict
	@$(BIN)/mypy

check:  ## all that CI runs
	@$(MAKE) --no-print-directory -j2 lint types $(LOWER_STAMP)
	@$(MAKE) --no-print-directory test
	@$(MAKE) --no-print-directory test-lower

.PHONY: test-lower
test-lower: $(LOWER_STAMP)
	@echo "the tests once more, with the lowest versions that pyproject.toml declares"
	@# Killing a hundred runs, and servers, changing models at random, or judging statements takes minutes, and says
	@# little about versions.
	@$(LOWER)/bin/python -m pytest -n auto $(foreach f,faults/test_kills faults/test_outages faults/test_races \
		faults/test_lock_timeouts integration/test_generated_sequences integration/test_lint_locks \
		integration/test_lint_remedies integration/test_lint_rules integration/test_lint_squawk \
		integration/test_scenarios integration/test_embedded cli/test_consent cli/test_status,--ignore tests/$(f).py)

$(LOWER_STAMP): pyproject.toml tests/lower_bounds.py
	@test -x $(LOWER)/bin/python || $(PYTHON) -m venv $(LOWER)
	@$(LOWER)/bin/python tests/lower_bounds.py pyproject.toml > $(LOWER)/constraints.txt
	@$(call install_into,$(LOWER),--editable '.[dev]',--constraint $(LOWER)/constraints.txt)
	@touch $@

bench: $(STAMP)  ## measure against plain Alembic
	@$(BIN)/python -m benchmarks

soak: $(STAMP)  ## the long tests, with larger numbers
	@MIGRATOR_SOAK=1 $(BIN)/python -m pytest -m soak

clean:  ## remove what the targets made
	@rm -rf $(VENV) $(LOWER) .mypy_cache .ruff_cache .pytest_cache
