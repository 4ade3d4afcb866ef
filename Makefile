# Two commands for newcomers: `make demo` and `make test`. The rest is for people who change things.
PYTHON ?= python3
BIN := .venv/bin
# Without cached bytecode TensorFlow takes three times as long to import.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test nightly weekly mutants check lock services format clean

demo: .venv/runs                 ## import the bundled data, learn, serve, embed
	@exec $(BIN)/posterity demo

test: .venv/installed services   ## all tests, with a real Redis and a real PostgreSQL where they can be had
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

# The table is written whatever became of the tests; three quarters of an hour, of which one process soaks for half an hour.
nightly: .venv/installed services   ## the long form of what is tried against faults, and docs/reliability.md anew
	@mkdir -p build
	@code=0; \
	$(BIN)/python -m pytest tests/faults tests/hostile tests/acceptance tests/deploy tests/workers/test_fork.py \
		-n 3 --dist loadfile --no-loadscope-reorder --nightly -v --timeout=1200 --durations=40 --table build/nightly.jsonl || code=$$?; \
	$(BIN)/python -m tests.plan_table build/nightly.jsonl docs/reliability.md || code=$$?; \
	exit $$code

weekly: .venv/installed services    ## four hours of kills, rebuilds and questions: does anything add up?
	LONG_HAUL_S=14400 $(BIN)/python -m pytest tests/faults/test_long_haul.py -s

mutants: .venv/installed services   ## switches guards off, one at a time: each must turn a test red
	$(BIN)/python -m tests.mutants

check: .venv/installed           ## style, types, direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

services:
	@sh .ci/services

format: .venv/installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The locked versions with their hashes, for Python 3.11 to 3.13 on every platform.
LOCK = $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url pyproject.toml
lock: .venv/installed
	$(BIN)/pip install -q uv
	$(LOCK) --extra postgres -o requirements/api.lock
	$(LOCK) --extra worker --extra postgres -c requirements/api.lock -o requirements/worker.lock
	$(LOCK) --extra dev -c requirements/worker.lock -o requirements/dev.lock

INSTALL = $(BIN)/pip install -q --disable-pip-version-check

# What changes and tests need; TensorFlow among it, which ours is compared with.
.venv/installed: requirements/dev.lock pyproject.toml
	$(VENV)
	@echo "installing the locked packages into .venv (about 1.5 GB with TensorFlow, a minute or two)"
	@$(INSTALL) --require-hashes -r requirements/dev.lock
	@$(INSTALL) --no-deps --no-build-isolation -e .
	@touch .venv/installed

# What running needs, which is a part of that.
.venv/runs: requirements/worker.lock pyproject.toml
	$(VENV)
	@test -e .venv/installed || { \
		echo "installing the locked packages into .venv (about 0.6 GB, a minute)" && \
		awk '/^setuptools==/ { on = 1 } on { print } on && !/\\$$/ { exit }' requirements/dev.lock >.venv/setuptools.lock && \
		$(INSTALL) --require-hashes -r .venv/setuptools.lock && \
		$(INSTALL) --require-hashes -r requirements/worker.lock && \
		$(INSTALL) --no-deps --no-build-isolation -e .; }
	@touch .venv/runs

define VENV
@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
	{ echo "Posterity needs Python 3.11 to 3.13: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
@test -x $(BIN)/python || $(PYTHON) -m venv .venv
endef

clean:
	rm -rf .venv build *.egg-info .mypy_cache .ruff_cache .pytest_cache
