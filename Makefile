# Two commands on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test oldest studies check docs clean

demo: .venv/ready
	$(BIN)/tutelage demo --out demo

test: .venv/ready
	$(BIN)/python -m pytest -n 2 --dist worksteal

oldest: .venv-oldest/ready
	.venv-oldest/bin/python -m pytest -n 2 --dist worksteal -W ignore::DeprecationWarning

studies: .venv/ready
	for name in $$($(BIN)/python -c 'from tutelage.studies import studies; print(*studies())'); do \
	  $(BIN)/tutelage study paper:$$name --scale tiny || exit 1; \
	done

check: .venv/ready
	PATH="$(CURDIR)/$(BIN):$$PATH" ./check

docs: .venv/ready
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "the site is in site/index.html"

.venv/ready: requirements-dev.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "tutelage needs Python 3.11 or newer; say which: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --requirement requirements-dev.txt
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --no-deps --requirement requirements-demo.txt --editable .
	touch .venv/ready

# The oldest versions that pyproject.toml allows, under today's test tools.
.venv-oldest/ready: pyproject.toml
	$(PYTHON) -m venv .venv-oldest
	.venv-oldest/bin/python -m pip install --quiet uv
	.venv-oldest/bin/uv pip install --quiet --python .venv-oldest/bin/python \
	  --resolution lowest-direct --editable '.[dev]'
	.venv-oldest/bin/uv pip install --quiet --python .venv-oldest/bin/python --no-deps \
	  --requirement requirements-demo.txt
	.venv-oldest/bin/uv pip install --quiet --python .venv-oldest/bin/python --upgrade \
	  beartype hypothesis jaxtyping pytest pytest-xdist
	touch .venv-oldest/ready

clean:
	rm -rf .venv .venv-oldest demo demo-images build dist site .pytest_cache .mypy_cache .ruff_cache
