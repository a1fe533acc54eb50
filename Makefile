# Two commands: `make chat` and `make test`. Each makes its own virtual environment first; Python 3.11+ is all they need.
VENV ?= .venv
DIR ?= examples/office
PROMPT ?=
YES ?=
# As they were typed: make would take the "$" in a price or a folder's name for a variable of its own.
override PROMPT := $(value PROMPT)
override DIR := $(value DIR)
export DIR PROMPT

FIND_PYTHON = for p in $(PYTHON) python3 python3.13 python3.12 python3.11 python; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done
EVERPILOT = $(VENV)/bin/everpilot

.PHONY: help chat test test-all lint format bench clean
help:
	@echo 'make chat                                   talk to the documents in examples/office'
	@echo 'make chat DIR=~/Documents                   talk to your own'
	@echo 'make chat PROMPT="..." [DIR=...] [YES=1]    answer once; YES=1 approves the changes beforehand'
	@echo 'make test                                   all checks and tests'
	@echo 'make test-all                               the same with every case of the large matrices'

$(VENV)/bin/python:
	@python=$$($(FIND_PYTHON)); \
	if [ -z "$$python" ]; then echo 'Python 3.11 or newer with venv is needed (on Debian: apt install python3 python3-venv).' >&2; exit 1; fi; \
	echo "Setting up $(VENV) with $$python, once ..."; \
	$$python -m venv $(VENV)

$(VENV)/.ready-chat: pyproject.toml | $(VENV)/bin/python
	@echo 'Installing Everpilot, once ...'
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[all]'
	@touch $@

$(VENV)/.ready-test: pyproject.toml | $(VENV)/bin/python
	@echo 'Installing Everpilot and what the tests need, once ...'
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $(VENV)/.ready-chat $@

chat: $(VENV)/.ready-chat
	@if [ -n "$$PROMPT" ]; then \
		exec $(EVERPILOT) -p "$$PROMPT" --dir "$$DIR" $(if $(filter 1 y yes true,$(YES)),--yes); \
	else exec $(EVERPILOT) --dir "$$DIR"; fi

# Types are checked beside the tests, which leave a core idle now and then; what was found is told at the end. The tests
# of a module stay with one worker (worksteal), so that what they share is made once.
# The tests start hundreds of commands: what was compiled once is kept, whatever the environment says.
test test-all: export PYTHONDONTWRITEBYTECODE =
test: $(VENV)/.ready-test
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check --quiet .
	@said=$$(mktemp); $(VENV)/bin/mypy >"$$said" 2>&1 & checking=$$!; \
	trap 'kill $$checking 2>/dev/null; rm -f "$$said"; exit 130' INT TERM; \
	$(VENV)/bin/python -m pytest -n 3 --dist worksteal; tested=$$?; \
	wait $$checking; checked=$$?; cat "$$said"; rm -f "$$said"; \
	[ $$tested -eq 0 ] && [ $$checked -eq 0 ]

test-all: $(VENV)/.ready-test
	@EVERPILOT_ALL_CASES=1 $(VENV)/bin/python -m pytest -n 3 --dist worksteal

lint: $(VENV)/.ready-test
	@$(VENV)/bin/ruff check . && $(VENV)/bin/mypy

format: $(VENV)/.ready-test
	@$(VENV)/bin/ruff check --fix . ; $(VENV)/bin/ruff format .

bench: $(VENV)/.ready-test
	@for each in benchmarks/*.py; do echo "== $$each"; $(VENV)/bin/python $$each; done

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
