"""Conditions of drawn drains: every method side by side, slices, contrasts, targets; nothing leaks from the labels."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

import vitrine
from retrieval.errors import InputError, UnknownNameError
from tests.support.command_line import call_cli

METHODS = "plain,spatial,neighbours,prototype,gda"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("slopes")
    call_cli("sample", "drains", "--out", root / "slopes", "--n", "72", "--size", "96")
    vitrine.index(root / "slopes", root / "store", source="yolo", encoder="vitrine-tiny")
    return root / "store"


def test_all_forms_side_by_side(store: Path, tmp_path: Path) -> None:
    out = tmp_path / "conditions.json"
    options = (f"method={METHODS}", "targets=drains", "interval=class", "bootstrap=200")
    words = [word for option in options for word in ("-o", option)]
    shown = call_cli("eval", "--mode", "conditional", "--store", store, *words, "--out", out).stdout
    assert "What the situation in a prompt gains" in shown
    assert "not reached" in shown
    result = vitrine.read_result(out)
    assert list(result.arms or {}) == METHODS.split(",")
    slices = result.slices or {}
    whole, free = slices["all objects"], slices["all objects, type predicted"]
    assert whole.metrics["top_1"] == result.metrics["top_1"]
    assert free.metrics["top_1"].value < whole.metrics["top_1"].value
    assert whole.metrics["top_1"].ci95 is not None
    types = [part for name, part in slices.items() if name.startswith("object ")]
    assert sum(part.n["test"] for part in types) == whole.n["test"]
    right = sum(part.n["test"] * part.metrics["top_1"].value for part in types)
    assert right == pytest.approx(whole.n["test"] * whole.metrics["top_1"].value)
    assert slices["objects with several conditions"].n["test"] < whole.n["test"]
    spatial, neighbours = result.contrasts or ()
    assert (spatial.first, spatial.second, neighbours.first) == ("spatial", "plain", "neighbours")
    assert spatial.gains["top_1"].ci95 is not None
    targets = {target.slice: target for target in result.targets or ()}
    assert targets["condition blocked"].target == 0.6
    assert json.loads(out.read_text())["targets"][0]["slice"] == "all objects"


def test_compare_pairs_the_slices(store: Path, tmp_path: Path) -> None:
    """Each slice as it is in both results; the difference of the recall of a condition counted object by object."""
    files = [tmp_path / f"{method}.json" for method in ("prototype", "gda")]
    for file in files:
        options = ("-o", f"method={file.stem}", "-o", "bootstrap=200", "-o", "interval=class")
        call_cli("eval", "--mode", "conditional", "--store", store, *options, "--out", file)
    a, b = (vitrine.read_result(file) for file in files)
    shown = call_cli("compare", *files, "--store", store, "--json").stdout
    slices = json.loads(shown)["slices"]
    assert list(slices) == list(a.slices or {}) == list(b.slices or {})
    for name, part in slices.items():
        for metric, pair in part["metrics"].items():
            first, second = ((result.slices or {})[name].metrics[metric].value for result in (a, b))
            assert (pair["a"], pair["b"]) == (first, second)
            assert pair["difference"] == pytest.approx(second - first)
    before, after = (_right_of_damaged(file) for file in files)
    gained = sum(after[sample] - right for sample, right in before.items())
    part = slices["condition damaged"]
    gain = part["metrics"]["top_1"]
    assert part["n"] == len(before)
    assert gain["difference"] == pytest.approx(gained / len(before))
    assert gain["ci95"][0] <= gain["difference"] <= gain["ci95"][1]
    table = call_cli("compare", *files, "--store", store).stdout
    assert "Objects and conditions" in table
    assert "condition blocked" in table
    other = vitrine.evaluate(store, "prototype", bootstrap=60, interval="class")
    assert "slices" not in vitrine.compare(store, a, other).to_dict()


def _right_of_damaged(file: Path) -> dict[str, bool]:
    """Whether each damaged object was answered right, from the predictions beside a result."""
    rows = csv.DictReader((file.parent / f"{file.stem}.assets" / "predictions.csv").open())
    return {row["id"]: row["predicted"] == row["label"] for row in rows if row["label"].lower().endswith("damaged")}


def test_the_texts_are_embedded_once(store: Path) -> None:
    first = vitrine.evaluate(store, "conditional", method="spatial", bootstrap=0)
    shown = call_cli("eval", "--mode", "conditional", "--store", store, "-o", "method=spatial", "-o", "bootstrap=0")
    assert "Embedding" not in shown.stderr
    assert vitrine.evaluate(store, "conditional", method="spatial", bootstrap=0).metrics == first.metrics


def test_targets_of_ones_own(store: Path, tmp_path: Path) -> None:
    path = tmp_path / "targets.yaml"
    path.write_text("condition blocked: 0.1\n")
    result = vitrine.evaluate(store, "conditional", method="prototype", targets=str(path), bootstrap=0)
    assert [target.slice for target in result.targets or ()] == ["condition blocked"]
    path.write_text("condition bloked: 0.1\n")
    with pytest.raises(UnknownNameError, match="condition blocked"):
        vitrine.evaluate(store, "conditional", method="prototype", targets=str(path), bootstrap=0)
    path.write_text("- 1\n")
    with pytest.raises(InputError, match="holds no targets"):
        vitrine.evaluate(store, "conditional", method="prototype", targets=str(path), bootstrap=0)


def test_samples_without_conditions_are_told_what_to_do(tmp_path: Path) -> None:
    call_cli("sample", "drains", "--out", tmp_path / "slopes", "--n", "12", "--size", "64")
    manifest = tmp_path / "slopes" / "sites.csv"
    columns = {"label": "group", "split": None}
    vitrine.index(manifest, tmp_path / "store", encoder="vitrine-tiny", columns=columns, split={"*": "test"})
    with pytest.raises(InputError, match="no column object and no column condition; index with the source yolo"):
        vitrine.evaluate(tmp_path / "store", "conditional", method="plain", given=None)
