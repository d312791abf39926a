"""Sizes of files on disk, as numbers and in words."""

from __future__ import annotations

from pathlib import Path


def disk_sizes(folder: Path) -> dict[str, int]:
    """Return the bytes of all files below a folder as ``total``, and of each folder in it."""
    sizes = {"total": 0}
    for child in sorted(folder.iterdir()):
        size = (
            sum(f.stat().st_size for f in child.rglob("*") if f.is_file()) if child.is_dir() else child.stat().st_size
        )
        if child.is_dir():
            sizes[child.name.removesuffix(".lance")] = size
        sizes["total"] += size
    return sizes


def human_bytes(size: float) -> str:
    """Write a number of bytes in words: ``1.3 GB``."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
