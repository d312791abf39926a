"""Whether the parts of two results are over the same samples, which the split sets of the whole do not show."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from eval.results.schema import EvalResult, Part


def part_keys(result: EvalResult) -> tuple[tuple[str, str], ...]:
    """Name of every part with the hash of its split set, or the size of its gallery where there is no such hash."""
    return tuple((name, part.split_sha256 or _gallery_size(part)) for name, part in (result.parts or {}).items())


def parts_difference(first: EvalResult, second: EvalResult) -> str | None:
    """Say what differs between the parts of two results, None if they are alike.

    Such as ``gallery of 59 and 249 images in part dorsal right``.
    """
    parts, others = first.parts or {}, second.parts or {}
    if list(parts) != list(others):
        return f"parts {', '.join(parts) or 'none'} and {', '.join(others) or 'none'}"
    for name, part in parts.items():
        if _gallery_size(part) != _gallery_size(others[name]):
            return f"gallery of {_gallery_size(part)} and {_gallery_size(others[name])} images in part {name}"
    for name, part in parts.items():
        hashes = (part.split_sha256, others[name].split_sha256)
        if hashes[0] and hashes[1] and hashes[0] != hashes[1]:
            return f"split sets {hashes[0][:12]} and {hashes[1][:12]} in part {name}"
    return None


def _gallery_size(part: Part) -> str:
    return f"{part.n.get('gallery', 0):,.10g}"
