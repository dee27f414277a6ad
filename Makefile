# Every target makes what it needs. uv is used where it is installed, and is never needed.
PYTHON ?= python3
VENV := .venv
LOWER := .venv-lower
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
BENCH_STAMP := $(VENV)/.installed-bench
LOWER_STAMP := $(LOWER)/.installed
UV := $(shell command -v uv 2>/dev/null)

# As uv does, pip leaves it to the first import to compile what is imported at all.
# $(1) the environment's folder, $(2) what to install into it, $(3) what else to say.
ifdef UV
install_into = $(UV) pip install --quiet --python $(1)/bin/python $(3) $(2)
else
install_into = $(1)/bin/python -m pip install --quiet --disable-pip-version-check --no-compile $(3) $(2)
endif

# Some machines forbid bytecode; without it every start is two to three times as slow.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install demo test test-slow test-lower test-all lint types check docs bench soak clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(STAMP)  ## make .venv and install migrator into it

$(STAMP): pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(call install_into,$(VENV),--editable '.[dev]',)
	@touch $@

demo: $(STAMP)  ## a tour on a real, private PostgreSQL
	@$(BIN)/python -m examples.tour

# A worker keeps to its files, whose tests share servers, until another has nothing left to do.
WORKERS = -n auto --dist worksteal
PYTEST = $(BIN)/python -m pytest $(WORKERS)

test: $(STAMP)  ## run the tests that are not marked slow (at most 5 minutes on two cores)
	@$(PYTEST) -m 'not slow and not soak'

test-slow: $(STAMP)  ## run the tests that are marked slow; those of a missing server are skipped (14 minutes)
	@$(PYTEST) -m 'slow and not soak'

test-all: test test-slow test-lower  ## run all tests, also with the lowest versions (20 minutes)

lint: $(STAMP)  ## ruff: rules and format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet . || { echo "run: $(BIN)/ruff format ."; exit 1; }

types: $(STAMP)  ## mypy --strict
	@$(BIN)/mypy

check:  ## run all that CI runs: lint, types, test-all (22 minutes)
	@$(MAKE) --no-print-directory -j2 lint types $(LOWER_STAMP)
	@$(MAKE) --no-print-directory -j1 test-all

# What reads, writes and runs revisions through Alembic, SQLAlchemy and the drivers, whose versions differ.
# What lies above them (squash, verify, renames) calls nothing of theirs that these do not.
LOWER_TESTS = $(foreach name,alembic_private private_names commands,tests/contract/test_$(name).py) \
	$(foreach name,changes creators env_py plain_alembic renamed_names round_trips,tests/integration/test_$(name).py) \
	tests/integration/test_foreign_projects.py::test_upgrade_current_and_downgrade_do_what_alembic_does \
	$(foreach name,branches_merge check generate generate_details generate_enums generate_keys generate_messages \
	generate_options history_current odd_env_py reset_versions sql stamp start_up upgrade_downgrade, \
	tests/cli/test_$(name).py)

test-lower: $(LOWER_STAMP)  ## run what differs between versions, but for slow tests, with the lowest declared (2 minutes)
	@$(LOWER)/bin/python -m pytest $(WORKERS) -m "not slow and not soak" $(LOWER_TESTS)

$(LOWER_STAMP): pyproject.toml tests/lower_bounds.py
	@test -x $(LOWER)/bin/python || $(PYTHON) -m venv $(LOWER)
	@$(LOWER)/bin/python tests/lower_bounds.py pyproject.toml > $(LOWER)/constraints.txt
	@$(call install_into,$(LOWER),--editable '.[test]',--constraint $(LOWER)/constraints.txt)
	@touch $@

docs: $(STAMP)  ## write the generated pages and pictures, and build site/
	@$(BIN)/python -m docs.generate
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

bench: $(BENCH_STAMP)  ## measure against plain Alembic, Flask-Migrate and advanced-alchemy
	@$(BIN)/python -m benchmarks

$(BENCH_STAMP): $(STAMP)
	@$(call install_into,$(VENV),--editable '.[bench]',)
	@touch $@

soak: $(STAMP)  ## the long tests, with larger numbers
	@MIGRATOR_SOAK=1 $(BIN)/python -m pytest -m soak

clean:  ## remove what the targets made
	@rm -rf $(VENV) $(LOWER) site .mypy_cache .ruff_cache .pytest_cache
