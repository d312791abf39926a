"""Names of identities, labels, cameras and the like: clean text, spellings that may be of one name, and placeholders.

Two texts are one name if they are equal after :func:`clean_name`; names are stored clean. Names that are equal only by
:func:`loose_spelling` may be one name or two, which the data cannot say: reports name them, and the option
``join_spellings`` of an evaluation joins them. Placeholders (``unknown``, ``-1``) stand for a name that is not known.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Literal, NamedTuple, TypeAlias

NameKind: TypeAlias = Literal["identity", "label", "camera", "aspect", "group"]
"""What a name is of: the column of samples that holds it."""

PLURALS: dict[NameKind, str] = {
    "label": "labels", "identity": "identities", "camera": "cameras", "aspect": "aspects", "group": "groups",
}  # fmt: skip
"""Columns of samples that hold names, and their plural."""

INVISIBLE = dict.fromkeys(
    [0xAD, 0x61C, 0x180E, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x206A), 0xFEFF]
)
"""Characters without width: soft hyphen, joiners, marks of direction, byte order mark."""

_SEPARATORS = re.compile(r"[\s_\-\u2010-\u2015\u2212]+")
_APOSTROPHES = dict.fromkeys(map(ord, "\u2018\u2019\u02bc\u0060\u00b4"), "'")
_SIGNED = re.compile(r"[-\u2212](?=\d)")
_ZERO_FRACTION = re.compile(r"(?<=\d)\.0+$")
_EXPONENT = re.compile(r"\d+(?:\.\d+)?e\+?\d{1,2}")
_LEADING_ZEROS = re.compile(r"(?<![\d.])0+(?=\d)")
_LONGEST_NUMBER = 25
"""Digits of a number in scientific notation that is read as an identifier; a hash may look like a longer one."""


class NameCount(NamedTuple):
    """A name, and the number of samples that have it."""

    name: str
    samples: int


def clean_name(text: str) -> str | None:
    """Return a name in Unicode's composed form (NFC), without white space around it and without invisible characters.

    Returns:
        The name; None if nothing is left.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFC", text.translate(INVISIBLE))
    return text.strip() or None


def spelling(name: str) -> str:
    """Return a name in one case, with single spaces for runs of spaces, ``_`` and hyphens, and plain apostrophes.

    ``Red_fox`` is spelled as ``red fox``, ``redfox`` is not. The sign of a negative number stays.
    """
    text = unicodedata.normalize("NFKC", name.translate(INVISIBLE)).casefold().translate(_APOSTROPHES).strip()
    sign = "-" if _SIGNED.match(text) else ""
    return sign + _SEPARATORS.sub(" ", text).strip() or text


def loose_spelling(name: str) -> str:
    """Return the :func:`spelling` of a name without leading zeros of its numbers and without ``.0`` at its end.

    ``003``, ``3`` and ``3.0`` are one spelling, ``Turtle_03`` and ``turtle 3`` as well; ``1e3`` is that of ``1000``.
    """
    text = _ZERO_FRACTION.sub("", spelling(name))
    if _EXPONENT.fullmatch(text):
        number = Decimal(text)
        if number == number.to_integral_value() and number.adjusted() < _LONGEST_NUMBER:
            text = str(int(number))
    return _LEADING_ZEROS.sub("", text)


def suspected_doubles(counts: Mapping[str, int]) -> list[tuple[NameCount, ...]]:
    """Find names that are probably one name in several spellings.

    Codes of one length without punctuation, such as hashes and numbers padded with zeros, have lost no zeros: of these
    only those are found that are equal by :func:`spelling`.

    Args:
        counts: name to the number of its samples.

    Returns:
        The names of each suspected one, most samples first; the names with most samples come first.
    """
    groups: dict[str, list[str]] = defaultdict(list)
    for name in counts:
        groups[loose_spelling(name)].append(name)
    doubles = [group for names in groups.values() if len(names) > 1 for group in _without_codes(names)]
    ordered = [tuple(sorted((NameCount(name, counts[name]) for name in names), key=_most_first)) for names in doubles]
    return sorted(ordered, key=lambda names: (-sum(name.samples for name in names), names[0].name))


def _without_codes(names: list[str]) -> Iterable[list[str]]:
    """Divide names that are equal by loose spelling if they are codes of one length."""
    if len({len(name) for name in names}) > 1 or not all(name.isalnum() for name in names):
        return [names]
    groups: dict[str, list[str]] = defaultdict(list)
    for name in names:
        groups[spelling(name)].append(name)
    return [group for group in groups.values() if len(group) > 1]


def _most_first(count: NameCount) -> tuple[int, str]:
    return -count.samples, count.name


def joined_names(counts: Mapping[str, int]) -> dict[str, str]:
    """Map the spellings of suspected doubles to the one with most samples (of as many, the first in sorted order)."""
    return {name.name: names[0].name for names in suspected_doubles(counts) for name in names[1:]}


def spelling_matches(names: Iterable[str], others: Iterable[str]) -> dict[str, str]:
    """Map names that are not among ``others`` to the only one of them with the same loose spelling."""
    targets = set(others)
    spelled: dict[str, list[str]] = defaultdict(list)
    for name in targets:
        spelled[loose_spelling(name)].append(name)
    alike = {name: spelled.get(loose_spelling(name), []) for name in names if name not in targets}
    return {name: matches[0] for name, matches in alike.items() if len(matches) == 1}


_UNKNOWN = re.compile(
    r"unk|unkn|unidentifiable|unrecogni[sz]ed|undefined|unspecified|unassigned|unlabell?ed|unclassified"
    r"|(?:unknown|unidentified|undetermined)(?: [^\W\d_]+\.?)?|indet\.?|indeterminate|spp?\.|incertae sedis"
    r"|nan|n/?a|n\.a\.?|n\.n\.?|none|null|nil|missing|tbd|todo|no (?:id|identity|label|name)"
    r"|not (?:identified|labell?ed|known|available)|unbekannt|inconnue?|desconocido|desconhecido|onbekend"
    r"|new (?:individual|animal|identity|id|person|whale|dolphin|turtle|shark|seal|cat|dog|cow|class|label|species|one)"
)
"""What says that a name is not known, as :func:`spelling` writes it, without brackets around it."""

_SHEET_ERRORS = frozenset(["#n/a", "#nv", "#value!", "#ref!", "#div/0!", "#name?"])
_NOTHING = re.compile(r"[-\u2010-\u2015\u2212_.?*/]+")
_NEGATIVE = re.compile(r"-(?:1|2|9+)(?:\.0+)?")
_JUNK = frozenset(["junk", "distractor", "distractors", "ignore", "ignored", "blank", "empty"])


def is_placeholder(name: str, kind: NameKind) -> bool:
    """Return whether a name seems to say that the name is not known, such as ``unknown``, ``NA``, ``?`` or ``-1``.

    Args:
        name: the name.
        kind: what it is of. ``new_...``, ``empty`` and the like are placeholders of identities, and may be labels.
    """
    if _NOTHING.fullmatch(name) or _NEGATIVE.fullmatch(name):
        return True
    text = spelling(name)
    bare = text.strip("<>()[]{}\"' ")
    if text in _SHEET_ERRORS or _UNKNOWN.fullmatch(bare):
        return True
    return kind == "identity" and (name.startswith("new_") or bare in _JUNK)


def placeholders(counts: Mapping[str, int], kind: NameKind, least: int = 2) -> tuple[NameCount, ...]:
    """Find placeholders that hold several samples, most samples first.

    Labels ``-1`` and ``-`` beside ``1`` and ``+`` are the two answers of a question, no placeholders.

    Args:
        counts: name to the number of its samples.
        kind: what the names are of.
        least: smallest number of samples that they hold.
    """
    opposite = {"-1": "1", "-1.0": "1.0", "-": "+"} if kind == "label" and len(counts) <= 3 else {}
    held = [
        NameCount(name, samples)
        for name, samples in counts.items()
        if samples >= least and is_placeholder(name, kind) and opposite.get(name) not in counts
    ]
    return tuple(sorted(held, key=_most_first))


def written_ways(doubles: Sequence[Sequence[NameCount]], most: int = 3) -> str:
    """List the spellings of the first suspected doubles with their numbers of samples, for a message."""
    ways = [counted_names(names[:most], " samples" if at == 0 else "") for at, names in enumerate(doubles)]
    return "; ".join(ways[:most]) + (f"; and {len(ways) - most} more" if len(ways) > most else "")


def counted_names(counts: Sequence[NameCount], unit: str = " samples") -> str:
    """List names with their numbers of samples, for a message: ``'3' (20 samples) and '3.0' (10)``."""
    units = [unit[:-1] if counts[0].samples == 1 else unit, *[""] * (len(counts) - 1)]
    *others, last = [
        f"{shown_name(count.name)} ({count.samples:,}{word})" for count, word in zip(counts, units, strict=True)
    ]
    return f"{', '.join(others)} and {last}" if others else last


def shown_name(name: str) -> str:
    """Write a name in quotation marks, with escapes for white space that looks like a space and is none."""
    return "'" + "".join(c if c == " " or not c.isspace() else ascii(c)[1:-1] for c in name) + "'"
