"""The command ``index-ann``, and what ``search --approx`` says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.ann_stores import clustered_store
from tests.support.command_line import call_cli, call_json


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    return clustered_store(tmp_path_factory.mktemp("made") / "s").uri


def test_an_index_is_built_shown_used_and_dropped(store: str) -> None:
    missing = call_cli("search", "--id", "n00007", "-k", "2", "--approx", "--store", store)
    assert "has no saved index of view base; 'index-ann' makes one; the search was exact." in missing.stderr
    built = call_cli("index-ann", "--kind", "ivf", "-o", "nprobe=2", "--store", store)
    pattern = (
        r"ivf index of model-random0@\w+ \(base\): 10,000 vectors in 16 dimensions, [\d.]+ kB, built in [\d.]+ s\n"
        r"parameters: cells 200, nprobe 2, seed 0\n"
        r"recall@10 0\.\d{4} of exact search, 1,000 of the vectors as queries \([\d.]+ s, exact [\d.]+ s\)\n"
        r"Rank-1 0\.\d{4} \(exact 0\.\d{4}\), mAP@100 0\.\d{4} \(exact 0\.\d{4}\), 1,000 queries of \d{3} identities "
        r"against all vectors\n"
    )
    assert re.fullmatch(pattern, built.stdout)
    assert "Many neighbours are missed; a larger -o nprobe finds more." in built.stderr
    again = call_json("index-ann", "--kind", "ivf", "-o", "nprobe=60", "--store", store)
    assert (again["built"], again["parameters"]["nprobe"]) == (False, 60)
    (index,) = call_json("info", "--store", store)["indexes"]
    assert (index["recall_at_10"], index["stale"]) == (again["recall_at_10"], False)
    assert "index of model-random0" in call_cli("info", "--store", store).stdout
    used = call_cli("search", "--id", "n00007", "-k", "2", "--approx", "--store", store)
    assert used.stderr == ""
    assert "approximately (ivf)" in " ".join(used.stdout.split())
    assert call_json("search", "--id", "n00007", "--approx", "--store", store)["index"] == "ivf"
    assert re.fullmatch(
        r"Dropped 1 saved index of space model-random0@\w+\.\n",
        call_cli("index-ann", "--drop", "--store", store).stdout,
    )
    assert "no saved index to drop" in call_cli("index-ann", "--drop", "--store", store, check=1).stderr
    assert not (Path(store) / "ann").exists()


def test_dropping_for_programs(store: str) -> None:
    call_cli("index-ann", "--kind", "ivf", "--store", store)
    dropped = call_json("index-ann", "--drop", "--store", store)
    assert [name.endswith("-base") for name in dropped["dropped"]] == [True]


def test_wrong_usage_is_one_sentence(store: str) -> None:
    wrong = {
        ("--kind", "hsnw"): (2, "No kind of index 'hsnw'. Did you mean 'hnsw'? There is: hnsw, ivf, lance."),
        ("--drop", "--kind", "ivf"): (2, "it goes without --kind and -o"),
        ("-o", "ef_serch=3"): (None, "options of hnsw: there is no option 'ef_serch'. Did you mean 'ef_search'?"),
        ("--kind", "ivf", "-o", "nprobe=201"): (1, "-o nprobe=201 is more than there are cells; choose 200 or fewer."),
        ("--space", "clip"): (None, "No space 'clip'."),
        ("--view", "hflip"): (None, "No view in space"),
    }
    for words, (status, sentence) in wrong.items():
        done = call_cli("index-ann", *words, "--store", store, check=status)
        assert done.returncode in {1, 2}
        assert sentence in done.stderr
    assert not (Path(store) / "ann").exists()


def test_options_are_listed_by_kind() -> None:
    sections = call_json("index-ann", "--options")
    assert [section["title"] for section in sections] == [
        f"Kind {kind}: -o KEY=VALUE" for kind in ("hnsw", "ivf", "lance")
    ]
    (only,) = call_json("index-ann", "--options", "--kind", "hnsw")
    assert [option["name"] for option in only["options"]] == ["links", "ef_construction", "ef_search", "threads"]
