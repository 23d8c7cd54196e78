# `make` prints this list. Everything lives in .venv; nothing is installed elsewhere.
.DEFAULT_GOAL := help
.PHONY: help setup demo up test check fix lock migration postgresql proofs faults bench docs clean

bin := .venv/bin
# One thread of torch in each parallel test process: two pools on the same cores take six times as long.
pytest := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 $(bin)/pytest
workers ?= 2

help: ## print this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "%-12s %s\n", $$1, $$2 }' Makefile

setup: ## make .venv, with `limbeck` in it
	@scripts/setup

demo: setup ## distill a digits classifier, from the first request to the downloaded student
	@$(bin)/limbeck demo

up: setup ## start the service on this machine; prints its URL and a key
	@$(bin)/limbeck up

test: ## set up, check and test everything
	@scripts/setup --dev
	@$(MAKE) --no-print-directory check
	LIMBECK_TEST_REQUIRE_REAL=1 $(pytest) -n $(workers) --dist loadgroup $(args)

check: ## style, types and the floors of the house
	$(bin)/ruff check .
	$(bin)/ruff format --check --quiet .
	$(bin)/lint-imports --no-logo >/dev/null || $(bin)/lint-imports --no-logo
	$(bin)/mypy

fix: ## repair style where a tool can
	$(bin)/ruff check --fix --quiet .
	$(bin)/ruff format --quiet .

lock: ## write the locks anew (args=--upgrade takes new versions)
	@scripts/setup --dev
	@scripts/lock $(args)

migration: ## write a migration from the tables (name="what it does")
	@scripts/migration "$(name)"

postgresql: ## the tests of the database on the newest PostgreSQL, a wheel's
	@scripts/setup --dev
	TEST_POSTGRESQL=wheel LIMBECK_TEST_REQUIRE_REAL=1 $(pytest) -n $(workers) --dist loadgroup \
		tests/servers tests/migrations tests/ledger tests/api $(args)

proofs: ## the tests that take minutes each, which `make test` leaves out
	@scripts/setup --dev
	LIMBECK_TEST_REQUIRE_REAL=1 $(pytest) -m 'long and not faults' $(args)

faults: ## kill, freeze, cut off and fill up the service some hundred times; prints what was lost
	@scripts/setup --dev
	LIMBECK_TEST_REQUIRE_REAL=1 $(pytest) -m faults -n $(workers) --dist worksteal tests/faults tests/ledger $(args)

bench: ## measure, and print ratios against something measured in the same run
	@scripts/setup --dev
	@$(bin)/python -m benchmarks $(args)

docs: ## write the tables in docs/ that are made from the code
	@$(bin)/python scripts/write_settings.py

clean: ## remove .venv and everything that tools left here
	rm -rf .venv build dist *.egg-info limbeck/*.egg-info .mypy_cache .ruff_cache .pytest_cache \
		.hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
