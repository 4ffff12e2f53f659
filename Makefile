# `make help` lists the targets. Each installs what it needs, the first time and when a lock has changed.
PYTHON := .venv/bin/python
ARGS ?=
# Two more than there are cores: tests wait for processes, servers and clocks nearly as often as they compute.
WORKERS ?= $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) + 2)))
# Compiled modules are kept even where that is turned off: the tests start many processes that import the same.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help

##@ Run

.PHONY: run
run: .installed-run ## Run the service with a simulated Sinch (PORT, SIMULATOR_PORT; users stay in instance/)
	@$(PYTHON) scripts/run_local.py

.PHONY: dev
dev: .installed-run ## The same, restarting when the code changes
	@$(PYTHON) scripts/run_local.py --reload

##@ Verify

.PHONY: test
test: .installed-dev ## Run all tests (ARGS="-k otp -x", WORKERS=0 for one process)
	$(PYTHON) -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

.PHONY: test-timing
test-timing: .installed-dev ## Compare response times that must not differ; on a quiet machine, before a release
	$(PYTHON) -m pytest -m timing $(ARGS)

.PHONY: test-browser
test-browser: .installed-dev ## Use the pages and make passkeys in a real browser (Debian's chromium; root installs it when it is absent)
	@command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && apt-get update && apt-get install -y chromium; } || \
		{ echo "make test-browser needs chromium: apt-get install chromium" >&2; exit 1; }
	$(PYTHON) -m pytest tests/browser $(ARGS)

.PHONY: fuzz
fuzz: .installed-dev ## Compare the routes with the OpenAPI document by Schemathesis (longer: ARGS="--examples 100")
	$(PYTHON) -m tests.fuzz $(ARGS)

.PHONY: chaos
chaos: .installed-dev ## Every race 30 times, and 10,000 verifications with faults of every kind; before a release
	RACE_ROUNDS=$${RACE_ROUNDS:-30} MODEL_EXAMPLES=$${MODEL_EXAMPLES:-200} LIFE_CYCLE_STEPS=$${LIFE_CYCLE_STEPS:-2500} \
		CHAOS_VERIFICATIONS=$${CHAOS_VERIFICATIONS:-10000} SPEND_PROCESSES=$${SPEND_PROCESSES:-16} \
		$(PYTHON) -m pytest -m "race or chaos" $(ARGS)

.PHONY: check
check: lint ## Check form, types, import directions, the rules of the house and migrations
	$(PYTHON) -m pytest -q -n 0 tests/core/test_architecture.py
	sh scripts/check_migrations.sh

.PHONY: lint
lint: .installed-dev ## Of these only what `make test` does not check too: form, types, import directions
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .
	$(PYTHON) -m mypy
	.venv/bin/lint-imports
	sh scripts/check_clients.sh

.PHONY: format
format: .installed-dev ## Put the code into form
	$(PYTHON) -m ruff format .
	$(PYTHON) -m ruff check --fix .

.PHONY: audit
audit: .installed-dev ## Look for known vulnerabilities in the locked requirements (needs the network)
	$(PYTHON) -m pip_audit --strict --require-hashes --disable-pip --requirement requirements.txt

.PHONY: bench
bench: .installed-dev ## Measure speed against the machine's own limits, 6 minutes, before a release (ARGS=--quick)
	$(PYTHON) -m benchmarks $(ARGS)

.PHONY: bench-fraud
bench-fraud: .installed-dev ## Judge the fraud guard by synthetic traffic, 7 minutes; writes into docs/fraud.md (ARGS=--quick or --variants)
	$(PYTHON) -m benchmarks.fraud compare $(ARGS)

.PHONY: limits
limits: .installed-dev ## Write the table of all limits into docs/security.md, after a limit was added or changed
	@$(PYTHON) -m scripts.limits_table

.PHONY: bench-audit
bench-audit: .installed-dev ## Measure what the audit trail costs, and how fast it is verified, one minute
	$(PYTHON) -m benchmarks.audit_cost $(ARGS)

.PHONY: bench-fraud-state
bench-fraud-state: .installed-dev ## Measure a decision of the fraud guard and the room that it needs, 1,000,000 known numbers, 3 minutes
	$(PYTHON) -m benchmarks.fraud_state $(ARGS)

.PHONY: measure
measure: .installed-dev ## Measure the structure of the code: modules, sizes, comments, files of a sign-in
	@$(PYTHON) -m scripts.measure

##@ Maintain

COMPILE := uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-header

.PHONY: lock
lock: ## Lock the requirements of pyproject.toml again (needs uv; LOCK_ARGS=--upgrade for newer versions)
	@command -v uv >/dev/null || { echo "make lock needs uv: https://docs.astral.sh/uv/" >&2; exit 1; }
	$(COMPILE) $(LOCK_ARGS) pyproject.toml -o requirements.txt
	$(COMPILE) $(LOCK_ARGS) --group dev pyproject.toml -c requirements.txt -o requirements-dev.txt

.PHONY: clean
clean: ## Remove the virtual environment and caches (instance/, your data, stays)
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage .coverage.* htmlcov
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help
help: ## Show this
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Not files: the script itself finds out in milliseconds whether there is something to do.
.PHONY: .installed-run .installed-dev
.installed-run:
	@sh scripts/setup.sh run
.installed-dev:
	@sh scripts/setup.sh dev
