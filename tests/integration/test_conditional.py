"""Conditions of drawn drains: every method side by side, slices, contrasts, targets; nothing leaks from the labels."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

import vitrine
from eval.classification.situations import ObjectCondition, situations, text_of
from eval.metrics.probabilities import softmax
from eval.runs.prepare_classification import PreparedClassification, prepare_classification
from eval.runs.request import EvalRequest, RequestInputs
from retrieval.errors import InputError, MissingFileError, UnknownNameError
from retrieval.store.open import open_store
from retrieval.types import Box
from tests.support.command_line import call_cli

METHODS = "plain,spatial,neighbours,prototype,gda"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("slopes")
    call_cli("sample", "drains", "--out", root / "slopes", "--n", "72", "--size", "96")
    vitrine.index(root / "slopes", root / "store", source="yolo", encoder="vitrine-tiny")
    return root / "store"


@pytest.fixture(scope="module")
def slopes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A few small slopes, and a store of their objects."""
    root = tmp_path_factory.mktemp("few")
    call_cli("sample", "drains", "--out", root / "slopes", "--n", "8", "--size", "64")
    index_objects(root / "slopes", root / "store")
    return root / "slopes", root / "store"


def index_objects(images: Path, store: Path) -> None:
    vitrine.index(images, store, source="yolo", encoder="vitrine-tiny", source_options={"images": False})


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
    whole, predicted = slices["all objects"], slices["all objects, type predicted"]
    assert whole.metrics["top_1"] == result.metrics["top_1"]
    assert predicted.metrics["top_1"].value < whole.metrics["top_1"].value
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
    assert "Objects and conditions by spatial" in shown.stdout
    assert vitrine.evaluate(store, "conditional", method="spatial", bootstrap=0).metrics == first.metrics


def test_targets_of_ones_own(store: Path, tmp_path: Path) -> None:
    path = tmp_path / "targets.yaml"
    path.write_text("condition blocked: 0.1\n")
    result = vitrine.evaluate(store, "conditional", method="prototype", targets=str(path), bootstrap=0)
    assert [target.slice for target in result.targets or ()] == ["condition blocked"]
    path.write_text("condition bloked: 0.1\n")
    with pytest.raises(UnknownNameError, match="condition blocked"):
        vitrine.evaluate(store, "conditional", method="prototype", targets=str(path), bootstrap=0)
    for text, message in (("- 1", "holds no targets"), ("condition blocked: 60", "60 % is 0.6")):
        path.write_text(text)
        with pytest.raises(InputError, match=message):
            vitrine.evaluate(store, "conditional", method="prototype", targets=str(path), bootstrap=0)


def test_targets_are_read_before_anything_is_answered(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eval.modes.conditional.Conditional.solve", lambda *_: pytest.fail("was answered"))
    with pytest.raises(MissingFileError, match=r"gone\.yaml"):
        vitrine.evaluate(store, "conditional", method="prototype", targets=str(tmp_path / "gone.yaml"), bootstrap=0)
    (tmp_path / "wrong.yaml").write_text("object sloping drain: 0.9")
    with pytest.raises(UnknownNameError, match="object slope drain"):
        vitrine.evaluate(store, "conditional", method="prototype", targets=str(tmp_path / "wrong.yaml"), bootstrap=0)


def test_samples_without_conditions_are_told_what_to_do(slopes: tuple[Path, Path], tmp_path: Path) -> None:
    manifest = slopes[0] / "sites.csv"
    columns = {"label": "group", "split": None}
    vitrine.index(manifest, tmp_path / "store", encoder="vitrine-tiny", columns=columns, split={"*": "test"})
    with pytest.raises(InputError, match="no column object and no column condition; index with the source yolo"):
        vitrine.evaluate(tmp_path / "store", "conditional", method="plain", given=None)


def prepared(store: Path, types: str) -> PreparedClassification:
    options = {"method": "plain,spatial,neighbours", "types": types, "bootstrap": 0, "test_from": "val"}
    request = EvalRequest(mode="conditional", options=options)
    return prepare_classification(open_store(store), request, RequestInputs())


def texts_of(ready: PreparedClassification, arm: str) -> dict[str, list[str]]:
    """The texts of all classes for each sample, by id."""
    (chosen,) = (one for one in ready.arrays.arms if one.name == arm)
    assert chosen.situated is not None
    texts = chosen.banks[0].texts or ()
    rows = chosen.situated.texts[chosen.situated.codes]
    return {str(name): [texts[at] for at in row] for name, row in zip(ready.arrays.ids, rows.tolist(), strict=True)}


def test_prompts_name_neighbours_by_the_types_that_plain_prompts_predict(slopes: tuple[Path, Path]) -> None:
    ready = prepared(slopes[1], "predicted")
    with open_store(slopes[1]).snapshot() as snapshot:
        table = snapshot.samples(["id", "uri", "label", "box_x", "box_y", "box_width", "box_height", "meta_object",
                                  "meta_condition"]).to_pylist()  # fmt: skip
    assert [row["id"] for row in table] == ready.arrays.ids.tolist()
    what = {row["label"]: ObjectCondition(row["meta_object"], row["meta_condition"]) for row in table}
    plain = ready.arrays.arms[0]
    bank = plain.banks[0]
    of_text = dict(zip(bank.texts or (), bank.vectors, strict=True))
    classes = [what[name] for name in ready.arrays.classes]
    prompts = np.stack([of_text[f"{one.object} {one.condition}"] for one in classes])
    probabilities = softmax(plain.vectors["base"] @ prompts.T * plain.logit_scale)
    kinds = sorted({one.object for one in classes})
    sums = [[sum(row[at] for at, one in enumerate(classes) if one.object == kind) for kind in kinds]
            for row in probabilities.astype(np.float64)]  # fmt: skip
    predicted = [kinds[int(np.argmax(row))] for row in sums]
    boxes = [Box(row["box_x"], row["box_y"], row["box_width"], row["box_height"]) for row in table]
    expected = situations([row["uri"] for row in table], boxes, predicted)
    for arm in ("spatial", "neighbours"):
        made = texts_of(ready, arm)
        for row, situation in zip(table, expected, strict=True):
            assert made[row["id"]] == [text_of(arm, None, one, situation) for one in classes]
    assert texts_of(prepared(slopes[1], "annotated"), "spatial") != texts_of(ready, "spatial")


def test_other_conditions_of_all_objects_leave_every_prompt_unchanged(slopes: tuple[Path, Path]) -> None:
    """Label files with conditions drawn anew within each type: another truth, the same texts."""
    images, store = slopes
    before = {types: prepared(store, types) for types in ("annotated", "predicted")}
    rng = np.random.default_rng(0)
    same_type = {at: kind for kind in ((0, 1, 2), (3, 4), (5, 6, 7), (8,)) for at in kind}
    for path in images.rglob("labels/*.txt"):
        lines = [line.split() for line in path.read_text().splitlines()]
        drawn = [[str(rng.choice(same_type[int(words[0])])), *words[1:]] for words in lines]
        path.write_text("".join(f"{' '.join(words)}\n" for words in drawn))
    index_objects(images, store)
    for types, ready in before.items():
        after = prepared(store, types)
        assert set(after.arrays.ids) == set(ready.arrays.ids)
        assert after.samples.columns["label"].tolist() != ready.samples.columns["label"].tolist()
        assert after.arrays.classes == ready.arrays.classes
        for arm in ("plain", "spatial", "neighbours"):
            assert texts_of(after, arm) == texts_of(ready, arm)
