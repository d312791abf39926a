"""Evaluations that follow a training: the file is checked before it, and its results are in the run's folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

import vitrine
from retrieval.errors import InputError, VitrineError
from retrieval.store.open import open_store
from tests.support.command_line import call_cli, call_json
from tests.support.tiny_job import ENTRY
from tests.support.vector_store import make_vector_store
from training.registry import JOBS
from training.study import check_study, read_study

ADAPTER = ("adapter", "--device", "cpu", "matrix.steps=20", "classes=prototypes")
STUDY: list[dict[str, Any]] = [
    {"mode": "knn", "k": [1, 3], "name": "after"},
    {"mode": "knn", "k": [1, 3], "space": "{parent}", "name": "before"},
    {"mode": "fusion", "arms": ["new={space}:knn", "old={parent}:prototype"]},
    {"report": "Before and after"},
]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_vector_store(tmp_path_factory.mktemp("vectors"))


def _write(path: Path, study: Any) -> Path:
    path.write_text(study if isinstance(study, str) else yaml.safe_dump(study), encoding="utf-8")
    return path


def test_a_training_is_refreshed_and_evaluated_in_both_spaces(tmp_path: Path) -> None:
    store, out = make_vector_store(tmp_path), tmp_path / "run"
    words = ("train", *ADAPTER, "--store", store, "--out", out, "--then", _write(tmp_path / "s.yaml", STUDY))
    done = call_json(*words)
    assert [Path(path).name for path in done["results"]] == ["after.json", "before.json", "03-fusion.json"]
    results = {Path(path).stem: json.loads(Path(path).read_text()) for path in done["results"]}
    new, old = done["refresh"]["space"], done["refresh"]["parent"]
    assert results["after"]["provenance"]["space"] == new
    assert results["before"]["provenance"]["space"] == old != new
    assert results["03-fusion"]["provenance"]["space"] == f"{new} + {old}"
    assert "Before and after" in Path(done["report"]).read_text(encoding="utf-8")
    again = call_cli(*words[:-2])
    assert f"Space {new}, made from {old}: 0 new vectors" in again.stdout
    other = call_cli("train", *ADAPTER, "--store", store, "--out", out, "--space", new, check=1)
    assert f"started from space {old}; name that --space, or a new --out" in other.stderr


def test_banks_alone_are_evaluated_in_the_space_that_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(JOBS, "tiny", ENTRY)
    store = make_vector_store(tmp_path)
    study = _write(tmp_path / "s.yaml", [{"mode": "fusion", "arms": ["{space}:classifier:tiny-layer", "{space}:knn"]}])
    report = vitrine.train(
        "tiny", store, out=tmp_path / "run", then=study, quiet=True, device="cpu", say=lambda _: None
    )
    (path,) = report.results
    assert vitrine.read_result(path).metrics["top_1"].value > 0.4


@pytest.mark.parametrize(
    ("study", "sentence"),
    [
        ([], "is no list of evaluations"),
        ({"mode": "knn"}, "is no list of evaluations"),
        (["knn"], "entry 1 is no mapping"),
        ([{"k": 1}], "entry 1 has no mode"),
        ([{"mode": "knnn"}], "Did you mean 'knn'"),
        ([{"mode": "knn", "kk": 1}], "No option 'kk'"),
        ([{"mode": "knn", "space": "{old}"}], "{old} stands for nothing"),
        ([{"mode": "knn", "name": "../x"}], "is no name of a file"),
        ([{"mode": "knn", "name": "a"}, {"mode": "prototype", "name": "a"}], "two evaluations of the name a"),
        ([{"report": "R"}], "report stands alone, after the evaluations"),
        ([{"report": "R"}, {"mode": "knn"}], "report stands alone, after the evaluations"),
        ([{"mode": "zeroshot", "prompts": ["none.json"]}], "none.json does not exist"),
        ([{"mode": "fusion", "arms": ["{space}:knnn"]}], "No scorer 'knnn'"),
        ("- {mode: knn", "is not YAML"),
    ],
)
def test_what_is_wrong_with_a_study_is_told_when_it_is_read(tmp_path: Path, study: Any, sentence: str) -> None:
    with pytest.raises(VitrineError) as told:
        read_study(_write(tmp_path / "s.yaml", study))
    assert sentence in str(told.value)
    assert "s.yaml" in str(told.value) or "No " in str(told.value)


def test_placeholders_need_no_quotation_marks(tmp_path: Path) -> None:
    study = read_study(_write(tmp_path / "s.yaml", "- {mode: knn, space: {parent}}\n"))
    assert study.steps[0].options["space"] == "{parent}"


def test_what_the_store_cannot_do_is_told_before_the_training(store: Path, tmp_path: Path) -> None:
    for study, sentence in (
        ([{"mode": "knn", "space": "other"}], "No space 'other'"),
        ([{"mode": "reid"}], "entry 1 (01-reid)"),
        ([{"mode": "knn", "k": 0}], "entry 1 (01-knn)"),
        ([{"mode": "fusion", "arms": ["other:knn", "{space}:knn"]}], "No space 'other'"),
    ):
        words = ("--store", store, "--out", tmp_path / "run", "--then", _write(tmp_path / "s.yaml", study))
        done = call_cli("train", *ADAPTER, *words, check=None)
        assert done.returncode in {1, 2}
        assert sentence in done.stderr
        assert not (tmp_path / "run").exists()


def test_the_parent_stands_for_nothing_where_there_is_none(store: Path, tmp_path: Path) -> None:
    study = read_study(_write(tmp_path / "s.yaml", [{"mode": "knn", "space": "{parent}"}]))
    opened = open_store(store)
    with opened.snapshot() as snapshot, pytest.raises(InputError, match="starts from no space"):
        check_study(study, opened, snapshot, None)


def test_a_study_needs_a_refresh(store: Path, tmp_path: Path) -> None:
    study = _write(tmp_path / "s.yaml", STUDY)
    words = ("--store", store, "--out", tmp_path / "run", "--then", study, "--no-refresh")
    assert "leave --refresh on" in call_cli("train", *ADAPTER, *words, check=1).stderr
