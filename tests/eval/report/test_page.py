"""Reports: what may share a table, names that cannot break out, the same bytes twice, one sentence for bad input."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from PIL import Image

from eval.report.page import write_report
from eval.results.assets import Neighbour, Prediction, WrongPrediction, thumbnail_name, write_assets
from eval.results.files import write_result
from eval.results.schema import ClassMetrics, ConfusedPair, EvalResult, SweepPoint, Universe
from retrieval.errors import InputError, MissingFileError
from tests.support.drawn_results import SPECIES, fewshot, fusion, knn, names_hash, reid, result, verification, zeroshot

NASTY = ("<script>alert(1)</script>", "a|b*c_d", 'x" onload="y', "$1 & [2](3)")


class Page(HTMLParser):
    """What a browser would find: tags with attributes, text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def of(self, *tags: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag in tags]


def write(folder: Path, **results: EvalResult) -> list[Path]:
    for name, each in results.items():
        write_result(each, folder / f"{name}.json")
    return [folder / f"{name}.json" for name in results]


def bare(mode: str = "knn", **sections: Any) -> EvalResult:
    """A result with nothing but its metrics."""
    return result(mode, 0.5, **{"per_class": None, "confusion": None, "curves": None, **sections})


def tables(markdown: str) -> list[list[list[str]]]:
    """The rows of every table, cells split where Markdown splits them."""
    found = re.findall(r"(?:^\|.*\|\n)+", markdown, re.MULTILINE)
    return [[re.split(r"(?<!\\)\|", line)[1:-1] for line in table.splitlines()] for table in found]


@pytest.mark.slow
def test_a_whole_report_stands_alone(tmp_path: Path) -> None:
    files = write(tmp_path, zeroshot=zeroshot(), fusion=fusion(), fewshot=fewshot(), reid=reid(), verif=verification())
    written = write_report(files, tmp_path / "a", "Mushrooms")
    names = {path.name for path in written.pictures}
    assert {
        "overview-1-bars.svg", "comparison-1.svg", "cmc-2.svg", "zeroshot-sweep-temperature-val.svg",
        "fusion-gains.svg", "fusion-sweep-alpha-val.svg", "fusion-sweep-alpha-val-grid.svg", "verif-roc.svg",
        "fewshot-sweep-shots-test.svg", "fusion-reliability.svg", "fusion-coverage.svg", "fusion-classes.svg",
        "fusion-confusion.svg",
    } <= names  # fmt: skip
    page = Page(written.html.read_text())
    assert not page.of("link", "iframe", "img", "image")
    assert len(page.of("script")) == 1
    figures = [each for each in page.of("svg") if each.get("class") == "figure"]
    assert len(figures) == len(written.pictures)
    assert all(each["aria-label"] for each in figures)
    assert not re.search(r"url\((?!#)|@import|src=", written.html.read_text())
    assert set(re.findall(r"https?://[^\"< ]*", written.html.read_text())) == {"http://www.w3.org/2000/svg"}
    links = [each["href"] for each in page.of("a")]
    assert links == [f"#{each['id']}" for each in page.of("h2")]
    ids = [identifier for _, attributes in page.tags if (identifier := attributes.get("id"))]
    assert len(ids) == len(set(ids))
    assert "No pictures of wrong predictions" in page.text
    assert set(re.findall(r"!\[.*?\]\(([^)]*)\)", written.markdown.read_text())) == names
    size = sum(path.stat().st_size for path in (tmp_path / "a").rglob("*"))
    assert size < 2_000_000


def test_the_same_results_give_the_same_bytes(tmp_path: Path) -> None:
    made = fusion()
    files = write(
        tmp_path, fusion=made.model_copy(update={"sweep": None, "per_class": None, "curves": None}), reid=reid()
    )
    first, second = (write_report(files, tmp_path / name) for name in ("a", "b"))
    assert len(first.pictures) == 8
    for one, other in zip(first.pictures, second.pictures, strict=True):
        assert one.read_bytes() == other.read_bytes()
    assert first.html.read_bytes() == second.html.read_bytes()
    assert first.markdown.read_bytes() == second.markdown.read_bytes()


def test_other_universes_and_splits_never_share_a_table(tmp_path: Path) -> None:
    moved = bare("knn")
    moved = moved.model_copy(update={"provenance": moved.provenance.model_copy(update={"split_sha256": "7" * 64})})
    files = write(tmp_path, fusion=bare("fusion"), restricted=bare(names=SPECIES[:90]), moved=moved, same=bare())
    written = write_report(files, tmp_path / "r")
    results = [table for table in tables(written.markdown.read_text()) if table[0][0].strip() == "result"]
    together = [{row[0].partition("<br>")[0].strip(" *").split("*")[0] for row in table} for table in results]
    assert {"fusion", "same"} <= together[0]
    assert [{"restricted", "moved"} & each for each in together if {"fusion", "same"} & each] == [set()]
    assert not any({"restricted", "moved"} <= each for each in together)
    (warning,) = written.warnings
    assert "2 label universes, 2 split sets" in warning
    assert "3 separate tables" in warning
    assert warning in Page(written.html.read_text()).text
    assert {"overview-1-bars.svg", "overview-3-bars.svg"} <= {path.name for path in written.pictures}


def test_results_that_are_measured_differently_say_so(tmp_path: Path) -> None:
    other = bare(config={**knn().config, "macro_over": "universe"})
    written = write_report(write(tmp_path, a=bare(), b=other), tmp_path / "r")
    assert written.warnings == (
        "The results of one table are measured differently: macro_over is a: present, b: universe.",
    )


def test_names_cannot_break_out_of_their_place(tmp_path: Path) -> None:
    figures = {name: ClassMetrics(precision=0, recall=0, f1=0, jaccard=0, support=3, predicted=3) for name in NASTY}
    pairs = tuple(ConfusedPair(label=a, predicted=b, count=1) for a, b in pairwise(NASTY))
    universe = Universe(n=4, sha256=names_hash(NASTY), names=NASTY, origin="all")
    made = bare(
        per_class=figures, confusion=pairs, label_universe=universe, warnings=(f"1 class ({NASTY[0]}) is small.",)
    )
    files = write(tmp_path, **{"a_b *c* $x$": made})
    written = write_report(files, tmp_path / "r", NASTY[0])
    page = Page(written.html.read_text())
    assert len(page.of("script")) == 1
    assert not any("onload" in attributes for _, attributes in page.tags)
    assert all(name in page.text for name in NASTY)
    markdown = written.markdown.read_text()
    assert "<script>" not in markdown.replace("\\<script\\>", "")
    for table in tables(markdown):
        assert len({len(row) for row in table}) == 1
    assert any(path.name == "a-b-c-x-classes.svg" for path in written.pictures)
    for path in written.pictures:
        ET.parse(path)  # noqa: S314 - our own


def test_assets_are_shown(tmp_path: Path) -> None:
    (file,) = write(tmp_path, knn=result("knn", 0.5, curves=None, confusion=None))
    Image.new("RGB", (40, 30), "teal").save(tmp_path / "t.webp")
    name = thumbnail_name("k/1")
    near = (Neighbour("n.jpg", SPECIES[0], 0.9, name), Neighbour("m.jpg", None, 0.8))
    wrong = [
        WrongPrediction("1", "w.jpg", SPECIES[0], SPECIES[1], 0.91, name, near),
        WrongPrediction("2", "v.jpg", "b", "c", 0.4),
    ]
    answers = [
        Prediction(0, 0, "1", "sure|wrong.jpg", SPECIES[0], SPECIES[1], 0.91, 3, correct=False),
        Prediction(0, 0, "2", "right.jpg", SPECIES[0], SPECIES[0], 0.99, 1, correct=True),
        Prediction(0, 0, "3", "unsure.jpg", SPECIES[0], SPECIES[2], 0.2, 2, correct=False),
    ]
    write_assets(file, answers, wrong, {name: (tmp_path / "t.webp").read_bytes()})
    written = write_report([file], tmp_path / "r")
    (thumbnail,) = (tmp_path / "r" / "thumbs").iterdir()
    assert thumbnail.read_bytes() == (tmp_path / "t.webp").read_bytes()
    page = written.html.read_text()
    assert f"1. {SPECIES[0]}, taken for {SPECIES[1]} (91 %)" in page
    assert page.count(f'<use href="#{thumbnail.name}"/>') == 2
    assert page.count("data:image/webp;base64,") == 1
    assert "nearest neighbours among the train samples by the vectors of space clip@1." in page
    markdown = written.markdown.read_text()
    rows = next(table for table in tables(markdown) if "rank of the truth" in " ".join(table[0]))
    assert [row[0].strip() for row in rows[2:]] == ["sure\\|wrong.jpg", "unsure.jpg"]
    assert "No pictures of wrong predictions" not in markdown
    wrong_rows = next(table for table in tables(markdown) if table[0][0].strip() == "image")
    assert f"(thumbs/{thumbnail.name})" in wrong_rows[2][0]
    assert f"✓ {SPECIES[0]}" in wrong_rows[2][1]
    assert "no picture<br>✗ no label" in wrong_rows[2][2]


@pytest.mark.parametrize(
    "sections",
    [
        {},
        {"draws": (), "n": {}},
        {"per_class": {}, "confusion": (), "curves": {}, "sweep": (), "arms": {}},
        {"per_class": {"a": ClassMetrics(precision=0, recall=0, f1=0, jaccard=0, support=0, predicted=0)}},
        {"confusion": (ConfusedPair(label="a", predicted="b", count=2),)},
        {"curves": {"reliability": {"confidence": (0.0,), "accuracy": (0.0,), "count": (0.0,)}}},
        {"curves": {"coverage": {"coverage": (1.0,), "accuracy": (0.4,)}}},
        {"metrics": {"nll": {"value": 2.0}}},
        {"sweep": (SweepPoint(settings={"k": 1}, role="val", metrics={"nll": 2.0}),)},
        {"retrieval": {"r_1": 0.5, "texts": 8647.0}},
    ],
)  # fmt: skip
def test_a_result_with_little_gives_a_report(tmp_path: Path, sections: dict[str, Any]) -> None:
    written = write_report(write(tmp_path, one=bare(**sections)), tmp_path / "r")
    assert written.html.stat().st_size > 5000
    assert written.warnings == ()


def test_bad_input_is_one_sentence(tmp_path: Path) -> None:
    (file,) = write(tmp_path, one=bare())
    (tmp_path / "text.json").write_text("no")
    (tmp_path / "taken").write_text("")
    with pytest.raises(InputError, match=r"text\.json is not a result file"):
        write_report([file, tmp_path / "text.json"], tmp_path / "r")
    with pytest.raises(MissingFileError, match="There is no result file"):
        write_report([tmp_path / "gone.json"], tmp_path / "r")
    with pytest.raises(InputError, match="No result file is given"):
        write_report([], tmp_path / "r")
    with pytest.raises(InputError, match="choose another"):
        write_report([file], tmp_path / "taken")
    with pytest.raises(InputError, match="has no metrics"):
        write_report(write(tmp_path, none=bare(metrics={})), tmp_path / "r")
    (tmp_path / "one.assets").mkdir()
    (tmp_path / "one.assets" / "wrong.json").write_text("[{}]")
    (file,) = write(tmp_path, one=bare(per_class={}))
    with pytest.raises(InputError, match="cannot be read as wrong predictions"):
        write_report([file], tmp_path / "r")
