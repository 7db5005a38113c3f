# Two commands matter: `make demo` shows the gateway at work, `make test` proves it. `make` alone lists the rest.
#
# Everything lives in .venv, made from locks with hashes; nothing is fetched while the locks and pyproject.toml stand still.
# Another interpreter:  make demo PYTHON=/opt/python3.13/bin/python3

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

# Pytest rewrites the asserts of every test file, in each of its processes: kept from one run to the next, this is half of a start.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= $(shell command -v python3.11 || command -v python3.13 || command -v python3.12 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input --quiet
INSTALL_LOCKED := $(PIP) install --require-hashes --only-binary=:all:
INSTALL_SELF := $(PIP) install --no-deps --no-build-isolation --editable .

# What the tests against foreign software need: a broker and its clients, a Modbus library in C, one in JavaScript, an RTSP server,
# a terminal; a browser and a decoder of captures where there are packages of them.
# Where npm is there already, from wherever, Debian's own would be in its way.
TEST_PACKAGES := gcc libc6-dev libmodbus-dev mbpoll mosquitto mosquitto-clients openssh-client pkg-config rtsp-server-perl tmux \
  'chromium-headless-shell?' 'tshark?' \
  $(shell command -v npm >/dev/null || echo nodejs npm)

RUN_STAMP := $(VENV)/.run-time
DEV_STAMP := $(VENV)/.development

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

.PHONY: demo
demo: $(RUN_STAMP) ## a simulated building, a broker, the real daemon and a live view; ARGS="--headless --seconds 20"
	@$(BIN)/edgeguard demo $(ARGS)

# Files with slow tests: system tests all are, of the others those that speak of it. What takes longest begins first: at the end everybody
# would wait for it.
LONG := tests/unit/camera/test_lens.py $(addprefix tests/system/test_,$(addsuffix .py,gate_film usb_camera hanging_disk soak_erase \
  commands_daemon dead_device write_faults copies cli_processes daemon camera_models))
SLOW = $(LONG) $(filter-out $(LONG) $(TIMED),$(wildcard tests/system/test_*.py) \
  $(shell grep -rl --include='test_*.py' slow tests/contract tests/hints tests/unit))

# What shows a line or a camera in real time, and says how quickly it answers or stops, shares the machine only with its like.
TIMED := $(addprefix tests/system/test_,$(addsuffix .py,camera demo_run line_tools scan_line))

.PHONY: test
test: tools $(DEV_STAMP) ## install what the tests need, then run every check and every test
	@EDGEGUARD_EXAMPLES=$${EDGEGUARD_EXAMPLES:-40} $(MAKE) --no-print-directory check
	@echo "== slow tests: most of them wait, for others or for time, so that four run at once"
	@$(BIN)/pytest -m slow --numprocesses=4 --dist=loadfile --no-loadscope-reorder --durations=10 $(SLOW)
	@echo "== slow tests of lines and cameras in real time"
	@$(BIN)/pytest -m slow --numprocesses=2 --dist=loadfile --durations=10 $(TIMED)

# Hours. Each test has a short form in `make test`; the figures go to soak.jsonl.
SOAK := tests/system/test_soak_*.py tests/system/test_hard_streams.py tests/system/test_store_disk.py tests/system/test_store_kill.py tests/system/test_store_uplink.py

.PHONY: soak
soak: tools $(DEV_STAMP) ## the long forms: a thousand kills, power cuts, a flapping network, bad disks; ARGS="-k kills"
	@EDGEGUARD_SOAK=long EDGEGUARD_SOAK_REPORT=$${EDGEGUARD_SOAK_REPORT:-soak.jsonl} \
	  $(BIN)/pytest -m slow -s --durations=20 $(SOAK) $(ARGS)

# The fast tests in parts, each a process of its own, what waits longest first; `rest` is what no other part names, so that no test is left out.
# Cheaper than pytest's own workers, which each collect every test and report each one through a process more.
# One more part at a time than there are processors, because tests of the store wait for the disk.
PART_cli := $(addprefix tests/unit/,cli law store uplink)
PART_runtime := $(addprefix tests/unit/,runtime rules config)
PART_eyes := $(addprefix tests/unit/,camera vision)
PART_rest := tests $(addprefix --ignore=,tests/system $(PART_cli) $(PART_runtime) $(PART_eyes))
PARTS := cli runtime eyes rest
AT_ONCE := $(shell echo $$(( $$(nproc 2>/dev/null || echo 1) + 1 )))
# Their files lie in memory where there is room for them: what a disk does to the store is a matter of the slow tests.
MEMORY := $(shell [ -w /dev/shm ] && [ "$$(df -Pk /dev/shm | awk 'NR == 2 { print $$4 }')" -gt 500000 ] && echo /dev/shm)
IN_MEMORY := $(if $(MEMORY),PYTEST_DEBUG_TEMPROOT=$(MEMORY))
TOGETHER := $(MAKE) --no-print-directory --jobs=$(AT_ONCE) --keep-going --output-sync=target

.PHONY: check
check: $(DEV_STAMP) ## the fast lane: style, types, floors, law and unit tests
	@$(TOGETHER) types $(addprefix unit-,$(PARTS)) style floors

.PHONY: types style floors unit
types: $(DEV_STAMP)
	@echo "== mypy --strict"
	@$(BIN)/mypy

style: $(DEV_STAMP)
	@echo "== ruff"
	@$(BIN)/ruff check edgeguard tests
	@$(BIN)/ruff format --check edgeguard tests

floors: $(DEV_STAMP)
	@echo "== floors: import-linter"
	@$(BIN)/lint-imports --no-cache

unit: $(DEV_STAMP)
	@$(TOGETHER) $(addprefix unit-,$(PARTS))

.PHONY: $(addprefix unit-,$(PARTS))
$(addprefix unit-,$(PARTS)): unit-%: $(DEV_STAMP)
	@echo "== law and unit tests: $*"
	@$(IN_MEMORY) $(BIN)/pytest -m "not slow" -p no:xdist -o tmp_path_retention_policy=failed $(PART_$*)

.PHONY: bench
bench: $(DEV_STAMP) ## speed, as ratios measured in one run; ARGS="..." goes to tests/bench/run.py
	@$(BIN)/python tests/bench/run.py $(ARGS)

.PHONY: schemas
schemas: $(RUN_STAMP) ## write docs/asyncapi.json and docs/schemas anew from the code
	@$(BIN)/python -m edgeguard.uplink.asyncapi edgeguard/docs
	@git --no-pager diff --stat -- edgeguard/docs || true

.PHONY: models
models: $(RUN_STAMP) ## train the plate models anew (hours on a processor; resumes); ARGS="..." goes to models/train.py
	@$(BIN)/python -c 'import torch' 2>/dev/null || $(PIP) install --editable '.[train]'
	@$(BIN)/python models/train.py $(ARGS)

.PHONY: judge
judge: $(RUN_STAMP) ## learn the judge of falls anew (hours on a processor; films are kept in .bench); ARGS="..." goes to tests/falling/fall_learn.py
	@$(BIN)/python -c 'import sklearn' 2>/dev/null || $(PIP) install --editable '.[train]'
	@$(BIN)/python tests/falling/fall_learn.py --write $(ARGS)

.PHONY: wheel
wheel: $(RUN_STAMP) ## dist/edgeguard-*.whl, built with the locked build tools
	@rm -f dist/edgeguard-*.whl
	@$(PIP) wheel --no-deps --no-build-isolation --wheel-dir dist .
	@ls dist/*.whl

.PHONY: sbom
sbom: ## dist/edgeguard.cdx.json: what a release is made of, in CycloneDX
	@mkdir -p dist
	@$(PYTHON) .ci/sbom > dist/edgeguard.cdx.json
	@ls dist/edgeguard.cdx.json

.PHONY: audit
audit: ## known vulnerabilities of the locked packages, by pip-audit; needs a network, and ends with 3 where nobody answers
	@.ci/audit requirements.lock requirements-build.lock

.PHONY: fuzz
fuzz: $(DEV_STAMP) ## ten minutes of damaged inputs for every face that takes bytes or text from outside; ARGS="--seconds 60 --seed 1"
	@nice -n 15 $(BIN)/python tests/fuzz/fuzz_inputs.py $(ARGS)

.PHONY: release
release: $(RUN_STAMP) ## dist/edgeguard-VERSION/: wheel, source, locks, bill of materials, sums, signed; KEY=~/.ssh/release
	@PATH="$(CURDIR)/$(BIN):$$PATH" .ci/release "$(KEY)" dist

.PHONY: lock
lock: $(DEV_STAMP) ## write the lock files anew from pyproject.toml; UPGRADE=1 takes newer releases
	@compile() { $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-emit-index-url \
	  --no-emit-find-links --python-version 3.11 $(if $(UPGRADE),--upgrade) pyproject.toml "$$@"; }; \
	compile -o requirements.lock; \
	compile -o requirements-build.lock --group build -c requirements.lock; \
	compile -o requirements-dev.lock --group build --extra dev -c requirements.lock -c requirements-build.lock
	@git --no-pager diff --stat -- '*.lock' || true

.PHONY: clean
clean: ## remove the environment, caches and built files
	@rm -rf tests/native/node/node_modules
	@rm -rf $(VENV) build dist .bench .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find edgeguard tests -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: tools
tools:
	@.ci/need $(TEST_PACKAGES)

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "No Python found: install Python 3.11 or newer (Debian: apt-get install python3)." >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$(PYTHON) is older than Python 3.11: say which one to take, make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || .ci/need python3-venv
	@echo "== making $(VENV) with $(PYTHON)" >&2
	@"$(PYTHON)" -m venv --clear $(VENV) || { rm -rf $(VENV); exit 1; }

$(RUN_STAMP): requirements.lock requirements-build.lock pyproject.toml | $(BIN)/python
	@echo "== installing the locked run-time packages into $(VENV)" >&2
	@$(INSTALL_LOCKED) -r requirements.lock -r requirements-build.lock
	@$(INSTALL_SELF)
	@touch $@

$(DEV_STAMP): requirements-dev.lock pyproject.toml | $(BIN)/python
	@echo "== installing the locked development packages into $(VENV)" >&2
	@$(INSTALL_LOCKED) -r requirements-dev.lock
	@$(INSTALL_SELF)
	@touch $@ $(RUN_STAMP)
