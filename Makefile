SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help install tools demo demo-cluster test test-fast test-exports lint fuzz serve bench docs lock

bin := .venv/bin
# Dozens of processes of the tests and of the service import the same modules: each compiles them
# anew where they may not be kept compiled.
export PYTHONDONTWRITEBYTECODE :=

help:  ## show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install:  ## install everything into .venv (PYTHON=... names the interpreter)
	@./scripts/install.sh

tools: install
	@./scripts/install_test_tools.sh

demo: install  ## the whole product on real data in three minutes (SEED=... for fresh seeds)
	@$(bin)/python scripts/demo.py $(if $(SEED),--seed $(SEED))

demo-cluster: install  ## the demo on a two-node Ray cluster, which it starts and stops
	@$(bin)/python -m scripts.demo_cluster $(if $(SEED),--seed $(SEED))

test: tools lint  ## everything that continuous integration runs
	$(bin)/pytest --numprocesses 2 --dist worksteal </dev/null

test-exports: install  ## exports read by the frameworks' own code, in an environment of their own
	@./scripts/install_frameworks.sh
	$(bin)/pytest tests/benchmarks/test_exports_by_frameworks.py -rs </dev/null

test-fast: install  ## what needs neither training, processes, a browser nor PostgreSQL
	$(bin)/pytest --numprocesses 2 --dist worksteal -m "not slow and not postgres and not browser and not gpu" </dev/null

lint: install  ## ruff, mypy --strict and the import contracts
	$(bin)/ruff check .
	$(bin)/ruff format --check .
	$(bin)/mypy
	$(bin)/lint-imports

fuzz: install  ## the API with generated requests as every scope (CASES=1000 for a minute)
	@$(bin)/python -m benchmarks.api_fuzz $(if $(CASES),--cases $(CASES))

serve: install  ## run the service on this machine (ARGS="--port 0 --slots 2")
	@$(bin)/widthwise up $(ARGS)

bench: install  ## most benchmarks, in a quick form where they have one; each prints its result
	@for arguments in \
		"checks.coordinate_checks --quick" "checks.family_options --quick --families mlp" \
		"transfer.lr_transfer --quick" "transfer.depth_transfer --quick" transfer.bank transfer.axes.bank "transfer.regret --draws 12" \
		"transfer.verify_at_scale --quick" \
		"throughput.cohort_throughput --quick" "throughput.engine_overhead --quick" \
		"throughput.batch_gathering --quick" "throughput.launches --quick" \
		"service_load.responses --quick" "service_load.evidence --trials 1000 2000 --repeats 50" "external_load --quick" \
		"service_load.proposals --trials 500 2000" "chaos --quick" "scale --quick" "own_ways --quick"; do \
		echo "== python -m benchmarks.$$arguments"; $(bin)/python -m benchmarks.$$arguments; \
	done

docs: install  ## the documentation's site, in site/index.html
	@$(bin)/zensical build --strict --clean

lock: install  ## pin requirements.in anew into requirements.lock
	$(bin)/uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate \
		requirements.in --output-file requirements.lock.new
	printf '%s\n' mup==1.0.0 pytorch-optimizer==4.1.0 | LC_ALL=C sort requirements.lock.new - > requirements.lock
	rm requirements.lock.new
