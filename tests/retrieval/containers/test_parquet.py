"""Images in columns of Parquet files, read forward, back and from several threads."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from retrieval.containers import parquet as images
from retrieval.containers.parquet import open_parquet_member
from retrieval.errors import InputError

N = 150


def data(row: int) -> bytes:
    return f"image {row} ".encode() * 50


def write_images(path: Path, kind: str = "struct") -> Path:
    cells: list[object] = [
        {"bytes": data(row), "path": f"{row}.jpg"} if kind == "struct" else data(row) for row in range(1, N + 1)
    ]
    cells[9] = None
    table = pa.table({"image": pa.array(cells), "n": list(range(N))})
    parquet.write_table(table, path, row_group_size=40)
    return path


def read(path: Path, row: int) -> bytes:
    return open_parquet_member(path, f"image/{row}").read()


@pytest.mark.parametrize("kind", ["struct", "bytes"])
@pytest.mark.parametrize("order", ["forward", "back", "any"])
def test_every_row_in_any_order(tmp_path: Path, kind: str, order: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "KEPT_BYTES", 2000)
    path = write_images(tmp_path / "a.parquet", kind)
    rows = [row for row in range(1, N + 1) if row != 10]
    rows = {"forward": rows, "back": rows[::-1], "any": random.Random(1).sample(rows, len(rows))}[order]
    assert [read(path, row) for row in rows] == [data(row) for row in rows]


def test_threads_read_one_file(tmp_path: Path) -> None:
    path = write_images(tmp_path / "a.parquet")
    rows = [row for row in range(1, N + 1) if row != 10]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda row: read(path, row), rows)) == [data(row) for row in rows]


def test_rows_that_are_read_in_order_are_decoded_once(tmp_path: Path) -> None:
    path = write_images(tmp_path / "a.parquet")
    reader = images._ParquetImages(path, "image")
    batches = 0
    read_batch = reader._read

    def counted() -> None:
        nonlocal batches
        batches += 1
        read_batch()

    reader._read = counted  # type: ignore[method-assign]
    for row in range(N):
        reader.image(row)
        reader.image(max(0, row - 20))
    assert batches <= N // images.BATCH + 4


@pytest.mark.parametrize(
    ("member", "said"),
    [
        ("image/10", "the cell 'image' of row 10 of a.parquet is empty"),
        ("image/0", "a.parquet has no row 0"),
        (f"image/{N + 1}", f"a.parquet has no row {N + 1}"),
        ("n/1", "a.parquet has no column of images 'n'"),
        ("gone/1", "a.parquet has no column of images 'gone'"),
        ("image", "names no cell of a.parquet"),
    ],
)
def test_what_is_not_there(tmp_path: Path, member: str, said: str) -> None:
    path = write_images(tmp_path / "a.parquet")
    with pytest.raises(InputError, match=said):
        open_parquet_member(path, member)


def test_a_damaged_row_group_costs_its_rows(tmp_path: Path) -> None:
    path = write_images(tmp_path / "a.parquet")
    content = bytearray(path.read_bytes())
    chunk = parquet.ParquetFile(path).metadata.row_group(1).column(0)
    content[chunk.data_page_offset : chunk.data_page_offset + 40] = bytes(40)
    path.write_bytes(content)
    assert read(path, 40) == data(40)
    with pytest.raises(InputError, match=r"row 41 of a\.parquet cannot be read"):
        read(path, 41)
    assert read(path, 81) == data(81)
