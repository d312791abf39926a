"""Names through the command line: spellings and placeholders are told at import and beside the number."""

from __future__ import annotations

import json
import re
import shlex
from importlib.util import module_from_spec, spec_from_file_location
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.command_line import call_cli, call_json
from tests.support.named_vectors import import_named
from tests.support.shared_data import SHARED

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SMALL = re.compile(r"All queries are of \d+ identities|by construction")
WAY = re.compile(r"-o (?:'[^']*'|\S+)(?= (?:leaves|joins))")


def way_out(warnings: Sequence[str]) -> list[str]:
    """The option of the first warning, as words of a command."""
    found = WAY.search(" ".join(warnings))
    assert found, warnings
    return shlex.split(found[0])


def evaluated(store: Path, mode: str, *words: str) -> tuple[Any, list[str]]:
    """A result, and the warnings of the terminal, which are those of the result, but for those of small samples."""
    done = call_cli("eval", "--mode", mode, "--store", store, "-o", "bootstrap=0", *words, "--json")
    result = json.loads(done.stdout)
    warnings = [line.removeprefix("Warning: ") for line in done.stderr.splitlines() if line.startswith("Warning: ")]
    assert len(warnings) == len(result["warnings"])
    return result, [line for line in warnings if not SMALL.search(line)]


def metrics(result: Any) -> dict[str, float]:
    return {name: metric["value"] for name, metric in result["metrics"].items()}


def animals(spell: Any) -> list[dict[str, str]]:
    """Six animals, five pictures of each; ``spell`` writes the name of an animal in a picture."""
    return [
        {"identity": spell(k, j), "camera": str(j), "split": "query" if j == 0 else "gallery"}
        for k in range(6)
        for j in range(5)
    ]


CENTRES = [k for k in range(6) for _ in range(5)]
SPELLINGS = {
    "float": lambda k, j: f"{k + 1}.0" if j > 2 else f"{k + 1}",
    "zeros": lambda k, j: f"{k + 1}" if j > 2 else f"{k + 1:03d}",
    "both": lambda k, j: f"{k + 1}.0" if j > 2 else f"{k + 1:03d}",
    "case": lambda k, j: f"Turtle_{k}" if j > 2 else f"turtle {k}",
    "exponent": lambda k, j: f"{k + 1}e3" if j > 2 else f"{k + 1}000",
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_two_spellings_of_one_animal_are_told_and_joined(tmp_path: Path, spelling: str) -> None:
    assert "spellings" not in import_named(tmp_path, animals(lambda k, _: f"{k + 1}"), CENTRES, "clean")
    clean, nothing = evaluated(tmp_path / "clean" / "v", "reid")
    assert (clean["n"]["identities"], nothing) == (6, [])
    said = import_named(tmp_path, animals(SPELLINGS[spelling]), CENTRES, "odd")
    one, other = (SPELLINGS[spelling](0, j) for j in (0, 4))
    assert f"Identities in several spellings that may be one: '{one}' (3 samples) and '{other}' (2)" in said
    assert "join_spellings=true" in said
    apart, warnings = evaluated(tmp_path / "odd" / "v", "reid")
    assert apart["n"]["identities"] == 12
    assert f"Identities in several spellings that may be one: '{one}' (3 samples) and '{other}' (2)" in warnings[0]
    joined, warnings = evaluated(tmp_path / "odd" / "v", "reid", *way_out(warnings))
    assert joined["n"]["identities"] == 6
    assert "spellings were joined" in warnings[0]
    assert metrics(joined) == pytest.approx(metrics(clean))
    assert metrics(apart) != metrics(clean)
    same, _ = evaluated(tmp_path / "odd" / "v", "verification", "-o", "join_spellings=true")
    assert metrics(same) == pytest.approx(metrics(evaluated(tmp_path / "clean" / "v", "verification")[0]))


def test_a_ranking_of_joined_names_is_drawn(tmp_path: Path) -> None:
    import_named(tmp_path, animals(SPELLINGS["float"]), CENTRES)
    words = ("-o", "join_spellings=true", "-o", "bootstrap=0", "--pictures", tmp_path / "p")
    call_cli("eval", "--mode", "reid", "--store", tmp_path / "v", *words)
    assert list((tmp_path / "p").iterdir())


def test_names_that_never_meet_name_the_way_out(tmp_path: Path) -> None:
    import_named(tmp_path, animals(lambda k, j: f"{k + 1}" if j == 0 else f"{k + 1}.0"), CENTRES)
    refused = call_cli("eval", "--mode", "reid", "--store", tmp_path / "v", check=1).stderr
    assert "'1' and gallery identity '1.0' may be one in two spellings" in refused
    assert evaluated(tmp_path / "v", "reid", *way_out([refused]))[0]["n"]["identities"] == 6
    refused = call_cli("eval", "--mode", "verification", "--store", tmp_path / "v", check=1).stderr
    evaluated(tmp_path / "v", "verification", *way_out([refused]))


@pytest.mark.parametrize("name", ["unknown", "?", "-", "NA", "none", "null", "new_whale", "unidentified cat", "-1.0"])
def test_a_placeholder_is_told_and_left_out(tmp_path: Path, name: str) -> None:
    rows = animals(lambda k, _: f"turtle_{k:02d}" if k < 4 else name)
    said = import_named(tmp_path, rows, CENTRES)
    assert f"Identities that read like placeholders: '{name}' (10 samples)" in said
    all_of_them, warnings = evaluated(tmp_path / "v", "reid")
    assert f"Identity '{name}' (10 samples) reads like a placeholder and counts as an identity" in warnings[0]
    known, rest = evaluated(tmp_path / "v", "reid", *way_out(warnings))
    assert (all_of_them["n"]["query"], known["n"]["query"], known["n"]["identities"]) == (6, 4, 4)
    assert not any("placeholder" in line for line in rest)
    told = call_cli("eval", "--mode", "verification", "--store", tmp_path / "v").stderr
    call_cli("eval", "--mode", "verification", "--store", tmp_path / "v", *way_out([told]))


def test_bad_boxes_of_market_keep_their_own_words(tmp_path: Path) -> None:
    import_named(tmp_path, animals(lambda k, _: f"{k:04d}" if k < 5 else "-1"), CENTRES)
    _, warnings = evaluated(tmp_path / "v", "reid")
    assert len(warnings) == 1
    assert "Identity -1 counts as an identity (samples: 5)" in warnings[0]
    evaluated(tmp_path / "v", "reid", "--protocol", "market1501")


def test_cameras_and_aspects_in_two_spellings(tmp_path: Path) -> None:
    clean = animals(lambda k, _: f"{k}")
    for at, row in enumerate(clean):
        row |= {"camera": str(at % 5 % 3), "aspect": "right" if at % 4 == 1 else "left"}
    mixed = [dict(row) for row in clean]
    for row in mixed[2::3]:
        row |= {"camera": f"{row['camera']}.0", "aspect": row["aspect"].title()}
    import_named(tmp_path, clean, CENTRES, "clean")
    assert "Cameras in several spellings" in import_named(tmp_path, mixed, CENTRES, "mixed")
    of_clean, _ = evaluated(tmp_path / "clean" / "v", "reid", "--aspect", "left")
    apart, warnings = evaluated(tmp_path / "mixed" / "v", "reid", "--aspect", "left")
    assert apart["n"] != of_clean["n"]
    assert any(line.startswith("Aspects in several spellings that may be one: 'left' (") for line in warnings)
    joined, warnings = evaluated(tmp_path / "mixed" / "v", "reid", "--aspect", "Left", *way_out(warnings))
    assert any(line.startswith("Cameras in several spellings were joined: '") for line in warnings)
    assert metrics(joined) == pytest.approx(metrics(of_clean))


def test_a_camera_that_nobody_knows_is_told(tmp_path: Path) -> None:
    rows = animals(lambda k, _: f"{k}")
    for row in rows[::2]:
        row["camera"] = "unknown"
    import_named(tmp_path, rows, CENTRES)
    _, warnings = evaluated(tmp_path / "v", "reid")
    (told,) = (line for line in warnings if "placeholder" in line)
    assert told.startswith("Camera 'unknown' (15 samples) reads like a placeholder and counts as a camera")
    assert not any("camera" in line for line in evaluated(tmp_path / "v", "reid", "-o", "camera_rule=none")[1])


@pytest.mark.skipif(not (SHARED.parent / "cases").is_dir(), reason="the drawn cases are not beside this checkout")
def test_the_shared_cases_have_their_values(tmp_path: Path) -> None:
    spec = spec_from_file_location("make_cases", SHARED.parent / "cases" / "make.py")
    assert spec
    assert spec.loader
    cases = module_from_spec(spec)
    spec.loader.exec_module(cases)
    for name in ("unknown_animals", "two_spellings"):
        getattr(cases, name)(tmp_path / name)
    joined = (("-o", "join_spellings=true"), (6, 0.6667, 0.7235))
    expected = {
        "unknown_animals/metadata.csv": (("-o", "junk_identities=unknown"), (8, 0.750, 0.696)),
        "two_spellings/float.csv": joined,
        "two_spellings/zeros.csv": joined,
        "two_spellings/clean.csv": ((), joined[1]),
    }
    for table, (option, (identities, rank_1, mean_ap)) in expected.items():
        column = ("--column", "filepath=path") if table.endswith("metadata.csv") else ()
        words = ("--source-name", table, "--encoder", "open_clip/vitrine-tiny", *column)
        call_cli("index", tmp_path / table, "--store", tmp_path / "s", *words)
        result, _ = evaluated(tmp_path / "s", "reid", "--where", f"source = '{table}'", *option)
        assert (result["n"]["query"], result["n"]["identities"]) == (identities, identities)
        numbers = metrics(result)
        assert (numbers["rank_1"], numbers["mean_ap"]) == pytest.approx((rank_1, mean_ap), abs=5e-4)


def species(spell: Any) -> list[dict[str, str]]:
    roles = ["train", "train", "train", "val", "test", "test"]
    return [{"label": spell(k, j), "split": role} for k in range(4) for j, role in enumerate(roles)]


KINDS = ["Amanita muscaria", "Boletus edulis", "Russula emetica", "Imleria badia"]
CLASSES = [k for k in range(4) for _ in range(6)]


@pytest.mark.parametrize("mode", ["prototype", "knn", "fewshot"])
def test_labels_in_two_spellings_are_told_and_joined(tmp_path: Path, mode: str) -> None:
    words = {"fewshot": ("-o", "shots=1,2"), "prototype": (), "knn": ("-o", "k=1")}[mode]
    import_named(tmp_path, species(lambda k, _: KINDS[k]), CLASSES, "clean")
    clean, nothing = evaluated(tmp_path / "clean" / "v", mode, *words)
    assert not any("spelling" in line for line in nothing)
    mixed = species(lambda k, j: KINDS[k].replace(" ", "_").lower() if j in (1, 5) else KINDS[k])
    assert "'Amanita muscaria' (4 samples) and 'amanita_muscaria' (2)" in import_named(tmp_path, mixed, CLASSES, "odd")
    apart, warnings = evaluated(tmp_path / "odd" / "v", mode, *words)
    assert apart["label_universe"]["n"] == 8
    joined, _ = evaluated(tmp_path / "odd" / "v", mode, *words, *way_out(warnings))
    assert joined["label_universe"]["names"] == sorted(KINDS)
    assert metrics(joined) == pytest.approx(metrics(clean))


def test_white_space_composed_letters_and_invisible_characters_are_one_label(tmp_path: Path) -> None:
    plain = "\u00e9pic\u00e9a"
    odd = [plain, "e\u0301pice\u0301a", f"{plain}\u00a0", f"\u200b{plain}", f"\ufeff{plain} ", plain]
    said = import_named(tmp_path, species(lambda k, j: odd[j] if k == 0 else KINDS[k]), CLASSES)
    assert "spelling" not in said
    result, warnings = evaluated(tmp_path / "v", "prototype")
    assert (result["label_universe"]["n"], warnings) == (4, [])


@pytest.mark.parametrize("name", ["unknown", "#N/A", "sp.", "indet.", "no"])
def test_labels_of_no_class_are_left_out(tmp_path: Path, name: str) -> None:
    said = import_named(tmp_path, species(lambda k, _: KINDS[k] if k < 3 else name), CLASSES)
    result, warnings = evaluated(tmp_path / "v", "prototype")
    assert result["label_universe"]["n"] == 4
    if name != "no":  # an ordinary label, which YAML would read as false
        assert f"Labels that read like placeholders: '{name}' (6 samples)" in said
        assert f"Label '{name}' (6 samples) reads like a placeholder and counts as a label" in warnings[0]
        assert way_out(warnings) == ["-o", f"unlabelled={name}"]
    known, rest = evaluated(tmp_path / "v", "prototype", "-o", f"unlabelled={name}")
    assert (known["label_universe"]["n"], known["n"]["test"]) == (3, 6)
    assert rest == ["6 samples have no label and take no part."]
    refused = call_cli(
        "eval", "--mode", "prototype", "--store", tmp_path / "v", "-o", f"unlabelled={','.join(KINDS)},{name}", check=1
    )
    assert "leaves no sample with a label" in refused.stderr


def test_a_universe_in_another_spelling_names_the_way_out(tmp_path: Path) -> None:
    import_named(tmp_path, species(lambda k, _: KINDS[k]), CLASSES)
    (tmp_path / "labels.txt").write_text("\n".join(name.replace(" ", "_") for name in KINDS), encoding="utf-8")
    words = ("--mode", "prototype", "--store", tmp_path / "v", "--labels-from", tmp_path / "labels.txt")
    refused = call_cli("eval", *words, check=1).stderr
    assert "the universe has 'Amanita_muscaria' for 'Amanita muscaria'" in refused
    assert call_json("eval", *words, *way_out([refused]))["n"]["test"] == 8
    (tmp_path / "labels.txt").write_text("\n".join([*KINDS[1:], "Amanita_muscaria"]), encoding="utf-8")
    told = call_cli("eval", *words).stderr
    assert "2 test samples have a label outside the universe and are left out of all metrics (the universe has" in told
    assert call_json("eval", *words, *way_out([told]))["n"]["test"] == 8


def test_ordinary_names_are_silent(tmp_path: Path) -> None:
    said = import_named(tmp_path, animals(lambda k, _: f"{k:04d}"), CENTRES)
    assert "spellings" not in said
    assert "placeholder" not in said
    assert evaluated(tmp_path / "v", "reid")[1] == []
