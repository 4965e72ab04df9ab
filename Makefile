# make book · make test · make serve · make lab · make sphinx · make bench · make mutants · make lite · make links · make release · make clean
PYTHON ?= python3
PORT ?= 8000
BIN := .venv/bin
INSTALL := -m pip install --quiet --disable-pip-version-check
PIP := $(BIN)/python $(INSTALL)
SPHINX_PIP := .venv-sphinx/bin/python $(INSTALL)

.PHONY: book test serve lab sphinx bench mutants lite links release clean lock vendor bundle chromium

book: .venv/book .venv/wheels
	@$(BIN)/python book/build.py

test: .venv/tests .venv/wheels node_modules/.package-lock.json chromium
	@$(BIN)/python tests/run.py

serve: .venv/book .venv/wheels
	@$(BIN)/python book/serve.py --port $(PORT)

OPTIONS ?=
lab: book
	@$(BIN)/python book/lab.py $(OPTIONS)

# The same book by current Sphinx, without Jupyter Book.
sphinx: .venv-sphinx/book
	@rm -rf _build/sphinx
	@JUPYTER_PREFER_ENV_PATH=1 .venv-sphinx/bin/python -m sphinx -q -W -n --keep-going \
	  -c book/sphinx . _build/sphinx/html
	@echo "The site is at _build/sphinx/html/index.html"

bench: .venv/tests
	@$(BIN)/python -m benchmarks

MODULES ?=
mutants: .venv/tests
	@$(BIN)/python tests/mutants.py $(MODULES)

# Every notebook, run in JupyterLite with the kernel's public host: needs a network.
lite: .venv/tests chromium book
	@$(BIN)/python -m pytest -q -m network tests/book/test_lite.py

links: .venv/book
	@$(BIN)/python book/links.py

release: .venv/book
	@$(BIN)/python book/release.py

clean:
	rm -rf _build

# Commands for maintainers: every version and hash, the vendored JavaScript, the bundled scripts.
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --no-header --no-annotate --no-emit-index-url --upgrade
lock: .venv/tests
	$(COMPILE) --no-emit-package labs requirements.txt -o requirements.lock
	$(COMPILE) --constraints requirements.lock tests/requirements.txt -o tests/requirements.lock
	$(COMPILE) --no-emit-package labs book/sphinx/requirements.txt -o book/sphinx/requirements.lock
	$(BIN)/uv pip compile --quiet --resolution lowest-direct --all-extras --no-deps pyproject.toml -o .venv/oldest.txt
	$(subst --universal,,$(COMPILE)) --all-extras --constraints .venv/oldest.txt pyproject.toml tests/labs/requirements.txt \
	  -o tests/labs/oldest.lock
	npm update --package-lock-only
	$(PIP) --require-hashes -r requirements.lock
	$(BIN)/python tests/pyodide.py

vendor: .venv/book
	$(BIN)/python book/vendor.py

bundle: .venv/book node_modules/.package-lock.json
	$(BIN)/python book/bundle.py

$(BIN)/python:
	@PYTHON="$(PYTHON)" ./book/environment.sh .venv

.venv/book: requirements.lock pyproject.toml | $(BIN)/python
	@echo "Installing the book's packages into .venv"
	@$(PIP) --require-hashes -r requirements.lock
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

.venv-sphinx/book: book/sphinx/requirements.lock pyproject.toml
	@rm -rf .venv-sphinx && PYTHON="$(PYTHON)" ./book/environment.sh .venv-sphinx
	@echo "Installing current Sphinx into .venv-sphinx"
	@$(SPHINX_PIP) --require-hashes -r book/sphinx/requirements.lock
	@$(SPHINX_PIP) --no-deps --no-build-isolation --editable .
	@touch $@

.venv/wheels: requirements.lock book/wheelhouse.py | .venv/book
	@echo "Fetching the wheels that JupyterLite ships"
	@rm -rf $@ && $(BIN)/python book/wheelhouse.py $@

.venv/tests: tests/requirements.lock tests/torch.txt .venv/book
	@echo "Installing the tests' packages into .venv"
	@$(PIP) --require-hashes -r tests/requirements.lock
	@$(PIP) --require-hashes --no-deps -r tests/torch.txt || \
	  echo "No index here has PyTorch's CPU build: comparisons with it will be skipped"
	@touch $@

node_modules/.package-lock.json: package.json package-lock.json .npmrc
	@npm ci --silent
	@touch $@

chromium: .venv/tests
	@./tests/chromium.sh
