"""Cases of the commands beside ``eval``, and of what must be refused."""

from __future__ import annotations

from tests.bench.golden.case import Case, command, refusals

SEARCHES = {
    "id": "--id Hands/Hand_0000001.jpg",
    "id-by-identity": "--id Hands/Hand_0000001.jpg --group-by identity",
    "id-view": "--id Hands/Hand_0000001.jpg --view hflip --include-self",
    "image": "{inputs}/hands/Hands/Hand_0000002.jpg",
    "identity": "--identity 0000001",
    "label": '--label "Cruandella falavii" -k 5',
    "identity-max": "--identity 0000001 --combine max --group-by identity -k 5",
    "text": '--text "a photo of a mushroom with a striped blue cap"',
    "text-where": '--text "a drone photo of a slope" --where "source LIKE \'%drains%\'" -k 5',
    "text-by-label": '--text "a mushroom with a white cap" --group-by label',
}

AUDITS = {
    "world": "--store {stores}/world --space vitrine-tiny",
    "clipfh": "--store {stores}/world --space vitrine-tiny --protocol clipfh-11k",
    "clipfh-one": '--store {stores}/world --space resnet18 --protocol clipfh-11k --aspect "dorsal left" --bits 1',
    "holdout": "--store {stores}/world --space vitrine-tiny --protocol holdout --seed 1",
    "split-set": "--store {stores}/world --space vitrine-tiny --split-set {inputs}/split_set.csv",
    "people": "--store {stores}/people --show 2",
    "strict": "--store {stores}/hd --strict",
    "leave-one-out": "--store {stores}/people --protocol leave-one-out",
}

AUDIT_EXITS = {"holdout": 4, "people": 4, "strict": 4}
"""Status 4: something was found."""

PROMPTS = {
    "lint": "prompts lint {inputs}/species/prompts_attr.json --labels {inputs}/species/labels.tsv --json",
    "lint-store": "prompts lint {inputs}/species/prompts_enriched.json --store {stores}/world --json",
    "diff": "prompts diff {inputs}/species/prompts_plain.json {inputs}/species/prompts_enriched.json --json",
    "clean": "prompts clean {inputs}/species/prompts_attr.json",
    "merge": "prompts merge {inputs}/species/prompts_plain.json {inputs}/species/prompts_delta.json",
    "make": 'prompts make --names {inputs}/species/labels.tsv --template "a photo of a {cap_colour} {name}" '
    "--attributes {inputs}/species/attributes.csv",
    "make-colours": 'prompts make --colours-from {stores}/world --template "a {colour} mushroom, {name}"',
    "make-net-new": 'prompts make --names {inputs}/species/labels.tsv --template "a photo of {name}" '
    "--net-new {inputs}/species/prompts_plain.json",
}

REFUSED = [
    ("unknown-mode", 2, "eval --mode ried --store {stores}/people"),
    ("unknown-protocol", 2, "eval --mode reid --protocol market1502 --store {stores}/people"),
    ("unknown-option", 1, "eval --mode reid -o ap_metod=step --store {stores}/people"),
    ("inexact-index", 1, "eval --mode reid -o index=hnsw --store {stores}/people"),
    ("threshold-on-test", 1, "eval --mode verification -o threshold_from=test --store {stores}/people"),
    ("choice-without-val", 1, "eval --mode knn -o k=1,5 --protocol k-fold --store {stores}/kinds"),
    ("protocol-of-another-task", 1, "eval --mode reid --protocol holdout --store {stores}/people"),
    ("protocol-fixes-another-option", 1, "eval --mode verification --protocol leave-one-out --store {stores}/people"),
    ("other-universe", 1, "compare --mode prototype --spaces vitrine-tiny resnet18 --store {stores}/world"),
    ("unknown-aspect", 1, "eval --mode reid --protocol monte-carlo --aspect top --store {stores}/people"),
    ("bad-condition", 1, 'eval --mode reid --where "no_column = 1" --store {stores}/people'),
    ("several-spaces", 1, "eval --mode reid --protocol clipfh-11k --store {stores}/world"),
    ("no-store", 1, "eval --mode reid --store {stores}/nowhere"),
    ("one-arm", 1, "eval --mode fusion --arm vitrine-tiny:prototype --store {stores}/world"),
    ("from-and-mode", 2, "eval --from {out}/tiny.json --mode reid --store {stores}/world"),
    ("other-samples", 1, "compare {out}/tiny.json {out}/prototype.json --store {stores}/world"),
    ("two-searches", 2, 'search --id a --text "b" --store {stores}/world'),
    ("unknown-split-set", 1, "eval --mode reid --split-set nothing --store {stores}/people"),
    ("unused-option", 1, "eval --mode fusion --arm vitrine-tiny:knn resnet18:knn -o depths=1 --store {stores}/world"),
]  # fmt: skip


def cases() -> list[Case]:
    """All of them; ``label`` of a search is the first of the sample world's species."""
    world = "--store {stores}/world --space vitrine-tiny --json"
    return [
        *(command(f"search/{name}", f"search {text} {world}") for name, text in SEARCHES.items()),
        command("search/imported", "search --identity 0007 --store {stores}/people --json"),
        *(
            command(f"audit/{name}", f"audit {text} --json", exit=AUDIT_EXITS.get(name, 0))
            for name, text in AUDITS.items()
        ),
        *(command(f"prompts/{name}", text) for name, text in PROMPTS.items()),
        *(
            command(f"info/{store}", f"info --store {{stores}}/{store} --json")
            for store in ("world", "people", "kinds")
        ),
        *(command(f"verify/{store}", f"verify --store {{stores}}/{store} --json") for store in ("world", "people")),
        command("splits/people", "splits list --store {stores}/people --json"),
        command("results/hd", "results --store {stores}/hd --json"),
        *refusals(REFUSED),
    ]
