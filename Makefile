# Two commands to know: `make demo` and `make test`. Both set up what they need in .venv.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: demo test check samples pictures clean

demo: .venv/installed  ## classify the sample scans in digits/
	$(BIN)/batch-classify digits
	@echo "open results/latest/report.html in a browser; the table is results/latest/predictions.csv"

test: .venv/installed-dev  ## run the tests
	$(BIN)/pytest

check: .venv/installed-dev  ## lint and check types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

samples: .venv/installed  ## draw digits/ again
	$(BIN)/python -m train.samples digits

pictures: .venv/installed-dev  ## take the README's pictures of the report again
	$(BIN)/python docs/pictures.py

clean:  ## remove what make made
	rm -rf .venv build *.egg-info

.venv/installed: pyproject.toml constraints.txt setup.py $(wildcard batch_classify/c/*)
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name it with make PYTHON=...")'
	$(PYTHON) -m venv .venv
	@echo "installing (the first time downloads about 3 GB, most of it torch) ..."
	$(PIP) install --editable . --constraint constraints.txt
	@touch $@

.venv/installed-dev: .venv/installed
	$(PIP) install --editable '.[dev]' --constraint constraints.txt
	@touch $@
