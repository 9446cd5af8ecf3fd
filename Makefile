# make demo     a chat that streams Markdown, on 127.0.0.1          make lint    ruff, mypy, clang-format
# make test     everything; K=words picks tests by name             make bench   the tables of the README
# make c        the tests of the C core, without Python             make corpus  the spec runner over CORPUS
# make clean    what the build made
#
# PYTHON=python3.13 makes .venv with another interpreter. Nothing is done twice: what is done is remembered
# in .venv, so removing that folder is a fresh start. pip uses the index the machine is configured with.

PYTHON ?= python3
CORPUS ?= ../shared/corpus
K ?=

BIN := .venv/bin
C_FILES := $(wildcard csrc/*/*.c csrc/*/*.h csrc/*/*.def)

export PYTHON CORPUS
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.DEFAULT_GOAL := test
.DELETE_ON_ERROR:
.PHONY: test demo c bench lint corpus clean venv

demo: .venv/done.demo .venv/done.core
	@$(BIN)/python -m djust_stream.demo

test c bench lint corpus: export DJS_WERROR = 1

test: .venv/done.chromium .venv/done.test .venv/done.core c
	@$(BIN)/python tests/fetch_spec.py >/dev/null
	$(BIN)/python -m pytest -q $(if $(K),-k "$(K)")

c: | .venv/done.test
	$(MAKE) --no-print-directory -C tests/c

bench: .venv/done.test .venv/done.core
	$(BIN)/python benchmarks/tokens.py

corpus: .venv/done.chromium .venv/done.test .venv/done.core
	@$(BIN)/python tests/fetch_spec.py >/dev/null
	$(BIN)/python -m pytest -q tests/test_corpus.py

lint: .venv/done.test .venv/done.core
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/clang-format --dry-run --Werror $(wildcard csrc/core/*.[ch] csrc/py/*.[ch] tests/c/*.[ch])

clean:
	rm -rf build dist *.egg-info artefacts .cache .pytest_cache .hypothesis .mypy_cache .ruff_cache
	rm -rf csrc/vendor/cmark tests/c/build djust_stream/_core*.so .venv/done.*

# Another interpreter than the one asked for means another environment; the same one is kept.
venv:
	@tools/debian.sh compiler headers venv
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	    { echo "$$($(PYTHON) --version) is too old: Python 3.10 or newer is needed, as in make PYTHON=python3.12" >&2; exit 1; }
	@version='import sys; print(sys.version)'; \
	if [ "$$($(BIN)/python -c "$$version" 2>/dev/null)" != "$$($(PYTHON) -c "$$version")" ]; then \
	    echo "Making .venv with $$($(PYTHON) --version)"; \
	    rm -rf .venv; $(PYTHON) -m venv .venv; \
	fi

.venv/done.demo .venv/done.test: .venv/done.%: pyproject.toml setup.py | venv
	@echo "Installing djust-stream[$*] (about a minute the first time)"
	@$(BIN)/python -m pip install --quiet 'setuptools>=77' wheel
	@$(BIN)/python -m pip install --quiet --no-build-isolation --editable '.[$*]'
	@touch $@ .venv/done.core

# The editable install has built the extension; this builds it again when only C has changed.
.venv/done.core: $(C_FILES) | $(if $(filter demo,$(MAKECMDGOALS)),.venv/done.demo,.venv/done.test)
	@$(BIN)/python setup.py --quiet build_ext --inplace
	@touch $@

.venv/done.chromium: | venv
	@tools/debian.sh chromium
	@touch $@
