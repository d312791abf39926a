# One set-up line, then everything runs from the environment it made.
PYTHON ?= python3
BIN := .venv/bin
DEMO ?= demo
VITRINE := $(BIN)/python cli.py
PROMPTS := $(DEMO)/species/prompts_attr_clean.json

.PHONY: demo test lint types contracts check bench clean

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	@touch $@

demo: export VITRINE_STORE = $(DEMO)/store
demo: .venv/ready  ## draw a sample world, index it, search it, evaluate it in every mode, report, train an adapter
	rm -rf $(DEMO)
	$(VITRINE) sample species --out $(DEMO)/species
	$(VITRINE) sample hands --out $(DEMO)/hands
	$(VITRINE) sample drains --out $(DEMO)/drains
	$(VITRINE) index $(DEMO)/species/manifest.csv
	$(VITRINE) index $(DEMO)/species/heldout.csv --column split=support
	$(VITRINE) index $(DEMO)/hands
	$(VITRINE) index $(DEMO)/drains/sites.csv --column label=
	$(VITRINE) search --text "a photo of a mushroom with a striped blue cap" --sheet $(DEMO)/text.png
	$(VITRINE) search --text "a drone photo of a slope with a damaged rock toe" --where "source LIKE '%drains%'" -k 5
	$(VITRINE) search --id Hands/Hand_0000001.jpg --sheet $(DEMO)/similar.png
	$(VITRINE) eval --mode zeroshot --prompts $(PROMPTS) --out $(DEMO)/results/zeroshot.json
	$(VITRINE) eval --mode prototype --out $(DEMO)/results/prototype.json
	$(VITRINE) eval --mode knn --out $(DEMO)/results/knn.json
	$(VITRINE) eval --mode fewshot -o shots=1,2,5 -o method=prototype,linear --out $(DEMO)/results/fewshot.json
	$(VITRINE) eval --mode fusion --arm text=vitrine-tiny:prompts shots=vitrine-tiny:linear --prompts $(PROMPTS) \
		--calibrate --out $(DEMO)/results/fusion.json
	$(VITRINE) eval --mode reid --protocol clipfh-11k --aspect all --out $(DEMO)/results/reid.json --pictures $(DEMO)/pictures
	$(VITRINE) eval --mode verification --protocol clipfh-11k --out $(DEMO)/results/verification.json
	$(VITRINE) index $(DEMO)/drains --source yolo -s group='site\d+' --store $(DEMO)/inspection
	$(VITRINE) eval --mode conditional --store $(DEMO)/inspection -o targets=drains --out $(DEMO)/conditions.json
	$(VITRINE) inspect --split val --store $(DEMO)/inspection --limit 4 --pictures $(DEMO)/inspected
	$(VITRINE) inspect --split val --store $(DEMO)/inspection --limit 4 --detector drains-tiny --confidence 0.4 --overlap 0.5 \
		--pictures $(DEMO)/detected
	$(VITRINE) audit --protocol clipfh-11k
	$(VITRINE) report $(DEMO)/results/*.json --out $(DEMO)/report
	$(VITRINE) results
	$(VITRINE) train adapter data.where="source = 'manifest:species/manifest'" --out $(DEMO)/runs/adapter
	$(VITRINE) runs $(DEMO)/runs
	@echo
	@echo "Done: $(DEMO)/report/ (the page to open), $(DEMO)/text.png and $(DEMO)/similar.png (contact sheets), $(DEMO)/pictures/"
	@echo "(CMC, ranked lists), $(DEMO)/results/ (every figure with its interval and where it came from), $(DEMO)/inspected/ and"
	@echo "$(DEMO)/detected/ (drains in annotated and in detected boxes, each with the condition that was answered)."

test: .venv/ready  ## the whole suite; what is slow is listed at the end
	@echo "The suite takes about 10 minutes on two cores."
	$(BIN)/python -m pytest -n 2 --dist worksteal --durations=10 --durations-min=1

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
