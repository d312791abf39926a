"""Whether two results in parts are over the same samples in every part: the rows of all parts together do not tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from eval.results.schema import EvalResult, Part


def shape_of(result: EvalResult) -> tuple[tuple[str, str], ...]:
    """Every part and the hash of its split set; files without such hashes tell by the size of the gallery."""
    return tuple((name, part.split_sha256 or _gallery(part)) for name, part in (result.parts or {}).items())


def parts_apart(first: EvalResult, second: EvalResult) -> str | None:
    """What differs between the parts of two results, as ``gallery of 59 and 249 images in part dorsal right``."""
    ours, theirs = first.parts or {}, second.parts or {}
    if list(ours) != list(theirs):
        return f"parts {', '.join(ours) or 'none'} and {', '.join(theirs) or 'none'}"
    pairs = [(name, ours[name], theirs[name]) for name in ours]
    for name, one, other in pairs:
        if _gallery(one) != _gallery(other):
            return f"gallery of {_gallery(one)} and {_gallery(other)} images in part {name}"
    for name, one, other in pairs:
        if one.split_sha256 and other.split_sha256 and one.split_sha256 != other.split_sha256:
            return f"split sets {one.split_sha256[:12]} and {other.split_sha256[:12]} in part {name}"
    return None


def _gallery(part: Part) -> str:
    return f"{part.n.get('gallery', 0):,.10g}"
