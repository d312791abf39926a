"""Whether the parts of two results are over the same samples.

Two results with one split set may still differ here, since a protocol makes the split set and the gallery of every part
by its own rule. ``compare`` refuses such results, and the report shows them in separate tables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from eval.results.schema import EvalResult, Part


def part_keys(result: EvalResult) -> tuple[tuple[str, str], ...]:
    """Return a key that is equal for results with the same parts: pairs of name and split set of every part.

    A part without a hash of its split set has the size of its gallery instead. Two keys are equal exactly where
    :func:`parts_difference` finds nothing.
    """
    return tuple((name, part.split_sha256 or _gallery_size(part)) for name, part in (result.parts or {}).items())


def parts_difference(first: EvalResult, second: EvalResult) -> str | None:
    """Say what differs between the parts of two results, None if nothing is known to differ.

    An example is ``gallery of 59 and 249 images in part dorsal right``. The order of parts counts. A part whose split
    set one result names and the other does not is different.
    """
    parts, others = first.parts or {}, second.parts or {}
    if list(parts) != list(others):
        return f"parts {', '.join(parts) or 'none'} and {', '.join(others) or 'none'}"
    if part_keys(first) == part_keys(second):
        return None
    for name, part in parts.items():
        if _gallery_size(part) != _gallery_size(others[name]):
            return f"gallery of {_gallery_size(part)} and {_gallery_size(others[name])} images in part {name}"
    for name, part in parts.items():
        hashes = (part.split_sha256 or "unknown", others[name].split_sha256 or "unknown")
        if hashes[0] != hashes[1]:
            return f"split sets {hashes[0][:12]} and {hashes[1][:12]} in part {name}"
    return None


def _gallery_size(part: Part) -> str:
    """Return the size as messages show it (``1,234``), 0 for a part without a gallery."""
    return f"{part.n.get('gallery', 0):,.10g}"
