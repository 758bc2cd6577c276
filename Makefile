# Two commands for a newcomer: `make demo` and `make test`. Both set up .venv when it is missing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The CPU build is enough and small; give TORCH=torch for the newest one with CUDA libraries.
TORCH ?= torch==2.13.0
STAMP := $(VENV)/.installed
SOURCES := pyproject.toml setup.py $(wildcard csrc/*.* csrc/*/*.*)

.PHONY: demo test lint bench gallery clean

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(STAMP): $(SOURCES) | $(BIN)/python
	$(BIN)/python -m pip install -q --disable-pip-version-check "$(TORCH)" "setuptools>=77" wheel pybind11 ninja
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-build-isolation -e ".[dev,film]"
	touch $@

demo: $(STAMP)
	$(BIN)/aigc-assets build examples/ember_keep/pack.toml -o build/ember_keep

test: $(STAMP)
	$(BIN)/python -m pytest -q -n auto --dist loadfile

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	find csrc tests/csrc -name '*.h' -o -name '*.cpp' -o -name '*.cu' -o -name '*.cuh' | xargs $(BIN)/clang-format --dry-run -Werror

bench: $(STAMP)
	$(BIN)/python -m benchmarks

gallery: $(STAMP)
	$(BIN)/python examples/gallery/make.py

clean:
	rm -rf build dist *.egg-info $(VENV)
