"""The command ``audit`` from drawn hands to an exit status, and what ``eval`` says of the same faults."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from PIL import Image, ImageEnhance

from cli import cli
from data.hands import draw_hands
from retrieval.errors import VitrineError
from tests.support.audit_samples import clusters
from tests.support.command_line import SMALL_ENCODER, call_cli, run_cli
from tests.support.sample_stores import store_with, unit

ASPECT = "dorsal right"
SHOTS = 4
FIELDS = ("filepath", "identity", "aspect", "group", "split")


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(cli, ["audit", *map(str, args)])


def findings(done: Result) -> dict[str, dict[str, Any]]:
    return {found["check"]: found for found in json.loads(done.stdout)["findings"]}


def uris(found: dict[str, Any]) -> list[list[str]]:
    return [[sample["uri"] for sample in item["samples"]] for item in found["items"]]


def hands(folder: Path) -> list[dict[str, str]]:
    """Rows of a manifest: the first image of every hand is gallery, the others are queries."""
    draw_hands(folder, identities=8, images_per_aspect=1, burst=SHOTS)
    with (folder / "HandInfo.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["aspectOfHand"] == ASPECT]
    return [
        {
            "filepath": f"Hands/{row['imageName']}",
            "identity": row["id"],
            "aspect": ASPECT,
            "group": "",
            "split": "query" if at % SHOTS else "gallery",
        }
        for at, row in enumerate(rows)
    ]


def indexed(folder: Path, rows: list[dict[str, str]], store: Path) -> Path:
    """Write the manifest, index it, and take the images away: an audit runs without."""
    with (folder / "hands.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, FIELDS)
        writer.writeheader()
        writer.writerows(rows)
    call_cli("index", folder / "hands.csv", "--source", "manifest", "--store", store, *SMALL_ENCODER)
    shutil.rmtree(folder)
    return store


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clean")
    return indexed(folder / "hands", hands(folder / "hands"), folder / "s.vitrine")


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A query of hand 0 copied into the gallery of hand 1, a burst of hand 2, one of six takes of hand 3 as hand 4."""
    folder = tmp_path_factory.mktemp("faulty")
    rows = hands(folder / "hands")
    names = [rows[at * SHOTS]["identity"] for at in range(5)]
    shutil.copy(folder / "hands" / rows[1]["filepath"], folder / "hands" / "copy.jpg")
    rows.append({**rows[SHOTS], "filepath": "copy.jpg"})
    for row in rows[2 * SHOTS : 2 * SHOTS + 2]:
        row["group"] = "burst 1"
    with Image.open(folder / "hands" / rows[3 * SHOTS + 1]["filepath"]) as original:
        for take in range(5):
            ImageEnhance.Brightness(original).enhance(1.02 + 0.02 * take).save(folder / "hands" / f"take{take}.jpg")
    rows += [
        {**rows[3 * SHOTS + 1], "filepath": f"take{take}.jpg", "identity": names[4 if take == 2 else 3]}
        for take in range(5)
    ]
    return indexed(folder / "hands", rows, folder / "s.vitrine")


def test_clean_hands_have_no_error(clean: Path) -> None:
    done = run("--store", clean)
    assert done.exit_code == 0, done.output
    assert "32 samples" in done.stdout
    report = json.loads(run("--store", clean, "--json").stdout)
    assert {found["severity"] for found in report["findings"]} <= {"warning", "note"}
    assert report["split_set"] is None


def test_every_planted_fault_is_found(faulty: Path) -> None:
    done = run("--store", faulty, "--json")
    assert done.exit_code == 4
    found = findings(done)
    assert {check for check, each in found.items() if each["severity"] == "error"} == {
        "duplicate-in-draw",
        "conflicting-names",
        "group-in-draw",
    }
    for check in ("duplicate-in-draw", "conflicting-names"):
        ((first, second),) = uris(found[check])
        assert "copy.jpg" in (first, second)
    ((first, second),) = uris(found["group-in-draw"])
    assert "group burst 1, 2 samples" in found["group-in-draw"]["items"][0]["detail"]
    assert {pair[0] for pair in uris(found["suspected-identity"])[:2]} == {"take2.jpg", "copy.jpg"}
    assert all({"take2.jpg", "copy.jpg"} & set(pair) for pair in uris(found["near-duplicate-other-name"]))


def test_a_table_the_same_twice_and_as_many_cases_as_asked_for(faulty: Path) -> None:
    done = run("--store", faulty, "--show", "1")
    assert done.exit_code == 4
    assert done.stdout == run("--store", faulty, "--show", "1").stdout
    assert done.stdout.count("neighbours say") == 1
    assert "neighbours say" not in run("--store", faulty, "--show", "0").stdout
    assert run("--store", faulty, "--json").stdout == run("--store", faulty, "--json").stdout


def test_a_process_of_its_own_has_the_exit_status(faulty: Path) -> None:
    done = run_cli("audit", "--store", faulty, check=4)
    assert done.stderr == ""


def test_a_sheet_is_drawn_from_stored_thumbnails(faulty: Path, tmp_path: Path) -> None:
    done = run("--store", faulty, "--sheet", tmp_path / "worst.png")
    assert done.exit_code == 4
    assert "Contact sheet" in done.stderr
    with Image.open(tmp_path / "worst.png") as sheet:
        assert sheet.format == "PNG"
        assert len(sheet.convert("RGB").getcolors(1 << 24) or ()) > 1000


def test_a_split_set_of_ones_own(faulty: Path, tmp_path: Path) -> None:
    report = json.loads(run("--store", faulty, "--json").stdout)
    burst = next(found for found in report["findings"] if found["check"] == "group-in-draw")["items"][0]["samples"]
    apart = "".join(f"0,query,{sample['uri']}\n" for sample in burst)
    file = tmp_path / "mine.csv"
    file.write_text(f"draw,role,uri\n{apart}0,gallery,take0.jpg\n")
    done = run("--store", faulty, "--split-set", file, "--json")
    found = findings(done)
    assert "group-in-draw" not in found
    assert found["duplicate"]["severity"] == "note"
    assert json.loads(done.stdout)["split_sha256"]
    file.write_text(f"draw,role,uri\n0,query,{burst[0]['uri']}\n0,gallery,{burst[1]['uri']}\n")
    assert "group-in-draw" in findings(run("--store", faulty, "--split-set", file, "--json"))


def test_eval_names_the_leaks_and_is_the_same_twice(faulty: Path, clean: Path) -> None:
    args = ["eval", "--mode", "reid", "--protocol", "fixed", "-o", "camera_rule=none", "--json", "--store"]
    first, second = (CliRunner().invoke(cli, [*args, str(faulty)]) for _ in range(2))
    assert first.exit_code == 0, first.output
    told = " ".join(json.loads(first.stdout)["warnings"])
    assert "1 picture is query and gallery of one draw, byte for byte: its match is certain (audit shows them)." in told
    assert "1 group has samples that are query and gallery of one draw (audit shows them)." in told
    kept = [[line for line in done.stdout.splitlines() if '"created"' not in line] for done in (first, second)]
    assert kept[0] == kept[1]
    said = json.loads(CliRunner().invoke(cli, [*args, str(clean)]).stdout)["warnings"]
    (alike,) = (each for each in said if "audit" in each)
    assert alike.startswith("8 pairs of nearly the same picture are query and gallery of one draw")
    audited = findings(CliRunner().invoke(cli, ["audit", "--json", "--store", str(clean)]))
    assert audited["near-duplicate-in-draw"]["count"] == 8


NAMES = [f"{at:02d}" for at in range(40)]


@pytest.fixture(scope="module")
def tight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tight clusters, where the audit has nothing to say."""
    vectors = unit(40)._replace(vectors=clusters(8, 5, noise=0.5, d=64))
    store_with(
        path := tmp_path_factory.mktemp("tight") / "s", NAMES, vectors, identity=[f"p{at // 5}" for at in range(40)]
    )
    return path


def test_strict_makes_warnings_count(tight: Path, tmp_path: Path) -> None:
    done = run("--store", tight, "--strict", "--sheet", tmp_path / "none.png")
    assert done.exit_code == 0, done.output
    assert "Nothing was found." in done.stdout
    assert "there is no contact sheet" in done.stderr
    assert not (tmp_path / "none.png").exists()
    identity = [f"p{at // 5}" for at in range(40)]
    identity[12] = "p6"
    vectors = unit(40)._replace(vectors=clusters(8, 5, noise=0.5, d=64))
    store_with(tmp_path / "s", NAMES, vectors, identity=identity)
    assert run("--store", tmp_path / "s").exit_code == 0
    assert run("--store", tmp_path / "s", "--strict").exit_code == 4


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--protocol", "clipfh-11k"), "the samples has an aspect"),
        (("--space", "other"), "other"),
        (("--split-set", "nothing"), "No split set 'nothing'"),
        (("--split-set", "no.csv"), "no.csv"),
        (("--protocol", "monte-carlo", "--split-set", "no.csv"), "leave one of them out"),
        (("--aspect", "left"), "--aspect left is of a protocol's draws; name one with --protocol."),
        (
            ("--aspect", "left", "--protocol", "fixed", "--split-set", "no.csv"),
            "--aspect left is of a protocol's draws",
        ),
    ],
)
def test_wrong_input_is_one_line(tight: Path, args: tuple[str, ...], message: str) -> None:
    error = run("--store", tight, *args).exception
    assert isinstance(error, VitrineError)
    assert message in str(error)
    assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--bits", "4"),
        ("--seed", "-1"),
        ("--show", "-1"),
        ("--sheets", "x"),
        ("--protocol", "clipfh"),
    ],
)
def test_wrong_usage(tight: Path, option: str, value: str) -> None:
    done = run("--store", tight, option, value)
    assert done.exit_code == 2
    assert option in done.stderr
    assert value != "clipfh" or "no protocol 'clipfh'. Did you mean 'clipfh-11k'?" in done.stderr


def test_a_store_or_a_folder_that_is_not_there(faulty: Path, tmp_path: Path) -> None:
    done = call_cli("audit", "--store", tmp_path / "no", check=1)
    assert len(done.stderr.strip().splitlines()) == 1
    assert str(tmp_path / "no") in done.stderr
    assert run("--store", faulty, "--sheet", tmp_path / "new" / "deep" / "worst.png").exit_code == 4
    assert (tmp_path / "new" / "deep" / "worst.png").is_file()
    (tmp_path / "file").write_text("")
    refused = run("--store", faulty, "--sheet", tmp_path / "file" / "worst.png")
    assert isinstance(refused.exception, VitrineError)
    assert "worst.png cannot be written (" in str(refused.exception)
    assert not refused.stdout
