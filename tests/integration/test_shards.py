"""Images inside tar and Parquet files, through the command line: nothing is decoded twice, and all is told."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from indexers.pipeline import embed
from indexers.pipeline.decode import open_image
from retrieval.store.open import open_store
from tests.support.command_line import SMALL_ENCODER, call_cli, call_json
from tests.support.shards import encoded_image, write_parquet, write_tar


def index(path: Path | str, *options: str, check: int = 0) -> dict[str, Any]:
    """Index into the store ``store`` beside the set, and return the report."""
    root = next(folder for folder in Path(path).parents if folder.name == "data").parent
    done = call_cli("index", path, "--store", root / "store", *SMALL_ENCODER, *options, "--json", check=check)
    report: dict[str, Any] = json.loads(done.stdout)
    assert report["seen"] == report["taken"] + sum(report["left_out"].values())
    return report


def rows(root: Path, *columns: str) -> list[tuple[Any, ...]]:
    with open_store(root / "store").snapshot() as snapshot:
        table = snapshot.samples(list(columns))
    return sorted(zip(*(table.column(name).to_pylist() for name in columns), strict=True), key=str)


def key(n: int, **fields: bytes) -> list[tuple[str, bytes]]:
    members = {"jpg": encoded_image(n, "JPEG"), "cls": str(n % 2).encode(), **fields}
    return [(f"{n:04d}.{suffix}", data) for suffix, data in members.items()]


def make(root: Path) -> Path:
    data = root / "data" / "birds"
    for shard in range(2):
        write_tar(data / f"birds-train-{shard:06d}.tar", [m for n in range(4) for m in key(shard * 10 + n)])
    write_tar(data / "birds-val-000000.tar", [m for n in range(90, 93) for m in key(n)])
    return data


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Counts the images that are decoded while indexing."""
    count: list[int] = []

    def counted(data: bytes) -> Any:
        count.append(len(data))
        return open_image(data)

    monkeypatch.setattr(embed, "open_image", counted)
    return count


def test_shards_are_indexed_and_nothing_is_decoded_twice(tmp_path: Path, decoded: list[int]) -> None:
    data = make(tmp_path)
    (data / "classnames.txt").write_text("wren\nrobin\n")
    report = index(data)
    assert (report["source"], report["embedded"], report["left_out"]) == ("webdataset:birds", 11, {})
    assert (report["labels"], report["splits"]) == (2, {"train": 8, "val": 3})
    assert len(decoded) == 11
    assert rows(tmp_path, "uri", "label", "split")[0] == ("birds-train-000000.tar::0000.jpg", "wren", "train")
    assert index(data)["unchanged"] == 11
    os.utime(data / "birds-train-000000.tar", ns=(1, 1))
    assert index(data)["unchanged"] == 11
    write_tar(data / "birds-train-000000.tar", [m for n in range(5) for m in key(n if n != 2 else 77)])
    report = index(data)
    assert (report["unchanged"], report["embedded"]) == (10, 2)
    assert len(decoded) == 13


def test_a_member_is_searched_for_and_searched_with(tmp_path: Path) -> None:
    data = make(tmp_path)
    index(data)
    store = ("--store", tmp_path / "store", "-k", "1")
    by_id = call_json("search", "--id", "birds-val-000000.tar::0091.jpg", *store)
    by_image = call_json("search", data / "birds-val-000000.tar::0091.jpg", "--include-self", *store)
    assert by_image["hits"][0]["uri"] == "birds-val-000000.tar::0091.jpg"
    assert by_id["hits"][0]["uri"] != "birds-val-000000.tar::0091.jpg"
    assert call_json("search", "--id", "0091.jpg", *store)["hits"] == by_id["hits"]
    call_cli("search", data / "birds-val-000000.tar::0099.jpg", *store, check=1)


def test_pruning_and_moving(tmp_path: Path) -> None:
    data = make(tmp_path)
    index(data)
    (data / "birds-train-000001.tar").unlink()
    report = index(data, "--prune")
    assert (report["vanished"], report["pruned"], report["samples"]) == (4, 4, 7)
    shutil.move(data, tmp_path / "data" / "elsewhere" / "birds")
    report = index(tmp_path / "data" / "elsewhere" / "birds")
    assert report["unchanged"] == 7
    assert any("moved from" in note for note in report["notes"])


def test_a_shard_that_is_cut_off_keeps_what_is_whole(tmp_path: Path) -> None:
    data = make(tmp_path)
    index(data)
    shard = data / "birds-train-000000.tar"
    end = next(at for at in range(0, shard.stat().st_size, 512) if shard.read_bytes()[at:].startswith(b"0002.jpg"))
    shard.write_bytes(shard.read_bytes()[: end + 600])
    report = index(data, "--prune", check=3)
    assert report["failures"] == {"birds-train-000000.tar::0002.jpg": "it is cut off in this member"}
    assert report["left_out"] == {"damaged shards": 1}
    assert (report["taken"], report["vanished"], report["pruned"], report["samples"]) == (9, 2, 0, 11)


def test_a_shard_that_is_cut_off_between_members_is_damaged(tmp_path: Path) -> None:
    data = make(tmp_path)
    index(data)
    shard = data / "birds-train-000000.tar"
    end = next(at for at in range(0, shard.stat().st_size, 512) if shard.read_bytes()[at:].startswith(b"0002.jpg"))
    shard.write_bytes(shard.read_bytes()[:end])
    report = index(data, "--prune", check=3)
    (where, reason), *more = report["failures"].items()
    assert (where.partition("::")[0], more) == ("birds-train-000000.tar", [])
    assert reason.startswith("it ends without an end mark, so it may be cut off here, after ")
    assert report["left_out"] == {"damaged shards": 1}
    assert (report["taken"], report["vanished"], report["pruned"], report["samples"]) == (9, 2, 0, 11)


def test_parquet_files_of_hugging_face(tmp_path: Path, decoded: list[int]) -> None:
    data = tmp_path / "data" / "birds"
    for split, first, n in (("train", 0, 6), ("validation", 50, 3)):
        images = [encoded_image(first + at, "JPEG") for at in range(n)]
        path = data / "data" / f"{split}-00000-of-00001.parquet"
        write_parquet(path, [*images, None], group=4, site=[f"s{at}" for at in range(n + 1)])
    report = index(data)
    assert (report["source"], report["embedded"], report["missing"]) == ("parquet:birds", 9, 2)
    assert (report["splits"], report["left_out"]) == ({"train": 6, "val": 3}, {"rows without an image": 2})
    assert rows(tmp_path, "uri", "label", "meta_site")[1] == (
        "data/train-00000-of-00001.parquet::image/2",
        "robin",
        "s1",
    )
    os.utime(data / "data/train-00000-of-00001.parquet", ns=(1, 1))
    assert index(data)["unchanged"] == len(decoded) == 9
    uri = "data/validation-00000-of-00001.parquet::image/3"
    hits = call_json("search", data / uri, "--include-self", "--store", tmp_path / "store", "-k", "1")["hits"]
    assert hits[0]["uri"] == uri


@pytest.mark.parametrize(
    ("path", "options", "said"),
    [
        ("birds-train-{000000..000003}.tar", (), "of which 2 are not there"),
        ("birds-train-000000.tar", ("--source", "parquet"), "is not *.parquet or *.pq"),
        ("birds-train-000000.tar", ("-s", "image=png"), "holds no image in its 1 shards"),
        ("birds-train-000000.tar", ("-s", "classes=gone.txt"), "gone.txt does not exist"),
        ("birds-train-000000.tar", ("--column", "label=species"), "species"),
        ("birds-train-000000.tar", ("-s", "colour=blue"), "there is no option 'colour'"),
    ],
)
def test_wrong_inputs_are_one_sentence(tmp_path: Path, path: str, options: tuple[str, ...], said: str) -> None:
    data = make(tmp_path)
    done = call_cli("index", data / path, "--store", tmp_path / "store", *SMALL_ENCODER, *options, check=None)
    assert done.returncode in (1, 2)
    assert said in done.stderr
    assert "Traceback" not in done.stderr
