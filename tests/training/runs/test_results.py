"""Results by version of a recipe: which rows and columns there are, and which results are of a run."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import torch

from eval.results.files import write_result
from retrieval.encoders.artefact import open_folder
from tests.support import drawn_results
from tests.support.written_runs import PIXELS, space_of, write_run
from training.export import TrainingRecord, write_encoder
from training.runs.results import ABSENT, results_of, row_cells, version_rows, write_csv_files
from training.runs.run_folders import find_runs, read_run


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_backbone_has_every_version(tmp_path: Path) -> None:
    for version, model in (("v1", "ViT-B-16"), ("v10", "RN50"), ("v2", "ViT-B-16"), ("v2", "RN50")):
        write_run(tmp_path / f"{model}-{version}", version, model)
    write_run(tmp_path / "trial", None, "RN50")
    rows = version_rows(find_runs(tmp_path), {})
    listed = {
        backbone: [(row.version, row.run and row.run.name) for row in of_one] for backbone, of_one in rows.items()
    }  # fmt: skip
    assert listed == {
        "open_clip/RN50": [("v1", None), ("v2", "RN50-v2"), ("v10", "RN50-v10"), ("", "trial")],
        "open_clip/ViT-B-16": [("v1", "ViT-B-16-v1"), ("v2", "ViT-B-16-v2"), ("v10", None)],
    }
    written = write_csv_files(rows, tmp_path / "results.csv")
    assert [path.name for path in written] == ["results-open_clip-RN50.csv", "results-open_clip-ViT-B-16.csv"]
    first = rows_of(written[0])[0]
    assert list(first)[:2] == ["model_version", "remarks"]
    assert (first["model_version"], first["remarks"], first["best_val_score"]) == ("v1", ABSENT, "")
    assert rows_of(written[0])[1]["remarks"] == "remarks on v2"


def test_versions_of_another_job_are_not_missed(tmp_path: Path) -> None:
    write_run(tmp_path / "v1", "v1")
    other = replace(read_run(write_run(tmp_path / "x", "x", "RN50")), job="coop")
    rows = version_rows([read_run(tmp_path / "v1"), other], {})
    assert [[row.version for row in listed] for listed in rows.values()] == [["x"], ["v1"]]


def test_a_run_that_trained_nothing_is_no_version(tmp_path: Path) -> None:
    write_run(tmp_path / "v1", "v1")
    write_run(tmp_path / "v2", "v2", "RN50", finished=False)
    (tmp_path / "v2" / "history.jsonl").unlink()
    assert list(version_rows(find_runs(tmp_path), {})) == ["open_clip/ViT-B-16"]


def test_results_in_the_folder_of_a_run_are_percentages_in_its_rows(tmp_path: Path) -> None:
    out = write_run(tmp_path / "v1", "v1")
    (out / "results" / "more").mkdir(parents=True)
    write_result(drawn_results.result("zeroshot", 0.5), out / "results" / "zeroshot.json")
    write_result(drawn_results.result("fusion", 0.625), out / "results" / "more" / "fusion.json")
    (out / "results" / "notes.json").write_text('{"no": "result"}')
    write_run(tmp_path / "v2", "v2")
    runs = find_runs(tmp_path)
    rows = version_rows(runs, {run.path: results_of(run) for run in runs})
    (path,) = write_csv_files(rows, tmp_path / "results.csv")
    assert path.name == "results.csv"
    cells = rows_of(path)
    assert [(row["model_version"], row["evaluation"], row["top-1"]) for row in cells] == [
        ("v1", "fusion", "62.50"), ("v1", "zeroshot", "50.00"), ("v2", "", ""),
    ]  # fmt: skip
    assert {row["space"] for row in cells} == {"clip@1", ""}
    header, lines = row_cells(rows["open_clip/ViT-B-16"])
    assert "Rank-1" not in header
    assert all(len(line) == len(header) for line in lines)


def test_results_of_a_store_are_those_of_the_space_of_the_encoder(tmp_path: Path) -> None:
    out = write_run(tmp_path / "v1", "v1")
    write_encoder(
        out,
        TrainingRecord("reid", {}, space_of("ViT-B-16"), "identity", (), 1, {}),
        family="timm",
        model="resnet10t",
        preprocess=PIXELS,
        weights={"weight": torch.zeros(2)},
    )
    made = space_of("made")
    made = replace(made, spec=replace(made.spec, weights_digest=open_folder(out).digest))
    of_made = drawn_results.result("knn", 0.7)
    provenance = of_made.provenance.model_copy(update={"space_fingerprint": made.fingerprint})
    stored = [of_made.model_copy(update={"provenance": provenance}), drawn_results.result("knn", 0.1)]
    results = results_of(read_run(out), stored, [made, space_of("other")])
    assert [one.metrics["top_1"] for one in results] == [0.7]
    assert results_of(read_run(out), stored, [space_of("other")]) == []
