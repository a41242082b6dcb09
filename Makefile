# Everything that the README, the continuous integration and people call.
PYTHON ?= python3
BIN = .venv/bin
# What is imported (torch and its kin) keeps its bytecode: every later start is seconds shorter.
unexport PYTHONDONTWRITEBYTECODE

# MedQuAD: a copy beside the checkout where there is one, else the hub's.
MEDQUAD = ../shared/data/medquad.tar.xz

.PHONY: setup check test demo finetune bench docs clean

setup: .venv/.ready

.venv/.ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "tacitly needs Python 3.11 or later, this is " + sys.version.split()[0])'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/typos

test: setup
	$(BIN)/python -m pytest --numprocesses logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

demo: setup
	$(BIN)/tacitly study demo

finetune: setup
	$(BIN)/tacitly finetune finetune-medquad-embedded --out runs/finetune-20-steps --set train.max_steps=20 --set train.max_length=64 \
		--set train.eval_examples=24 --set train.score_examples=8 $(if $(wildcard $(MEDQUAD)),--set task.path=$(MEDQUAD))

bench: setup
	$(BIN)/python benchmarks/run.py

docs: setup
	$(BIN)/mkdocs build --strict --quiet
	@echo "docs: site/index.html"

clean:
	rm -rf .venv site build dist src/*.egg-info
