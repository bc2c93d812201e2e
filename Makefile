# Two worlds: .venv holds brainscore-vision (numpy 1, pandas 2), .venv-base the newest numpy and pandas.
# A stamp in each environment says what was installed; it is redone when setup.cfg or pyproject.toml change.
# .venv-base/refused holds releases that setup.cfg refuses: tests show why.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# The tests start hundreds of commands, each of which would compile the sources anew where a container sets this.
unexport PYTHONDONTWRITEBYTECODE

PYENV_VERSIONS := $(or $(PYENV_ROOT),$(HOME)/.pyenv)/versions
PYTHONS_311 := python3.11 $(wildcard $(PYENV_VERSIONS)/3.11*/bin/python3.11)
PYTHONS_312 := python3.12 $(wildcard $(PYENV_VERSIONS)/3.12*/bin/python3.12)

# The first of the commands $(1) that runs: a version manager's python3.12 may be there and refuse, and a system's
# Python may come without venv.
runnable = $(or $(shell for python in $(1); do \
	"$$python" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 \
	&& { echo "$$python"; break; }; done),$(error no Python of at least 3.11 with venv found among: $(1)))

# Both can be named by hand: make setup PYTHON=/usr/bin/python3.11
PYTHON ?= $(call runnable,$(PYTHONS_311) python3 $(PYTHONS_312))
PYTHON_BASE ?= $(call runnable,$(PYTHONS_312) $(PYTHONS_311) python3)

PIP_INSTALL := -m pip install --no-input --disable-pip-version-check --progress-bar off

SETUP := .venv/.installed-setup
DEMO := .venv/.installed-demo
BASE := .venv-base/.installed

# brainscore-vision is absent from the base world by intention, and so is what holds numpy back: no failure there.
comma := ,
empty :=
BASE_REQUIRE = $(subst $(empty) ,$(comma),$(strip $(filter-out brainscore language oracles,$(subst $(comma), ,$(BRAINALIGN_REQUIRE)))))

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-15s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

.PHONY: setup
setup: $(SETUP) ## .venv with everything: Brain-Score and the test tools

$(SETUP): setup.cfg pyproject.toml
	test -x .venv/bin/python || $(PYTHON) -m venv .venv
	.venv/bin/python $(PIP_INSTALL) --editable '.[brainscore,docs,test]'
	touch $@

# Another name for other packages, so that they are installed again.
LANGUAGE := .language/.installed-transformers

.PHONY: language
language: $(LANGUAGE) ## .language with brainscore_language and transformers: they need another scikit-learn than brainscore-vision

$(LANGUAGE): $(SETUP)
	.venv/bin/python $(PIP_INSTALL) --no-deps --upgrade --target .language 'brainscore-language>=2.3' \
		'transformers>=4.57,<5' 'tokenizers>=0.22,<=0.23.0' 'huggingface-hub>=0.34,<1' safetensors regex
	touch $@

.PHONY: demo
demo: $(firstword $(wildcard $(SETUP)) $(DEMO)) ## a simulated leaderboard's life and its report, without a network
	.venv/bin/brainalign demo

$(DEMO): setup.cfg pyproject.toml
	test -x .venv/bin/python || $(PYTHON) -m venv .venv
	.venv/bin/python $(PIP_INSTALL) --editable .
	touch $@

$(BASE): setup.cfg pyproject.toml
	test -x .venv-base/bin/python || $(PYTHON_BASE) -m venv .venv-base
	.venv-base/bin/python $(PIP_INSTALL) --upgrade --upgrade-strategy eager --editable '.[test]'
	.venv-base/bin/python $(PIP_INSTALL) --upgrade --no-deps --target .venv-base/refused 'apscheduler>=4.0.0a1'
	touch $@

# Three at once on two cores: tests of services wait for a third of their time. The longest come first.
CHECKS := test-monitor test-brainscore test-services test-delivery test-documents test-base types lint imports

.PHONY: test
test: $(SETUP) $(BASE) $(LANGUAGE) ## all checks
	$(MAKE) --no-print-directory --keep-going --jobs 3 $(CHECKS)

.PHONY: lint
lint: $(SETUP) ## ruff: rules and format
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .

.PHONY: imports
imports: $(SETUP) ## who may import whom
	.venv/bin/lint-imports

.PHONY: types
types: $(SETUP) $(BASE) ## mypy --strict, against the libraries of both worlds
	.venv/bin/mypy
	.venv-base/bin/mypy --cache-dir .mypy_cache/base

# Tests that depend neither on Brain-Score nor on a version of numpy run once, in the second world.
SERVICES := tests/monitor/faults tests/monitor/running \
	$(filter-out tests/contracts/test_database_source.py,$(wildcard tests/contracts/test_*.py))
DELIVERY := tests/monitor/delivery tests/monitor/sources tests/monitor/test_demo.py tests/test_claims.py tests/test_packaging.py
ONCE := $(SERVICES) $(DELIVERY)

.PHONY: test-brainscore
test-brainscore: $(SETUP) $(LANGUAGE) ## pytest beside brainscore-vision: the science
	.venv/bin/python -m pytest tests/plugin tests/contracts/test_database_source.py

.PHONY: test-documents
test-documents: $(SETUP) $(LANGUAGE) ## pytest beside brainscore-vision: the documentation, the repository
	.venv/bin/python -m pytest $(filter-out $(ONCE),$(wildcard tests/test_*.py))

.PHONY: test-monitor
test-monitor: $(SETUP) $(LANGUAGE) ## pytest beside brainscore-vision: the monitor
	.venv/bin/python -m pytest tests/monitor $(addprefix --ignore=,$(ONCE))

# Tests that depend on numpy and pandas run in both worlds: the science, and commands that print its numbers.
BASE_TESTS := tests/plugin tests/monitor/test_cli_schemes.py

.PHONY: test-base
test-base: $(BASE) ## pytest with the newest numpy and pandas: what depends on them
	BRAINALIGN_REQUIRE='$(BASE_REQUIRE)' .venv-base/bin/python -m pytest $(BASE_TESTS)

.PHONY: test-services
test-services: $(BASE) ## pytest with the newest numpy and pandas: the store, runs, faults
	BRAINALIGN_REQUIRE='$(BASE_REQUIRE)' .venv-base/bin/python -m pytest $(SERVICES)

.PHONY: test-delivery
test-delivery: $(BASE) ## pytest with the newest numpy and pandas: sources, messages, the site, the packages
	BRAINALIGN_REQUIRE='$(BASE_REQUIRE)' .venv-base/bin/python -m pytest $(DELIVERY)

.PHONY: picture
picture: $(SETUP) ## docs/report.png: the top of the demo's report, in headless Chromium
	.venv/bin/brainalign demo --output build/demo.html
	.venv/bin/python docs/picture.py build/demo.html docs/report.png

.PHONY: docs
docs: $(SETUP) ## build/site: the documentation, a warning being an error
	NO_MKDOCS_2_WARNING=1 .venv/bin/python -m mkdocs build --strict --quiet

.PHONY: causes
causes: $(SETUP) ## how often a planted cause is found, over 200 simulated histories a cause (ten minutes of CPU)
	.venv/bin/python -m tests.monitor.history.planted 200

.PHONY: coverage
coverage: $(SETUP) ## docs/coverage.md: how often intervals hold the truth of simulated boards (five minutes of CPU)
	mkdir -p build
	.venv/bin/python -m tests.bench.coverage --boards 60 --resamples 200 >build/coverage.md
	mv build/coverage.md docs/coverage.md

.PHONY: structure
structure: $(SETUP) ## docs/structure.md: how often planted structure is found (five minutes of CPU)
	mkdir -p build
	.venv/bin/python -m tests.bench.additions >build/structure.md
	OPENBLAS_NUM_THREADS=1 .venv/bin/python -m tests.bench.structure >>build/structure.md
	mv build/structure.md docs/structure.md

.PHONY: speed
speed: $(SETUP) ## docs/speed.md: seconds of each slow computation, and of other packages (ten minutes of CPU)
	mkdir -p build
	.venv/bin/python -m tests.bench >build/speed.md
	mv build/speed.md docs/speed.md

.PHONY: soak
soak: $(SETUP) ## a monitor is killed, starved and kept running for 2,000 runs; writes docs/faults.md (fifteen minutes)
	.venv/bin/python -m tests.monitor.faults.soak

.PHONY: lock
lock: $(BASE) ## deploy/requirements.lock: versions and hashes of all that the monitor needs (Python 3.12)
	.venv-base/bin/python deploy/lock.py

.PHONY: clean
clean: ## remove what checks and builds leave behind, but not the environments
	rm -rf build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find brainalign_plugin monitor templates tests -name __pycache__ -type d -prune -exec rm -rf {} +
