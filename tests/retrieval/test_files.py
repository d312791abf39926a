"""Files are written whole or not at all."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from retrieval.errors import InputError
from retrieval.files import make_folder_of, replacing, write_atomically


def test_a_file_and_its_folders_are_made_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "deep" / "a.txt"
    write_atomically(path, "Grüße\n")
    write_atomically(path, "zwei\n")
    assert path.read_bytes() == b"zwei\n"
    assert list(path.parent.iterdir()) == [path]


def test_what_cannot_be_written_keeps_the_earlier_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.txt"
    write_atomically(path, "whole")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(InputError, match=r"a\.txt cannot be written \(No space left on device\)"):
        write_atomically(path, "half")
    assert path.read_text() == "whole"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_a_file_is_one_sentence_naming_the_option(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="choose another place for --csv"):
        make_folder_of(tmp_path / "file" / "a.csv", "--csv")
    make_folder_of(tmp_path / "folder" / "a.csv", "--csv")
    assert (tmp_path / "folder").is_dir()


@pytest.mark.parametrize("shared", [True, False])
def test_a_block_that_fails_leaves_the_earlier_file(tmp_path: Path, *, shared: bool) -> None:
    path = tmp_path / "a.bin"
    with replacing(path, shared=shared) as part:
        part.write_bytes(b"whole")
    with suppress(KeyboardInterrupt), replacing(path, shared=shared) as part:
        part.write_bytes(b"half")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"whole"
    assert list(tmp_path.iterdir()) == [path]
