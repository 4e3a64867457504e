# make run · make demo · make test · make bench: each does all of its own set-up.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
HOST ?= 127.0.0.1
PORT ?= 8000

.PHONY: run demo screenshots test lint types js unit bench bench-client bench-ingest bench-alerts bench-browser bench-postgres bench-grouping bench-dashboard

run: $(VENV)/.installed
	$(BIN)/levqor-errors collector --host $(HOST) --port $(PORT)

demo: $(VENV)/.installed
	$(BIN)/levqor-errors demo

screenshots: $(VENV)/.installed-test
	@scripts/need chromium
	$(BIN)/python scripts/screenshots.py

test: lint types js unit

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-test
	$(BIN)/mypy

# The browser client: types, style, tests, the package, sizes, and whether the file that the collector serves is stale.
js: js/node_modules/.installed
	@cd js && npm run --silent check

js/node_modules/.installed: js/package.json js/package-lock.json
	@scripts/need npm
	@cd js && npm ci --loglevel=error
	@touch $@

unit: $(VENV)/.installed-test js/node_modules/.installed
	@# The mail server of the tests has a certificate of its own.
	@scripts/need openssl
	@scripts/need chromium
	@# Most tests wait for processes and deadlines: three at a time keep two cores busy.
	$(BIN)/python -m pytest -n 3 --dist worksteal

$(VENV)/bin/python:
	@scripts/make-venv "$(PYTHON)" "$(VENV)"

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[collector]'
	@touch $@

$(VENV)/.installed-test: $(VENV)/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	@touch $@ $(VENV)/.installed

bench: bench-client bench-browser bench-ingest bench-postgres bench-alerts bench-grouping bench-dashboard

bench-client: $(VENV)/.installed-bench
	$(BIN)/python bench/client.py

bench-browser: js/node_modules/.installed bench/browser/node_modules/.installed
	@node bench/browser/sizes.mjs

bench/browser/node_modules/.installed: bench/browser/package.json bench/browser/package-lock.json
	@cd bench/browser && npm ci --loglevel=error
	@touch $@

bench-ingest: $(VENV)/.installed-test
	@scripts/need wrk
	$(BIN)/python bench/ingest.py

bench-postgres: $(VENV)/.installed-test
	@scripts/need wrk
	$(BIN)/python bench/ingest_postgres.py

bench-dashboard: $(VENV)/.installed-test
	$(BIN)/python bench/dashboard.py

bench-alerts: $(VENV)/.installed-test
	PYTHONPATH=tests $(BIN)/python bench/alerts.py

bench-grouping: $(VENV)/.installed-test
	$(BIN)/python bench/grouping.py

$(VENV)/.installed-bench: $(VENV)/.installed-test bench/requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -r bench/requirements.txt
	@touch $@
