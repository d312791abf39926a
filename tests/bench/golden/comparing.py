"""Compares two recordings and prints what differs."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.bench.golden.differences import EXPECTED, Comparer, Difference, is_failure

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SHOWN = 6
"""Differences shown of a case."""


HEADINGS = {
    "expected": "changed on purpose",
    "ids": "ids (--ids-changed)",
    "wording": "worded otherwise",
    "added": "only in the new one",
}
"""Kinds of differences that are no failures."""


class Located(NamedTuple):
    """A difference and the case that has it."""

    case: str
    difference: Difference


def compare(old: Path, new: Path, *, ids_changed: bool, everything: bool) -> int:
    """Print a summary and a table of what differs; the number of cases that fail."""
    before, after = _read(old), _read(new)
    comparer = Comparer(ids_changed)
    found: list[Located] = []
    for name, case in before.items():
        if name not in after:
            found.append(Located(name, Difference("", "a case", "none", "lost")))
            continue
        found += [Located(name, each) for each in comparer.differences(case, after[name])]
    failing = [each for each in found if is_failure(each.difference)]
    cases = list(dict.fromkeys(each.case for each in failing))
    for name in cases:
        _print_case(name, [each.difference for each in failing if each.case == name], everything=everything)
    for kind, heading in HEADINGS.items():
        _print_kind(heading, [each for each in found if each.difference.kind == kind], everything=everything)
    only_new = [name for name in after if name not in before]
    if only_new:
        print(f"\ncases only in the new one: {', '.join(only_new)}")
    print(
        f"\n{len(before)} cases, {comparer.values:,} values compared; largest difference of floats that count as equal "
        f"{comparer.largest:.2g}.\n{len(cases)} cases fail, with {len(failing)} values lost or changed."
    )
    return len(cases)


def _read(folder: Path) -> dict[str, dict[str, Any]]:
    """The cases of a recording, by name, in order of their files."""
    cases = [json.loads(path.read_text(encoding="utf-8")) for path in sorted((folder / "cases").glob("*.json"))]
    if not cases:
        raise SystemExit(f"{folder} holds no recorded cases; make them with 'record {folder}'.")
    return {case["name"]: case for case in cases}


def _print_case(name: str, differences: Sequence[Difference], *, everything: bool) -> None:
    print(f"\n{name}: {len(differences)} lost or changed")
    for each in differences if everything else differences[:SHOWN]:
        print(f"  {each.kind:8} {each.path:50} {_short(each.old)} -> {_short(each.new)}{_apart(each)}")
    if len(differences) > SHOWN and not everything:
        print(f"  ... and {len(differences) - SHOWN} more (--all)")


def _print_kind(heading: str, located: Sequence[Located], *, everything: bool) -> None:
    """Places of one kind with their indices taken out: in how many cases, and one example."""
    if not located:
        return
    places = {(re.sub(r"\[\d+\]", "[]", each.difference.path), each.case) for each in located}
    cases = Counter(place for place, _ in sorted(places))
    examples: dict[str, Difference] = {}
    for each in located:
        examples.setdefault(re.sub(r"\[\d+\]", "[]", each.difference.path), each.difference)
    print(f"\n{heading}:")
    for place, number in cases.most_common(None if everything else 40):
        one = examples[place]
        print(f"  {number:4d} cases  {place:50} {_short(one.old)} -> {_short(one.new)}{_reason(one)}")


def _reason(difference: Difference) -> str:
    reasons = [why for pattern, why in EXPECTED.items() if re.fullmatch(pattern, difference.path)]
    return f"  ({reasons[0]})" if difference.kind == "expected" and reasons else ""


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 90 else f"{text[:87]}..."


def _apart(difference: Difference) -> str:
    old, new = difference.old, difference.new
    numbers = isinstance(old, int | float) and isinstance(new, int | float)
    return f"  ({float(new) - float(old):+.3g})" if numbers else ""  # type: ignore[arg-type]
