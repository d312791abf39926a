# One set-up line, then everything runs from the environment it made.
PYTHON ?= python3
BIN := .venv/bin
DEMO ?= demo

.PHONY: demo test lint types contracts check bench clean

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	@touch $@

demo: .venv/ready  ## index sample images, search them, evaluate re-identification
	rm -rf $(DEMO)
	$(BIN)/python cli.py sample hands --out $(DEMO)/hands
	$(BIN)/python cli.py index $(DEMO)/hands --store $(DEMO)/hands.vitrine --encoder torchvision/resnet18 --random-init 0
	$(BIN)/python cli.py search --id Hands/Hand_0000001.jpg --store $(DEMO)/hands.vitrine --sheet $(DEMO)/similar.png
	$(BIN)/python cli.py eval --mode reid --protocol clipfh-11k --store $(DEMO)/hands.vitrine --out $(DEMO)/reid.json --pictures $(DEMO)/pictures
	$(BIN)/python cli.py eval --mode verification --protocol clipfh-11k --store $(DEMO)/hands.vitrine --out $(DEMO)/verification.json
	$(BIN)/python cli.py audit --protocol clipfh-11k --store $(DEMO)/hands.vitrine
	@echo
	@echo "Done. Look at $(DEMO)/similar.png (a contact sheet), $(DEMO)/pictures/ (CMC, ranked lists) and $(DEMO)/reid.json (the"
	@echo "result with its provenance)."
	@echo "The encoder has random weights, so these numbers only show that everything runs."

test: .venv/ready  ## the whole suite
	$(BIN)/python -m pytest -n 2

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/ready
	$(BIN)/mypy

contracts: .venv/ready
	$(BIN)/lint-imports

check: lint types contracts test

bench: .venv/ready  ## ratios beside what we claim to beat; takes a while
	$(BIN)/python -m tests.bench

clean:
	rm -rf .venv build dist *.egg-info $(DEMO)
