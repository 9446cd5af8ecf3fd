# make demo     a chat that streams Markdown, on 127.0.0.1          make lint    ruff, mypy, clang-format
# make test     everything; K=words picks tests by name             make bench   what is promised, measured
# make c        the tests of the C core, without Python             make corpus  the spec runner over CORPUS
# make asan     the extension itself under ASan and UBSan           make tsan    threads under TSan
# make fuzz     60 s of libFuzzer for each fuzzer                   make clean   what the build made
#
# PYTHON=python3.13 makes .venv with another interpreter. Nothing is done twice: what is done is remembered
# in .venv, so removing that folder is a fresh start. pip uses the index the machine is configured with.

PYTHON ?= python3
CORPUS ?= ../shared/corpus
K ?=

BIN := .venv/bin
VERSION := $(shell $(PYTHON) -c 'import platform; print(platform.python_version())' 2>/dev/null)
DONE := .venv/done-$(VERSION)
C_FILES := $(wildcard csrc/*/*.c csrc/*/*.h csrc/*/*.def)

export PYTHON CORPUS
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.DEFAULT_GOAL := test
.DELETE_ON_ERROR:
.PHONY: test demo c asan tsan fuzz bench lint corpus clean venv

demo: $(DONE).demo $(DONE).core
	@$(BIN)/python -m djust_stream.demo

test c asan tsan fuzz bench lint corpus: export DJS_WERROR = 1

test: $(DONE).chromium $(DONE).nginx $(DONE).redis $(DONE).unicode $(DONE).test $(DONE).core c
	@$(BIN)/python tests/fetch_spec.py >/dev/null
	$(BIN)/python -m pytest -q $(if $(K),-k "$(K)")

# These need a Python that can fetch cmark-gfm, but neither the extension nor what its tests need.
c tsan fuzz: | $(DONE).tools
	$(MAKE) --no-print-directory -C tests/c $(@:c=all)

# The extension goes with links to the package into a folder of its own: the one in use stays as it is.
asan: | $(DONE).test
	@mkdir -p build/asan/djust_stream
	@ln -sf $(filter-out %.so,$(abspath $(wildcard djust_stream/*))) build/asan/djust_stream/
	DJS_SANITIZE=1 $(BIN)/python setup.py --quiet build_ext --build-lib build/asan --build-temp build/asan/temp
	@$(BIN)/python tests/fetch_spec.py >/dev/null
	PYTHONPATH=build/asan:tests PYTHONMALLOC=malloc ASAN_OPTIONS=detect_leaks=0 \
	    LD_PRELOAD="$$($${CC:-cc} -print-file-name=libasan.so) $$($${CC:-cc} -print-file-name=libubsan.so)" \
	    $(BIN)/pytest -q -p no:cacheprovider $(if $(K),-k "$(K)") $(wildcard tests/test_markdown*.py) \
	    tests/test_batch.py tests/test_bad_input.py tests/test_fragment.py

# What people and models wrote; the corpus has shapes, too, which benchmarks/shapes.py makes itself.
DOCUMENTS = $(filter-out $(CORPUS)/shape_%,$(wildcard $(CORPUS)/*.md))

# QUICK=1 leaves out what takes minutes. MISS marks a figure that is not what it should be.
bench: $(DONE).chromium $(DONE).redis $(DONE).valgrind $(DONE).test $(DONE).core
	$(BIN)/python benchmarks/cost.py --shapes all $(if $(QUICK),--quick) $(DOCUMENTS)
	$(BIN)/python benchmarks/frames.py
	$(BIN)/python benchmarks/memory.py
	$(BIN)/python benchmarks/fidelity.py
	$(BIN)/python benchmarks/tokens.py
	$(BIN)/python benchmarks/calls.py
	$(BIN)/python benchmarks/imports.py
	$(BIN)/python benchmarks/load.py $(if $(QUICK),--quick)
	$(BIN)/python benchmarks/processes.py $(if $(QUICK),--seconds 3)
	$(BIN)/python benchmarks/chaos.py $(if $(QUICK),--streams 30 --doomed 0)
	$(BIN)/python benchmarks/fragment.py
	$(BIN)/python benchmarks/providers.py $(if $(QUICK),,--stops 200)
	$(if $(QUICK),,$(BIN)/python benchmarks/markdown.py)
	$(if $(QUICK),,$(BIN)/python benchmarks/compare.py)

corpus: $(DONE).chromium $(DONE).test $(DONE).core
	@$(BIN)/python tests/fetch_spec.py >/dev/null
	$(BIN)/python -m pytest -q tests/test_corpus.py tests/test_sse_corpus.py

lint: $(DONE).test $(DONE).core
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/clang-format --dry-run --Werror $(wildcard csrc/core/*.[ch] csrc/py/*.[ch] tests/c/*.[ch] benchmarks/c/*.[ch])

clean:
	rm -rf build dist *.egg-info artefacts .cache .pytest_cache .hypothesis .mypy_cache .ruff_cache
	rm -rf csrc/vendor/cmark tests/c/build benchmarks/c/build djust_stream/_core*.so .venv/done-*

# Another interpreter than the one asked for means another environment; the same one is kept.
venv:
	@tools/debian.sh compiler python
	@if [ ! -x $(BIN)/python ] || [ "$$($(BIN)/python -c 'import platform; print(platform.python_version())' 2>/dev/null)" != "$(VERSION)" ]; then \
	    echo "Making .venv with Python $(VERSION)"; \
	    rm -rf .venv; $(PYTHON) -m venv .venv; \
	fi

$(DONE).tools: | venv
	@$(BIN)/python -m pip install --quiet 'setuptools>=77' wheel
	@touch $@

$(DONE).demo $(DONE).test: $(DONE).%: pyproject.toml setup.py | $(DONE).tools
	@echo "Installing djust-stream[$*] (about a minute the first time)"
	@$(BIN)/python -m pip install --quiet --no-build-isolation --editable '.[$*]'
	@touch $@ $(DONE).core

# The editable install has built the extension; this builds it again when only C has changed.
$(DONE).core: $(C_FILES) | $(if $(filter demo,$(MAKECMDGOALS)),$(DONE).demo,$(DONE).test)
	@$(BIN)/python setup.py --quiet build_ext --inplace
	@touch $@

$(DONE).chromium $(DONE).nginx $(DONE).redis $(DONE).unicode $(DONE).valgrind: $(DONE).%: | venv
	@tools/debian.sh $*
	@touch $@
