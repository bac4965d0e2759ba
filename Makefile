# One command each. "make" alone lists them.
#
# Every environment is built from pinned requirements and marked by a stamp file that is written
# last: an install that fails or is interrupted leaves no stamp, and the next run starts it afresh.

PYTHON  ?= python3
STORAGE ?= database
PORT    ?= 8000
WORKERS ?= 2
DJANGO  ?=
ARGS    ?=

VENV       ?= .venv
VENV_LINT  ?= .venv-lint
VENV_DEMO  ?= .venv-demo
VENV_SITE  ?= .venv-site
VENV_DIST  ?= .venv-dist

# "311" for Python 3.11; empty when $(PYTHON) cannot be run, which check-python then explains.
PYTAG := $(shell $(PYTHON) -c 'import sys; print("%d%d" % sys.version_info[:2])' 2>/dev/null)
# Python 3.11 is the last one that only Django 5.2 supports.
PINS  := requirements/$(if $(filter 311,$(PYTAG)),test-py311-django52.txt,test-py313-django61.txt)
# A pair of Python and Django without pins, such as PYTHON=python3.12 DJANGO=6.0, is resolved anew.
PAIR  := requirements/test-py$(PYTAG)-django$(subst .,,$(DJANGO)).txt
TESTS := $(if $(DJANGO),$(or $(addprefix -r ,$(wildcard $(PAIR))),-r requirements/test.in "Django~=$(DJANGO).0"),-r $(PINS))

# The Python's version is part of the stamp's name: another PYTHON makes the environment anew.
TEST_READY  := $(VENV)/.ready-$(PYTAG)$(addprefix -django,$(DJANGO))
LINT_READY  := $(VENV_LINT)/.ready-$(PYTAG)
DEMO_READY  := $(VENV_DEMO)/.ready-$(PYTAG)
SITE_READY  := $(VENV_SITE)/.ready-$(PYTAG)
DIST_READY  := $(VENV_DIST)/.ready-$(PYTAG)

# Twice quiet: only errors speak.
PIP_INSTALL = -m pip install --quiet --quiet --disable-pip-version-check --no-input

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test slow site links pictures docs coverage bench hammer outages moving throttle suites charts orders lint types format dist lock clean

help:  ## list these commands
	@echo "django-frontdesk: make COMMAND [PYTHON=python3.13]"
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

demo: $(DEMO_READY)  ## serve the example site: make demo [STORAGE=database|cache|file|redis] [PORT=8000]
	@$(VENV_DEMO)/bin/python example/demo.py --storage $(STORAGE) --port $(PORT)

test: $(TEST_READY)  ## run the tests, in two processes: make test [ARGS="-k login"] [DJANGO=6.0]
	@$(VENV)/bin/python -m pytest -q -n $(WORKERS) --dist worksteal $(ARGS)

slow: $(TEST_READY)  ## run the slow tests, which CI runs as well
	@$(VENV)/bin/python -m pytest -q -m slow $(ARGS)

orders: $(TEST_READY)  ## try every order of three operations: many minutes
	@$(VENV)/bin/python -m pytest -q -m exhaustive $(ARGS)

site: $(SITE_READY)  ## build the documentation site in build/site
	@$(VENV_SITE)/bin/sphinx-build -q -W --keep-going -b html docs build/site
	@echo "Built: build/site/index.html"

links: $(SITE_READY)  ## ask other hosts whether the links of the documentation still lead somewhere
	@$(VENV_SITE)/bin/sphinx-build -q -b linkcheck docs build/links

pictures: $(TEST_READY)  ## take the pictures of the documentation again, with the system's Chromium
	@FRONTDESK_PICTURES=docs/images $(VENV)/bin/python -m pytest -q -m slow tests/browser/test_pictures.py

docs: $(TEST_READY)  ## check that every snippet and command in the documentation works
	@$(VENV)/bin/python -m pytest -q tests/docs $(ARGS)

coverage: $(TEST_READY)  ## run the tests and show the lines they miss
	@$(VENV)/bin/python -m coverage erase
	@$(VENV)/bin/python -m coverage run -m pytest $(ARGS)
	@$(VENV)/bin/python -m coverage combine --quiet
	@$(VENV)/bin/python -m coverage report

bench: $(TEST_READY)  ## measure speed and write docs/evidence/benchmarks.md: make bench [ARGS="--only SQLite"]
	@$(VENV)/bin/python -m benchmarks.speed $(ARGS)

hammer: $(TEST_READY)  ## race processes over HTTP on every storage: make hammer [ARGS="--storages file"]
	@$(VENV)/bin/python -m benchmarks.hammer $(ARGS)

outages: $(TEST_READY)  ## take servers away under load and write docs/evidence/outages.md
	@$(VENV)/bin/python -m benchmarks.outages $(ARGS)

moving: $(TEST_READY)  ## move a site from Django's engines and back under traffic
	@$(VENV)/bin/python -m benchmarks.moving $(ARGS)

throttle: $(TEST_READY)  ## guess passwords and write docs/evidence/throttle.md
	@$(VENV)/bin/python -m benchmarks.throttle $(ARGS)

suites: $(TEST_READY)  ## run Django's own tests with frontdesk: make suites [ARGS="--storage memory"]
	@$(VENV)/bin/python -m benchmarks.django_suites $(ARGS)

charts: $(TEST_READY)  ## make the charts and tables of docs/evidence again, from its CSV files
	@$(VENV)/bin/python -m benchmarks.evidence

lint: $(LINT_READY)  ## check style and formatting
	@$(VENV_LINT)/bin/ruff check .
	@$(VENV_LINT)/bin/ruff format --check .

types: $(LINT_READY)  ## check types, and what type checkers tell the users of the package
	@$(VENV_LINT)/bin/mypy
	@$(VENV_LINT)/bin/python -m tests.types.check

format: $(LINT_READY)  ## format the code and apply safe fixes
	@$(VENV_LINT)/bin/ruff check --fix .
	@$(VENV_LINT)/bin/ruff format .

dist: $(DIST_READY)  ## build the last commit into dist/, and try it in clean environments
	@$(VENV_DIST)/bin/python .ci/dist.py $(PYTHON_OLD) $(PYTHON_NEW)

clean:  ## remove environments, caches and build results (the demo's data stays)
	rm -rf .venv .venv-* .ci-venv-* build dist htmlcov .coverage .coverage.* \
		.pytest_cache .mypy_cache .ruff_cache .hypothesis
	find src tests example docs benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

# --- environments -----------------------------------------------------------------------------

# Asked only when an environment has to be made, so that repeated runs stay quick and quiet.
define check_python
$(PYTHON) -c '' 2>/dev/null || { echo 'make: cannot run "$(PYTHON)".' \
	'Install Python 3.11 or newer, or name yours: make ... PYTHON=python3.13' >&2; exit 1; }; \
$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo 'make: $(PYTHON) is older than' \
	'Python 3.11. Name a newer one: make ... PYTHON=python3.13' >&2; exit 1; }; \
$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo 'make: $(PYTHON) lacks the venv module.' \
	'Install it (Debian and Ubuntu: apt install python3-venv) and try again.' >&2; exit 1; }
endef

# "--clear" also removes the stamp of another Python: there is never more than one per environment.
$(TEST_READY): $(PINS) requirements/test.in pyproject.toml
	@$(check_python)
	@echo 'Making $(VENV) from $(TESTS) (once) ...'
	@$(PYTHON) -m venv --clear $(VENV)
	@$(VENV)/bin/python $(PIP_INSTALL) $(TESTS)
	@$(VENV)/bin/python $(PIP_INSTALL) --no-deps -e .
	@touch $@

$(VENV_LINT)/.ready-$(PYTAG): requirements/lint.txt pyproject.toml
	@$(check_python)
	@echo "Making $(VENV_LINT) from requirements/lint.txt (once) ..."
	@$(PYTHON) -m venv --clear $(VENV_LINT)
	@$(VENV_LINT)/bin/python $(PIP_INSTALL) -r requirements/lint.txt
	@$(VENV_LINT)/bin/python $(PIP_INSTALL) --no-deps -e .
	@touch $@

$(VENV_SITE)/.ready-$(PYTAG): requirements/site.txt pyproject.toml
	@$(check_python)
	@echo "Making $(VENV_SITE) from requirements/site.txt (once) ..."
	@$(PYTHON) -m venv --clear $(VENV_SITE)
	@$(VENV_SITE)/bin/python $(PIP_INSTALL) -r requirements/site.txt
	@$(VENV_SITE)/bin/python $(PIP_INSTALL) --no-deps -e .
	@touch $@

$(DIST_READY): requirements/dist.txt
	@$(check_python)
	@echo "Making $(VENV_DIST) from requirements/dist.txt (once) ..."
	@$(PYTHON) -m venv --clear $(VENV_DIST)
	@$(VENV_DIST)/bin/python $(PIP_INSTALL) -r requirements/dist.txt
	@touch $@

# The demo needs the package and its one dependency, at the tested versions; and Redis's client, if that
# is to keep the sessions.
$(VENV_DEMO)/.ready-$(PYTAG): $(PINS) pyproject.toml
	@$(check_python)
	@echo "Making $(VENV_DEMO) (once) ..."
	@$(PYTHON) -m venv --clear $(VENV_DEMO)
	@$(VENV_DEMO)/bin/python $(PIP_INSTALL) -c $(PINS) -e ".[redis]"
	@touch $@

# --- pinned requirements ----------------------------------------------------------------------

# make lock PYTHON_OLD=python3.11 PYTHON_NEW=python3.13
# Resolves each .in file in a clean environment and writes plain "name==version" lines.
PYTHON_OLD ?= python3.11
PYTHON_NEW ?= python3.13

lock:  ## resolve requirements/*.in anew and write the pins
	@$(call pin,$(PYTHON_OLD),test.in "Django~=5.2.0",test-py311-django52.txt)
	@$(call pin,$(PYTHON_NEW),test.in "Django~=6.1.0",test-py313-django61.txt)
	@$(call pin,$(PYTHON_OLD),lint.in,lint.txt)
	@$(call pin,$(PYTHON_OLD),site.in,site.txt)
	@$(call pin,$(PYTHON_OLD),dist.in,dist.txt)

# $(1) Python, $(2) requirements to resolve, $(3) the file to write. It is replaced only on success.
define pin
set -e; echo "Resolving requirements/$(3) ..."; \
tmp=$$(mktemp -d); trap 'rm -rf "$$tmp"' EXIT; \
$(1) -m venv "$$tmp/venv"; \
"$$tmp/venv/bin/python" $(PIP_INSTALL) -r requirements/$(2); \
{ echo '# Written by "make lock"; edit requirements/$(firstword $(2)) instead.'; \
  "$$tmp/venv/bin/python" -m pip list --disable-pip-version-check --format=freeze --exclude pip --exclude setuptools \
  | LC_ALL=C sort -f; } > "$$tmp/pins"; \
cat "$$tmp/pins" > requirements/$(3)
endef
