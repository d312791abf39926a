from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from indexers.tables import text_file
from indexers.tables.text_file import TextFile
from retrieval.errors import InputError

TEXT = "filepath,label\na.jpg,Röhrling\n"


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252", "latin-1"]
)
def test_encodings_that_are_found(tmp_path: Path, encoding: str) -> None:
    text = TextFile(write(tmp_path / "t.csv", TEXT.encode(encoding)))
    assert "".join(text.lines()) == TEXT
    assert bool(text.notes) == (encoding in {"cp1252", "latin-1"})


def test_a_file_of_another_encoding_is_said_and_can_be_named(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "filepath,label\na.jpg,дуб\n".encode("cp1251"))
    (note,) = TextFile(path).notes
    assert note.startswith("t.csv is not UTF-8 and is read as Windows-1252 (line 2: 'äóá'")
    assert "`encoding=`" in note
    named = TextFile(path, "cp1251")
    assert list(named.lines())[1] == "a.jpg,дуб\n"
    assert named.notes == []


def test_bytes_that_windows_1252_lacks_are_latin_1(tmp_path: Path) -> None:
    text = TextFile(write(tmp_path / "t.csv", b"a\x81\n"))
    assert list(text.lines()) == ["a\x81\n"]
    assert "Latin-1" in text.notes[0]


def test_damaged_utf_8_is_refused_and_the_way_out_works(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", TEXT.encode() + b"b.jpg,\xff\n")
    with pytest.raises(InputError, match=r"t\.csv, line 3: the bytes are not valid UTF-8.*`encoding="):
        TextFile(path)
    assert len(list(TextFile(path, "cp1252").lines())) == 3


@pytest.mark.parametrize("encoding", ["no-such", "base64", "rot13"])
def test_an_encoding_that_does_not_exist(tmp_path: Path, encoding: str) -> None:
    with pytest.raises(InputError, match=f"no encoding '{encoding}'"):
        TextFile(write(tmp_path / "t.csv", b"x"), encoding)


def test_a_named_encoding_that_does_not_fit(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not text in ascii"):
        TextFile(write(tmp_path / "t.csv", TEXT.encode()), "ascii")


def test_packed_files(tmp_path: Path) -> None:
    packed = gzip.compress(TEXT.encode())
    assert "".join(TextFile(write(tmp_path / "t.csv.gz", packed)).lines()) == TEXT
    for damaged in (packed[:-6], packed[:12] + b"xxxx" + packed[16:]):
        with pytest.raises(InputError, match="packed by gzip and damaged"):
            TextFile(write(tmp_path / "t.csv.gz", damaged))


def test_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_file, "LONGEST_LINE", 100)
    with pytest.raises(InputError, match="line 2 is longer than 100 characters"):
        list(TextFile(write(tmp_path / "t.csv", b"a\n" + b"x" * 200)).lines())
    monkeypatch.setattr(text_file, "MOST_EXPANSION", 1000)
    with pytest.raises(InputError, match="expands to more than"):
        TextFile(write(tmp_path / "bomb.csv.gz", gzip.compress(b"0" * 10_000_000)))


def test_every_line_ending(tmp_path: Path) -> None:
    assert len(list(TextFile(write(tmp_path / "t.csv", b"a\nb\r\nc\rd")).lines())) == 4
