# Each target is one command on a fresh machine with Python 3.11 to 3.13.
PYTHON ?= python3
CORES ?= 2
BIN := .venv/bin
SNAKEMAKE := $(BIN)/snakemake --cores $(CORES)
EXAMPLE := src/badminima/results/example
DEMO := $(SNAKEMAKE) --configfile presets/demo.yaml

.PHONY: test-gpu test-slurm test-slurm-quick bench test-slow help demo example notebook test lint format schema pages docs lock clean

help: ## Show this list.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

# Pinned packages, then this one; the stamp is made last, so a broken install starts over.
.venv/.installed: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14) and "needs Python 3.11 to 3.13, found " + sys.version)'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=24'
	@echo "installing torch and the rest: one to three minutes"
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	touch $@

demo: .venv/.installed ## The paper's ablation on 8x8 digits, in minutes on a CPU.
	$(DEMO) -- all

example: .venv/.installed ## Train the zoo that comes with the library anew, in minutes on a CPU.
	$(SNAKEMAKE) --configfile presets/demo.yaml presets/overlays/example.yaml -- zoo
	rm -rf $(EXAMPLE)
	cp -R results/example/zoo $(EXAMPLE)
	rm $(EXAMPLE)/.snakemake_timestamp

notebook: .venv/.installed ## Run the notebook anew and store what it shows.
	$(BIN)/jupyter execute --inplace docs/notebooks/bad_minima.ipynb

test: .venv/.installed ## The fast test suite.
	$(BIN)/python -m pytest --numprocesses $(CORES) --dist loadfile

test-slow: .venv/.installed ## What takes minutes: the paper's models on real images.
	$(BIN)/python -m pytest -s -m slow

test-gpu: .venv/.installed ## Training and measurements on a GPU, which it needs.
	$(BIN)/python -m pytest -m gpu tests/gpu --numprocesses 6 --dist worksteal

test-slurm: .venv/.installed ## The pipeline on real SLURM clusters that it starts (root; slurm-wlm munge slurmdbd mariadb-server).
	$(BIN)/python -m pytest -s -m slurm

test-slurm-quick: .venv/.installed ## The part of it that CI runs: a grid, a disturbance (root; slurm-wlm munge).
	$(BIN)/python -m pytest -m "slurm and quick"

bench: .venv/.installed ## Speed against a reference loop, costs of measurements and starts; BENCH="--only training". Writes results/benchmarks/.
	$(BIN)/python -m benchmarks $(BENCH)

lint: .venv/.installed ## Style, types, spelling, workflow lint.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile rules
	$(BIN)/python -m tests.workflow.lint
	$(BIN)/codespell

format: .venv/.installed ## Apply the formatters.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile rules

schema: .venv/.installed ## Write the config schema and its reference page from the typed model.
	$(BIN)/python -m badminima.config.schema

pages: .venv/.installed ## Write the tables of README and docs/results/ from the CSV files in docs/data/.
	$(BIN)/python docs/pages.py

# An environment of its own: the tests need none of it.
.venv-docs/.installed: docs/mkdocs/requirements.txt
	$(PYTHON) -m venv .venv-docs
	.venv-docs/bin/python -m pip install --quiet --requirement docs/mkdocs/requirements.txt
	touch $@

docs: .venv-docs/.installed ## Build the documentation site into site/; fails on a broken link.
	.venv-docs/bin/mkdocs build
	@echo "site  site/index.html"

lock: ## Resolve the ranges of pyproject.toml into requirements.lock (needs uv).
	uv pip compile --universal --python-version 3.11 --group dev --no-emit-index-url --no-header --no-annotate --generate-hashes pyproject.toml --output-file requirements.lock

clean: ## Remove the environments, the site and the demo's results.
	rm -rf .venv .venv-docs site results/demo
