# gannb: `make demo` trains a GAN on this machine, `make test` runs everything that guards the project.
# Both make their own environment in .venv first: with uv where it is installed, else with the machine's Python (3.10 or newer) and pip.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
UV     := $(shell command -v uv 2>/dev/null)
DEMO   ?= gannb demo

SHELL       := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
export PATH := $(CURDIR)/$(BIN):$(PATH)
.DEFAULT_GOAL := help
.PHONY: help env demo test robust mutations docs notebooks clean

help:  ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):[^#]*## */make \1	/' | expand -t 18

env: $(BIN)/.dev  ## the environment for development: everything that test, mutations, docs and notebooks need

demo: $(BIN)/.run  ## train a GAN on handwritten digits, a few minutes on two cores; installs what running needs and no more
	@echo '$(DEMO)'; $(DEMO)

test: $(BIN)/.dev  ## every guard and every notebook; ends with "N passed, 0 failed"
	@python tools/check.py

robust: $(BIN)/.dev  ## every notebook with ten other seeds and two other instruction sets; goes on where it was stopped
	@python tools/robust.py $(ROBUST)

mutations: $(BIN)/.dev  ## break the code on purpose and see the notebooks notice
	@python tools/mutations.py $(MUTATIONS)

docs: $(BIN)/.dev  ## build the site into _docs/ and check its links
	@python tools/build_docs.py --force && python tools/check_site.py && echo 'open _docs/index.html'

notebooks: $(BIN)/.dev  ## run all notebooks in place: refreshes stored outputs, the package and README.md
	@python tools/run_nbs.py && nbdev_export && python tools/build_commands.py && python tools/build_readme.py

clean:  ## remove what was built; runs/ and .venv stay
	rm -rf _docs _proc _sphinx jupyter_execute build dist nbs/.last_checked; find . -name __pycache__ -not -path './$(VENV)/*' -exec rm -rf {} +

# -- the environment -----------------------------------------------------------------------
INSTALL := $(if $(UV),uv pip install --python $(BIN)/python --compile-bytecode,$(BIN)/python -m pip install --disable-pip-version-check)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3,10))' || { echo 'gannb needs Python 3.10 or newer: make PYTHON=python3.12 ...'; exit 1; }
	@echo 'making an environment in $(VENV) with $(if $(UV),uv,venv and pip)'
	@$(if $(UV),uv venv --quiet --python $(PYTHON) $(VENV),$(PYTHON) -m venv $(VENV)) || \
	  { rm -rf $(VENV); echo 'no environment: the Python at hand lacks the venv module (on Debian and Ubuntu: apt-get install python3-venv)'; exit 1; }

$(BIN)/.run: settings.ini setup.py pyproject.toml | $(BIN)/python
	@echo 'installing what running gannb needs (PyTorch alone is several GB: minutes the first time)'
	@$(INSTALL) -e . && touch $@

$(BIN)/.dev: settings.ini setup.py pyproject.toml | $(BIN)/python
	@echo 'installing gannb with its development tools (PyTorch alone is several GB: minutes the first time)'
	@$(INSTALL) -e '.[dev]' && touch $(BIN)/.run $@
