"""The first bytes of a file choose its decoder, or say what the file is instead."""

from __future__ import annotations

import ast
import io
import sys

import pytest
from PIL import Image, features

from retrieval.errors import InputError
from retrieval.image_formats import FORMATS, HEAD, RAW_SUFFIXES, SUFFIXES, decoder, describe, image_format
from tests.support.command_line import ROOT

WRITTEN = [name for name in FORMATS if name != "HEIF"]


def saved(name: str, mode: str = "RGB") -> bytes:
    data = io.BytesIO()
    Image.new(mode, (5, 4)).save(data, name)
    return data.getvalue()


@pytest.mark.parametrize("name", WRITTEN)
def test_each_format_is_recognised_and_decoded_by_its_own_plugin(name: str) -> None:
    data = saved(name)
    assert image_format(data[:HEAD]) == decoder(data[:HEAD]) == name
    with Image.open(io.BytesIO(data), formats=(name,)) as image:
        assert image.size == (5, 4)


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"II+\0\x08\0\0\0", "TIFF"),
        (b"\xff\x4f\xff\x51\0", "JPEG2000"),
        (b"P5\n# made by hand\n4 4\n255\n", "PPM"),
        (b"\0\0\0\x1cftypheic\0\0\0\0mif1heic", "HEIF"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1heic", "HEIF"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avif", "AVIF"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0isommp42", None),
        (b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom", None),
        (b"II*\0\x10\0\0\0CR\x02\0", None),
        (b"BMW 320i, of 1998, and others like it", None),
        (b"P1 is the first patient", None),
        (b"", None),
    ],
)
def test_first_bytes(head: bytes, name: str | None) -> None:
    assert image_format(head) == name


@pytest.mark.parametrize(
    ("head", "says"),
    [
        (b"", "the file is empty"),
        (b"hello", "not an image"),
        (b"\n\n<!DOCTYPE html><html>", "an HTML page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "run 'git lfs pull'"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "PostScript"),
        (b"\xc5\xd0\xd3\xc6\x1e\0\0\0", "PostScript"),
        (b'<?xml version="1.0"?>\n<svg>', "SVG"),
        (b"%PDF-1.7", "a PDF"),
        (b"8BPS\0\x01", "a Photoshop file"),
        (b"\xff\x0a\xfa", "JPEG XL"),
        (b"II*\0\x10\0\0\0CR\x02\0", "a camera raw file"),
        (b"\0\0\0\x18ftypcrx \0\0\0\x01", "a camera raw file"),
        (b"\0\0\0\x18ftypmp42", "a video"),
        (b"PK\x03\x04", "an archive"),
    ],
)
def test_what_is_no_image_is_said(head: bytes, says: str) -> None:
    assert says in describe(head)
    with pytest.raises(InputError, match=says):
        decoder(head)


@pytest.mark.parametrize(("name", "feature"), [("AVIF", "avif"), ("WEBP", "webp"), ("JPEG2000", "jpg_2000")])
def test_what_pillow_was_built_without_is_said(name: str, feature: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = saved(name)
    monkeypatch.setattr(features, "check", lambda asked: asked != feature)
    with pytest.raises(InputError, match=f"this Pillow was built without {name}; install"):
        decoder(data[:HEAD])


def test_heic_without_its_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    from retrieval import image_formats

    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    image_formats._heif_is_registered.cache_clear()
    with pytest.raises(InputError, match=r'pip install "vitrine\[heic\]"'):
        decoder(b"\0\0\0\x1cftypheic\0\0\0\0mif1heic")
    image_formats._heif_is_registered.cache_clear()
    assert 'heic = ["pillow-heif' in (ROOT / "pyproject.toml").read_text()


def test_suffixes_are_of_images_or_of_raw_files() -> None:
    assert not SUFFIXES & RAW_SUFFIXES
    assert not SUFFIXES & {".eps", ".ps", ".pdf", ".svg"}


def test_no_decoder_is_chosen_by_pillow() -> None:
    """``Image.open`` without a list of formats tries all of them, among them PostScript, which starts Ghostscript."""
    calls = 0
    for room in ("data", "eval", "indexers", "retrieval", "training"):
        for path in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("Image.open"):
                    calls += 1
                    assert [word.arg for word in node.keywords] == ["formats"], path
    assert calls >= 4
