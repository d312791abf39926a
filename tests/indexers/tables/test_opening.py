from __future__ import annotations

from pathlib import Path

import pytest

from indexers.tables import is_table, open_table, table_suffix
from retrieval.errors import InputError, MissingFileError


def test_a_table_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"no table .*t\.csv"):
        open_table(tmp_path / "t.csv")
    with pytest.raises(InputError, match="is a folder, not a table; name a file"):
        open_table(tmp_path)
    (tmp_path / "t.csv").touch()
    with pytest.raises(InputError, match=r"is a folder, not a table; name one in it: t\.csv"):
        open_table(tmp_path)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("t.xlsx", "spreadsheet; save it as CSV"),
        ("t.pkl", "pickles are never opened"),
        ("t.doc", r"give one that ends in \.csv, \.tsv"),
        ("t", r"give one that ends in \.csv"),
    ],
)
def test_what_is_no_table(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / name).write_bytes(b"PK")
    assert not is_table(tmp_path / name)
    with pytest.raises(InputError, match=message):
        open_table(tmp_path / name)


def test_suffixes() -> None:
    assert [table_suffix(Path(name)) for name in ("a.CSV", "a.csv.gz", "a.b.JSONL", "a", "a.gz")] == [
        ".csv",
        ".csv",
        ".jsonl",
        "",
        "",
    ]
