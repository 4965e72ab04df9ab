# make book · make serve · make lab · make check · make site · make test · make bench · make clean; CONTRIBUTING.md has all
PYTHON ?= python3
PORT ?= 8000
BIN := .venv/bin
COMMAND := $(BIN)/python -m bookkit.commands
INSTALL := $(PYTHON) bookkit/commands/install.py

.PHONY: book serve lab check site test pythons sphinx bench score mutants lite links release branch clean lock vendor bundle numbers chromium

book: .venv/book .venv/wheels
	@$(COMMAND).build

serve: .venv/book .venv/wheels
	@$(COMMAND).serve --port $(PORT)

OPTIONS ?=
lab: book
	@$(COMMAND).lab $(OPTIONS)

# Three tiers: minutes; the book and its pages; everything.
check: .venv/tests node_modules/.package-lock.json
	@$(COMMAND).check check

site: .venv/tests .venv/wheels node_modules/.package-lock.json chromium
	@$(COMMAND).check site

test: .venv/tests .venv/wheels node_modules/.package-lock.json chromium
	@$(COMMAND).check test

# labs on every Python of this machine, and with the oldest packages; or on those named.
LANES ?=
pythons: .venv/tests
	@$(COMMAND).compatibility $(LANES)

# The numbers that pages quote, written anew beside the pages.
numbers: .venv/book .venv/wheels
	@$(COMMAND).build --numbers

# The same book by current Sphinx, without Jupyter Book.
sphinx: .venv-sphinx/book
	@rm -rf _build/sphinx
	@JUPYTER_PREFER_ENV_PATH=1 .venv-sphinx/bin/python -m sphinx -q -W -n --keep-going \
	  -c bookkit/sphinx . _build/sphinx/html
	@echo "The site is at _build/sphinx/html/index.html"

# What was measured beside what was said, from the runs in SCORED.
SCORED ?= ../shared/measured
score: .venv/tests
	@PYTHONPATH=. $(BIN)/python tests/labs/score.py $(SCORED) > book/scorecard.json

bench: .venv/tests
	@$(BIN)/python -m benchmarks

MODULES ?=
mutants: .venv/tests
	@$(COMMAND).mutants $(MODULES) $(OPTIONS)

# Every notebook, run in JupyterLite with the kernel's public host: needs a network.
lite: .venv/tests chromium book
	@$(BIN)/python -m pytest -q -m network tests/book/test_lite.py

links: .venv/book
	@$(COMMAND).links

release: book
	@$(COMMAND).release

branch: book
	@$(COMMAND).branch

clean:
	rm -rf _build

# For maintainers: every version and hash, the vendored JavaScript, and the bundled scripts.
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --no-strip-extras --no-header --no-annotate --no-emit-index-url --upgrade
lock: .venv/tests
	echo uv | $(COMPILE) - -o bookkit/commands/uv.txt
	$(COMPILE) --no-emit-package serving-labs requirements.txt -o requirements.lock
	$(COMPILE) --constraints requirements.lock tests/requirements.txt -o tests/requirements.lock
	$(COMPILE) --no-emit-package serving-labs bookkit/sphinx/requirements.txt -o bookkit/sphinx/requirements.lock
	$(BIN)/uv pip compile --quiet --resolution lowest-direct --all-extras --no-deps pyproject.toml -o .venv/oldest.txt
	$(subst --universal,,$(COMPILE)) --all-extras --constraints .venv/oldest.txt pyproject.toml tests/labs/requirements.txt \
	  -o tests/labs/oldest.lock
	npm update --package-lock-only
	$(INSTALL) .venv requirements.lock tests/requirements.lock
	$(COMMAND).pyodide

vendor: .venv/book
	$(COMMAND).vendor

bundle: .venv/book node_modules/.package-lock.json
	$(COMMAND).bundle

# A file in .venv stands for an installation that succeeded, whole.
BOOK := requirements.lock bookkit/commands/uv.txt pyproject.toml
.venv/book: $(BOOK)
	@echo "Installing the book's packages into .venv"
	@$(INSTALL) .venv requirements.lock
	@touch $@

.venv/tests: $(BOOK) tests/requirements.lock tests/torch.txt
	@echo "Installing the tests' packages into .venv"
	@$(INSTALL) .venv requirements.lock tests/requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r tests/torch.txt || \
	  echo "No index here has PyTorch's CPU build: comparisons with it will be skipped"
	@touch .venv/book $@

.venv-sphinx/book: bookkit/sphinx/requirements.lock bookkit/commands/uv.txt pyproject.toml
	@echo "Installing current Sphinx into .venv-sphinx"
	@rm -rf .venv-sphinx && $(INSTALL) .venv-sphinx bookkit/sphinx/requirements.lock
	@touch $@

.venv/wheels: .venv/book bookkit/commands/wheelhouse.py
	@echo "Fetching the wheels that JupyterLite ships"
	@$(COMMAND).wheelhouse $@

node_modules/.package-lock.json: package.json package-lock.json .npmrc
	@npm ci --silent
	@touch $@

chromium: .venv/tests
	@./bookkit/commands/chromium.sh
