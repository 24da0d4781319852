# Two commands on a fresh machine: `make demo` and `make test`. Each sets up what it needs.
.DEFAULT_GOAL := help
.PHONY: help demo test test-hosts test-wheel lint type docs bench mutants constraints clean
PY := .venv/bin/python

help:  ## list the commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 16

.venv/ready-demo: pyproject.toml constraints.txt tools/environment
	tools/environment demo
.venv/ready-dev: pyproject.toml constraints.txt tools/environment
	tools/environment dev

demo: .venv/ready-demo  ## the life of one model on real data, in minutes: out/index.html
	.venv/bin/supersede demo --folder out

test: .venv/ready-dev  ## run all tests
	$(PY) -m pytest -n 2 --dist loadfile $(TESTS)

test-hosts:  ## test with hosts whose pins clash with ours (Spark, MLflow, W&B, DVC); before a release
	tools/environment hosts
	.venv-hosts/bin/python -m pytest -o filterwarnings= tests/evaluate/test_engines.py tests/hosts \
	  docs/how-to/use-mlflow.md

test-wheel:  ## test the built wheel: as pinned, lowest versions, Python 3.13, each extra alone; before a release
	tools/environment wheel
	for made in .venv-wheel-*; do echo "== $$made" && $$made/bin/python -m pytest -q --noconftest \
	  -c /dev/null -p no:cacheprovider tests/contract/test_installed.py || exit 1; done
	tools/extras

lint: .venv/ready-dev  ## style, import rules and wording
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/lint-imports
	$(PY) tools/wording

type: .venv/ready-dev  ## strict types
	.venv/bin/mypy

docs: .venv/ready-dev  ## build the documentation into site/; the first time takes minutes
	NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build --strict
	$(PY) tools/site/check.py site

bench: .venv/ready-dev  ## measure against peers; rewrites docs/benchmarks.md
	$(PY) -m benchmarks

mutants: .venv/ready-dev  ## change one expression at a time and see whether a test fails; about an hour
	OMP_NUM_THREADS=1 $(PY) -m benchmarks.mutants

constraints:  ## choose the newest versions that fit together
	tools/environment constraints

clean:  ## remove everything that was made
	rm -rf .venv site out dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
