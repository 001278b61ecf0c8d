# make run    the live page, in a browser on this machine
# make test   everything that must hold before a change goes in
#
# Both make what they need: a virtual environment, mien in it, the built page. A step is done
# again only when what it is made from has changed; an interrupted step is done again whole.

VENV ?= .venv
BIN := $(VENV)/bin
# Inside the environment, so that deleting it forgets what was installed in it.
STAMPS := $(VENV)/.stamps
PIP_INSTALL := $(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt
# For example: make run SERVE_ARGS="--port 9000", make test PYTEST_ARGS="-k crop -x"
SERVE_ARGS ?=
PYTEST_ARGS ?=
# One more than cores, since many tests wait for a server, a browser or a clock; few, for the memory of torch.
TEST_PROCESSES ?= $(shell cores=$$(getconf _NPROCESSORS_ONLN); echo $$((cores < 4 ? cores + 1 : 4)))
BENCH_ARGS ?=

PAGE_SOURCES := $(shell find web -type f -not -path '*/node_modules/*' -not -path '*/dist/*' 2>/dev/null)
INSTALL_SOURCES := pyproject.toml constraints.txt $(wildcard hatch_build.py) $(PAGE_SOURCES)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test check audit format bench figures clean

help: ## show this list
	@echo "make TARGET, where TARGET is one of"
	@sed -n 's/^\([a-z]*\):.*## /\1|/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "  %-8s %s\n", $$1, $$2}'

run: $(STAMPS)/base ## start the live page (installs mien first if needed)
	$(BIN)/mien serve $(SERVE_ARGS)

test: check ## run every check and every test that can run on this machine
	$(BIN)/python -m pytest --numprocesses $(TEST_PROCESSES) --dist loadfile $(PYTEST_ARGS)

check: $(STAMPS)/dev ## format, lint, types, the direction of imports, and known vulnerabilities
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@if $(BIN)/python -c '$(PYPI_TELLS)' 2>/dev/null; then $(MAKE) --no-print-directory audit; \
	else echo "mien: SKIPPED make audit: PyPI tells nothing of vulnerabilities here (no network?)"; fi

# Whether PyPI tells that an old version has vulnerabilities; mirrors often do not.
PYPI_TELLS = import json, urllib.request as ask; \
  answer = ask.urlopen("https://pypi.org/pypi/urllib3/1.24/json", timeout=5); \
  raise SystemExit(not json.load(answer)["vulnerabilities"])

# An environment of its own, so that the checker's dependencies are not among those that are
# checked.
audit: $(STAMPS)/audit ## look for known vulnerabilities in the pinned versions (needs the network)
	$(VENV)/audit/bin/pip-audit --strict --requirement constraints.txt --no-deps --disable-pip

format: $(STAMPS)/dev ## put the code into the house format and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(STAMPS)/dev ## measure speed here; figures go to bench/results.json
	$(BIN)/python -m bench $(BENCH_ARGS)

figures: $(STAMPS)/dev ## write the measured figures in docs/figures/ into the README
	$(BIN)/python docs/fill_figures.py

clean: ## remove the environment, caches and what was built (data and runs stay)
	rm -rf $(VENV) dist build web/node_modules web/dist src/mien/web/static src/mien/faces/weights
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

# An environment that somebody made already is kept if it works.
$(STAMPS)/environment:
	@$(BIN)/python -m pip --version >/dev/null 2>&1 && mkdir -p $(@D) && touch $@ && exit 0; \
	rm -rf $(VENV); \
	for candidate in $(PYTHON) python3 python3.13 python3.12 python3.11; do \
	  if $$candidate -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    echo "mien: making an environment in $(VENV) with $$($$candidate --version)"; \
	    $$candidate -m venv $(VENV) && mkdir -p $(@D) && touch $@ && exit 0; \
	    rm -rf $(VENV); \
	    echo "mien: $$candidate cannot make virtual environments;"; \
	    echo "      on Debian and Ubuntu: sudo apt install python3-venv"; \
	    exit 1; \
	  fi; \
	done; \
	echo "mien: needs Python 3.11 or newer, and here is $$(python3 --version 2>/dev/null || echo none)."; \
	echo "      Install one, or name it: make run PYTHON=/path/to/python3.12"; \
	exit 1

$(STAMPS)/base: $(INSTALL_SOURCES) | $(STAMPS)/environment
	@echo "mien: installing mien and building its page: a minute or two the first time"
	$(PIP_INSTALL) -e .
	@mkdir -p $(@D) && touch $@

$(STAMPS)/audit: | $(STAMPS)/environment
	$(BIN)/python -m venv $(VENV)/audit
	$(VENV)/audit/bin/python -m pip install --disable-pip-version-check 'pip-audit>=2.7'
	@touch $@

$(STAMPS)/dev: $(INSTALL_SOURCES) | $(STAMPS)/environment
	@echo "mien: installing what training and the tests need: some minutes the first time"
	$(PIP_INSTALL) -e '.[dev]'
	@mkdir -p $(@D) && touch $@ $(STAMPS)/base
