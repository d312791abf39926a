"""The command ``runs``: what it prints and writes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.command_line import call_cli, call_json
from tests.support.written_runs import write_run


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Two versions of a recipe, one of them interrupted, and a damaged run."""
    folder = tmp_path / "runs"
    write_run(folder / "v5", "v5", loop={"epochs": 3, "seed": 0}, loss={"arcface": {"s": 20}})
    write_run(
        folder / "v6", "v6", finished=False, loop={"epochs": 9, "seed": 0}, loss={"arcface": {"s": 20}}, unfreeze=2
    )
    (folder / "broken").mkdir()
    (folder / "broken" / "recipe.json").write_text("{")
    return folder


def test_runs_are_listed(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(runs.parent)
    text = call_cli("runs").stdout
    lines = {line.split()[0]: line for line in text.splitlines() if line[:1].strip()}
    assert "damaged" in lines["broken"]
    assert "recipe.json is not a recipe" in text
    assert all(word in lines["v5"] for word in ("reid", "vit-b-16", "3 of 3", "0.6000", "finished", "90 s"))
    assert all(word in lines["v6"] for word in ("3 of 9", "interrupted", "remarks on v6"))
    listed = call_json("runs", "--json")
    assert [(run["run"], run["state"], run["best_score"]) for run in listed["runs"]] == [
        ("broken", "damaged", None), ("v5", "finished", 0.6), ("v6", "interrupted", 0.6),
    ]  # fmt: skip


def test_two_recipes_are_compared(runs: Path) -> None:
    text = call_cli("runs", runs / "v5", runs / "v6").stdout
    assert "arcface" not in text
    rows = [line.split() for line in text.splitlines()[1:]]
    assert ["loop.epochs", "3", "9"] in rows
    assert ["unfreeze", "-", "2"] in rows
    assert {"key": "loop.epochs", "a": 3, "b": 9} in call_json("runs", runs / "v5", runs / "v6", "--json")
    assert call_cli("runs", runs / "v5", runs / "v5").stdout.strip() == "The recipes are the same."


def test_a_history_is_followed(runs: Path) -> None:
    lines = call_cli("runs", "--follow", runs / "v5").stdout.splitlines()
    assert [line.split()[:2] for line in lines[:3]] == [["epoch", "1"], ["epoch", "2"], ["epoch", "3"]]
    assert lines[3] == "finished after 3 epochs"
    printed = call_cli("runs", "--follow", runs / "v5", "--json").stdout.splitlines()
    assert [json.loads(line)["score"] for line in printed] == [0.2, 0.6, 0.5]


def test_files_are_written(runs: Path, tmp_path: Path) -> None:
    files = {"--csv": "r.csv", "--markdown": "r.md", "--plot": "p.png"}
    words = [word for name, file in files.items() for word in (name, tmp_path / file)]
    (tmp_path / "intro.txt").write_text("# Mine")
    text = call_cli("runs", runs, *words, "--intro", tmp_path / "intro.txt").stdout
    written = [Path(line.removeprefix("Written: ")) for line in text.splitlines() if line.startswith("Written: ")]
    assert [path.name for path in written] == [
        "r-open_clip-ViT-B-16.csv", "r-unknown.csv", "r.md", "open_clip-ViT-B-16-reid.svg", "unknown-reid.svg",
        "p-v5.png", "p-v6.png",
    ]  # fmt: skip
    assert all(path.stat().st_size for path in written)
    page = (tmp_path / "r.md").read_text()
    assert page.startswith("# Mine\n")
    assert "| v5 | reid | v5 | vit-b-16 |" in page
    assert "- broken: " in page
    assert "## open_clip/ViT-B-16" in page


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["absent"], 1, "no such folder"),
        (["--follow", "absent"], 1, "no such folder"),
        (["a", "b", "c"], 2, "one folder of runs, or two runs"),
        (["a", "b", "--csv", "x.csv"], 2, "leave --csv"),
        (["a", "--store", "s"], 2, "--store is for"),
        (["--intro", "r.txt"], 2, "--intro is for --markdown"),
        (["--follow", "a", "--plot", "p.png"], 2, "no other option"),
        (["--csv", "r.csv", "--store", "absent"], 1, "absent"),
        (["runs/v5/history.csv"], 1, "is a file; name the run that it is of, runs/v5"),
        (["--follow", "runs/v5/history.csv"], 1, "is a file; name the run that it is of, runs/v5"),
        (["r.txt"], 1, "r.txt is a file; name a folder that holds"),
        (["--plot", "h.xyz"], 2, "is written as PNG, SVG or PDF; end its name in .png, .svg or .pdf."),
        (["--plot", "h"], 2, "end its name in .png"),
    ],
)
def test_wrong_input_is_one_sentence(
    words: list[str], status: int, message: str, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(runs.parent)
    Path("r.txt").write_text("x")
    done = call_cli("runs", *words, check=status)
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_without_runs_says_so(tmp_path: Path) -> None:
    assert "holds no training run" in call_cli("runs", tmp_path).stdout
