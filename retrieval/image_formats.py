"""Formats of image files: recognised by their first bytes, and decoded by an explicit list of Pillow's plugins.

What a file is called decides nothing here: the content chooses the one decoder that may open it. Plugins that start
other programs (EPS starts Ghostscript) or that are hardly tested are not in the list.
"""

from __future__ import annotations

import re
from functools import cache

from retrieval.errors import InputError

FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "HEIF", "JPEG2000", "TIFF", "GIF", "BMP", "PPM")
"""Names of the formats that can be decoded, as Pillow names them."""

THUMBNAIL_FORMATS = ("WEBP",)
"""Format of thumbnails in a store."""


def _suffixes(names: str) -> frozenset[str]:
    return frozenset(f".{name}" for name in names.split())


SUFFIXES = _suffixes("jpg jpeg jpe jfif png webp avif heic heif jp2 j2k jpf jpx tif tiff gif bmp ppm pgm pbm")
"""Suffixes of image files whose content is not looked at before they are decoded."""

RAW_SUFFIXES = _suffixes(
    "3fr arw cr2 cr3 crw dcr dng erf iiq kdc mef mos mrw nef nrw orf pef raf raw rw2 rwl sr2 srf srw x3f"
)
"""Suffixes of camera raw files. Most are TIFF files whose first page is a small preview."""

MAX_PIXELS = 120_000_000
"""Default limit of the number of pixels of an image: decoded and converted, a larger one takes more than 1 GB."""

HEAD = 64
"""Number of first bytes of a file that tell its format."""

_MAGIC = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG2000"),
    (b"\xff\x4f\xff\x51", "JPEG2000"),
)
_PPM = re.compile(rb"P[1-6]\s+(#|[0-9])")
_BMP_HEADERS = frozenset((12, 16, 40, 52, 56, 64, 108, 124))
_HEIF_BRANDS = frozenset((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"))

_OTHERS = (
    (re.compile(rb"version https://git-lfs"), "a pointer of Git LFS, not the image itself; run 'git lfs pull'"),
    (re.compile(rb"(<!doctype html|<html|<head|<script)", re.IGNORECASE), "an HTML page, not an image"),
    (re.compile(rb"(<\?xml.{0,60}?)?<svg|<\?xml", re.IGNORECASE | re.DOTALL), "XML or SVG, not an image of pixels"),
    (re.compile(rb"%!PS|\xc5\xd0\xd3\xc6"), "PostScript, which is not decoded; convert it to PNG"),
    (re.compile(rb"%PDF"), "a PDF; convert its pages to PNG"),
    (re.compile(rb"8BPS"), "a Photoshop file; save it as TIFF or PNG"),
    (re.compile(rb"\xff\x0a|\0\0\0\x0cJXL "), "JPEG XL, which Pillow does not decode; convert it to PNG"),
    (
        re.compile(rb"II\*\0....CR|IIRO|IIRS|IIU\0|FUJIFILM|....ftypcrx", re.DOTALL),
        "a camera raw file; convert it to TIFF",
    ),
    (re.compile(rb"....ftyp", re.DOTALL), "a video, not an image"),
    (re.compile(rb"PK\x03\x04|\x1f\x8b|Rar!|7z\xbc\xaf"), "an archive, not an image; unpack it"),
)
"""First bytes of what is often found in place of an image, and what it is."""


def image_format(head: bytes) -> str | None:
    """Return the name of the image format that the first bytes of a file belong to, or None if it is none of them."""
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return None if _is_raw(head) else name
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp":
        return _of_brands(head)
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADERS:
        return "BMP"
    return "PPM" if _PPM.match(head) else None


def _is_raw(head: bytes) -> bool:
    return head[:2] == b"II" and head[8:10] == b"CR"


def _of_brands(head: bytes) -> str | None:
    """Return AVIF or HEIF by the brands of an ISO media file; None for videos and camera raw files."""
    size = int.from_bytes(head[:4], "big")
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, min(size, len(head)), 4))]
    if brands[0] == b"crx ":
        return None
    if any(brand in (b"avif", b"avis") for brand in brands):
        return "AVIF"
    return "HEIF" if _HEIF_BRANDS.intersection(brands) else None


def describe(head: bytes) -> str:
    """Say what a file is that begins with these bytes and is no image: ``an HTML page, not an image``."""
    if not head:
        return "the file is empty"
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    return next((words for pattern, words in _OTHERS if pattern.match(text) or pattern.match(head)), "not an image")


def decoder(head: bytes) -> str:
    """Return the name of the one format that may decode a file, by its first bytes.

    Raises:
        InputError: the file is no image, or Pillow cannot decode its format here. The message is the reason only.
    """
    name = image_format(head)
    if name is None:
        raise InputError(describe(head))
    lacking = _lacking(name)
    if lacking is not None:
        raise InputError(lacking)
    return name


def require_thumbnail_format() -> None:
    """Check that thumbnails can be made.

    Raises:
        InputError: Pillow was built without their format.
    """
    from PIL import features

    if not features.check("webp"):
        raise InputError(
            "This Pillow was built without WebP, in which thumbnails are kept; leave them out with `thumbnails=false`, "
            "or install Pillow from PyPI."
        )


def _lacking(name: str) -> str | None:
    """Return what is missing to decode a format, or None if it can be decoded."""
    if name == "HEIF":
        return None if _heif_is_registered() else 'HEIC needs pillow-heif: pip install "vitrine[heic]"'
    from PIL import features

    feature = {"AVIF": "avif", "WEBP": "webp", "JPEG2000": "jpg_2000", "JPEG": "jpg"}.get(name)
    if feature is None or features.check(feature):
        return None
    return f"this Pillow was built without {name}; install Pillow from PyPI: pip install --force-reinstall pillow"


@cache
def _heif_is_registered() -> bool:
    """Register the decoder of the optional extra ``heic`` with Pillow; return whether it is installed."""
    try:
        import pillow_heif
    except ImportError:
        return False
    pillow_heif.register_heif_opener(thumbnails=False)
    return True
