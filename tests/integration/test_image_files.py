"""Image files as people have them, through the command line: read by content, and what is not read is told."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, features

from retrieval import image_listing
from tests.support.command_line import SMALL_ENCODER, call_cli, call_json
from tests.support.images import write_images

if TYPE_CHECKING:
    import pytest


def picture(seed: int, side: int = 24) -> Image.Image:
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC)


def save(path: Path, seed: int, name: str, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        picture(seed).save(file, name, **options)
    return path


def command(folder: Path) -> tuple[str | Path, ...]:
    return ("index", folder, "--source", "folder", "--store", folder.parent / "s", *SMALL_ENCODER)


def uris(store: Path) -> set[str]:
    import vitrine

    with vitrine.open_store(store).snapshot() as snapshot:
        return set(snapshot.samples(["uri"])["uri"].to_pylist())


def test_suffixes_of_phones_and_browsers(tmp_path: Path) -> None:
    """The case phone_suffixes: JPEG as .jfif, .jpe, .JPG and .HEIC, and AVIF."""
    kinds = [("0.jpg", "JPEG"), ("1.jpg", "JPEG"), ("2.jpg", "JPEG"), ("a.jfif", "JPEG"), ("b.jpe", "JPEG")]
    kinds += [("c.JPG", "JPEG"), ("g.avif", "AVIF"), ("h.HEIC", "JPEG")]
    for k, label in enumerate(("oak", "ash")):
        for i, (file, name) in enumerate(kinds):
            save(tmp_path / "set" / label / file, k * 100 + i, name)
    report = call_json(*command(tmp_path / "set"))
    assert (report["seen"], report["taken"], report["embedded"]) == (16, 16, 16)
    assert (report["left_out"], report["failures"], report["notes"]) == ({}, {}, [])


def test_the_suffix_decides_nothing(tmp_path: Path) -> None:
    names = {"photo": "JPEG", "scan.JPEG_": "JPEG", "download.jpg.1": "JPEG", "x.jpg~": "PNG", "subject01.happy": "GIF"}
    names |= {"a.dat": "WEBP", "b.php": "PNG", "c.pgm": "PPM", "d.jp2": "JPEG2000", "e": "TIFF", "f.png": "BMP"}
    names |= {"g.txt": "PNG", "h.unknown": "AVIF", "i.raw": "JPEG"}
    for seed, (file, name) in enumerate(names.items()):
        save(tmp_path / "set" / "a" / file, seed, name)
    report = call_json(*command(tmp_path / "set"))
    assert (report["seen"], report["taken"], report["left_out"]) == (len(names), len(names), {})
    assert uris(tmp_path / "s") == {f"a/{file}" for file in names}


def test_modes_of_pixels_pass_in_silence(tmp_path: Path) -> None:
    folder = tmp_path / "set" / "a"
    folder.mkdir(parents=True)
    for at, mode in enumerate(("CMYK", "L", "1", "P", "RGBA", "LA", "YCbCr")):
        suffix = "jpg" if mode == "CMYK" else "tif" if mode == "YCbCr" else "png"
        picture(at).convert(mode).save(folder / f"{mode}.{suffix}")
    picture(20).convert("P").save(folder / "see-through.png", transparency=bytes(range(256)))
    done = call_cli(*command(tmp_path / "set"))
    assert "8 embedded" in done.stdout
    assert "Left out" not in done.stdout
    assert done.stderr.startswith("Loading ")
    assert len(done.stderr.splitlines()) == 2  # the second says what the encoder is


def test_what_is_no_image_is_counted_and_named_and_nothing_hangs(tmp_path: Path) -> None:
    folder = tmp_path / "set" / "a"
    save(folder / "0.jpg", 0, "JPEG")
    save(folder / "folder.jpg" / "1.jpg", 1, "JPEG")
    (folder / "page.jpg").write_text("<!DOCTYPE html><title>404</title>")
    (folder / "text.png").write_text("no image")
    (folder / "empty.jpg").touch()
    (folder / "drawing.png").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EOF\n")
    (folder / "plan.svg").write_text("<svg/>")
    (folder / "IMG_1.CR2").write_bytes(b"II*\0\x10\0\0\0CR\x02\0")
    (folder / "IMG_1.dng").write_bytes(save(tmp_path / "preview.tif", 2, "TIFF").read_bytes())
    (folder / "nothing").touch()
    os.mkfifo(folder / "pipe.jpg")
    done = call_cli(*command(tmp_path / "set"), check=3)
    counts = "unreadable images 4 (first a/drawing.png), camera raw files 2 (first a/IMG_1.CR2)"
    rest = "empty files 1 (first a/nothing), special files 1 (first a/pipe.jpg), not images 1 (first a/plan.svg)"
    assert f"Left out 9 of 11 seen: {counts}, {rest}." in done.stdout
    for line in (
        "unreadable: a/drawing.png: PostScript, which is not decoded; convert it to PNG",
        "unreadable: a/empty.jpg: the file is empty",
        "unreadable: a/page.jpg: an HTML page, not an image",
        "unreadable: a/text.png: not an image",
    ):
        assert line in done.stderr
    assert uris(tmp_path / "s") == {"a/0.jpg", "a/folder.jpg/1.jpg"}


def test_only_raw_files_is_said(tmp_path: Path) -> None:
    (tmp_path / "set" / "a").mkdir(parents=True)
    (tmp_path / "set" / "a" / "1.NEF").write_bytes(b"MM\0*")
    error = call_cli(*command(tmp_path / "set"), check=1).stderr
    assert "holds no images" in error
    assert "What lies there: camera raw files 1 (first a/1.NEF)." in error


def test_heic_is_named_with_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from retrieval import image_formats

    monkeypatch.setattr(image_formats, "_heif_is_registered", lambda: False)
    save(tmp_path / "set" / "a" / "0.jpg", 0, "JPEG")
    for name in ("IMG_2.HEIC", "IMG_3"):
        (tmp_path / "set" / "a" / name).write_bytes(b"\0\0\0\x1cftypheic\0\0\0\0mif1heicmiaf")
    done = call_cli(*command(tmp_path / "set"), check=3)
    assert "Left out 2 of 3 seen: unreadable images 2 (first a/IMG_2.HEIC)." in done.stdout
    assert 'a/IMG_3: HEIC needs pillow-heif: pip install "vitrine[heic]"' in done.stderr


def test_a_large_scan_and_a_link_that_leads_to_itself(tmp_path: Path) -> None:
    """The case large_scan."""
    write_images(tmp_path / "set", 6)
    Image.new("1", (20000, 10000), 1).save(tmp_path / "set" / "class0" / "big.png")
    (tmp_path / "set" / "class1" / "x.jpg").symlink_to("x.jpg")
    done = call_cli(*command(tmp_path / "set"), check=3)
    assert "6 embedded" in done.stdout
    left_out = "broken links 1 (first class1/x.jpg), unreadable images 1 (first class0/big.png)"
    assert f"Left out 2 of 8 seen: {left_out}." in done.stdout
    assert "big.png: the image has 200,000,000 pixels, more than the limit of 120,000,000" in done.stderr
    assert "if you trust the file, set --max-pixels 200000000" in done.stderr


def ways_out(message: str) -> list[str]:
    """The flags that a message says to set."""
    return shlex.split(re.findall(r"set (--\S+ \S+)", message)[-1])


def test_the_way_past_the_limit_of_pixels(tmp_path: Path) -> None:
    write_images(tmp_path / "set", 3)
    big = tmp_path / "set" / "class0" / "big.png"
    picture(9, side=64).save(big)
    limit = ("--max-pixels", "600")
    refused = call_cli(*command(tmp_path / "set"), *limit, check=3)
    done = call_cli(*command(tmp_path / "set"), *ways_out(refused.stderr))
    assert "1 embedded" in done.stdout
    search = ("search", big, "--store", tmp_path / "s", "-k", "1", "--include-self")
    refused = call_cli(*search, *limit, check=1)
    assert "big.png: the image has 4,096 pixels, more than the limit of 600" in refused.stderr
    assert call_json(*search, *ways_out(refused.stderr))["hits"][0]["uri"] == "class0/big.png"
    again = call_cli(*command(tmp_path / "set"), *limit)  # the image is embedded already and is not decoded again
    assert "4 unchanged" in again.stdout


def test_what_is_special_about_files_is_said_once_with_their_number(tmp_path: Path) -> None:
    folder = tmp_path / "set" / "a"
    for seed in range(2):
        save(folder / f"{seed}.gif", seed, "GIF", save_all=True, append_images=[picture(9)])
        twelve = np.random.default_rng(seed).integers(0, 4096, (24, 24), dtype=np.uint16)
        Image.fromarray(twelve).save(folder / f"{seed}.tif")
    Image.fromarray(twelve * 16).save(folder / "2.tif")
    done = call_cli(*command(tmp_path / "set"))
    assert "2 images (first a/0.gif): several frames or pages, of which the first is used.\n" in done.stderr
    assert "2 images (first a/0.tif): 16 bits and no value above 4,095" in done.stderr
    assert len(done.stderr.splitlines()) == 4  # the first say what is loaded, and what the encoder is


def test_a_folder_that_cannot_be_read_costs_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_images(tmp_path / "set", 9)
    real = os.scandir

    def scandir(path: str) -> Any:
        if str(path).endswith("class1"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    done = call_cli(*command(tmp_path / "set"), check=3)
    assert "6 embedded" in done.stdout
    assert "Left out 1 of 7 seen: unreadable folders 1 (first class1)." in done.stdout
    assert "unreadable: class1: the folder cannot be read: Permission denied" in done.stderr


def test_a_pillow_without_webp_makes_no_thumbnails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_images(tmp_path / "set", 3)
    monkeypatch.setattr(features, "check", lambda name: name != "webp")
    error = call_cli(*command(tmp_path / "set"), check=1).stderr
    assert "built without WebP, in which thumbnails are kept; leave them out with --no-thumbnails" in error
    assert "3 embedded" in call_cli(*command(tmp_path / "set"), "--no-thumbnails").stdout


def test_an_image_without_suffix_that_may_not_be_read_is_not_pruned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in range(3):
        save(tmp_path / "set" / "a" / f"photo{seed}", seed, "JPEG")
    call_cli(*command(tmp_path / "set"))
    kinds = {True: image_listing.UNREADABLE, False: image_listing.IMAGE}
    monkeypatch.setattr(image_listing, "content_kind", lambda path: kinds[path.endswith("1")])
    done = call_cli(*command(tmp_path / "set"), "--prune", check=3)
    assert "Left out 1 of 3 seen: unreadable files 1 (first a/photo1)." in done.stdout
    assert "Nothing was dropped: a/photo1 could not be used" in done.stderr
    assert len(uris(tmp_path / "s")) == 3


def test_a_file_that_may_not_be_read_costs_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = write_images(tmp_path / "set", 6)
    real = Path.open

    def refuse(self: Path, *args: Any, **options: Any) -> Any:
        if self == paths[1]:
            raise PermissionError(13, "Permission denied")
        return real(self, *args, **options)

    monkeypatch.setattr(Path, "open", refuse)
    done = call_cli(*command(tmp_path / "set"), check=3)
    assert "5 embedded" in done.stdout
    assert "unreadable: class1/00001.jpg: cannot be read (Permission denied)" in done.stderr
