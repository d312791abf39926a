"""Images of a folder and below it, as ``index`` and ``inspect`` list them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from retrieval import image_listing
from retrieval.image_listing import images_below

if TYPE_CHECKING:
    import pytest


def listed(folder: Path) -> tuple[list[str], list[tuple[str, str]]]:
    told: list[tuple[str, str]] = []
    images = images_below(folder, lambda path, why: told.append((path.name, why)))
    return [path.relative_to(folder).as_posix() for path in images], told


def test_contents_tell_and_what_is_hidden_is_left_out(tmp_path: Path) -> None:
    for name in ("b/2.JPG", "b/photo", "a.png", ".hidden.png", ".cache/1.png", "__MACOSX/1.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (4, 4)).save(tmp_path / name, "PNG")
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / "b" / "circle").symlink_to(tmp_path)
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    assert listed(tmp_path) == (["a.png", "b/2.JPG", "b/photo"], [])


def test_a_folder_that_cannot_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "1.png").touch()
    real = image_listing.listing

    def refusing(folder: str) -> image_listing.FolderListing:
        if folder.endswith("a"):
            raise PermissionError(13, "Permission denied")
        return real(folder)

    monkeypatch.setattr(image_listing, "listing", refusing)
    assert listed(tmp_path) == (["b/1.png"], [("a", "the folder cannot be read: Permission denied")])
