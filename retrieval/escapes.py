"""Escape what names may hold, before a terminal, a page of HTML, a JSON document on a terminal or a CSV file gets it.

Names of files, labels and identities come from strangers. On a terminal an escape sequence in a name moves the cursor
or rewrites lines, and an override of the writing direction shows ``exe.gpj`` as ``jpg.exe``; a spreadsheet computes
cells that begin with ``=``.
"""

from __future__ import annotations

import re
from html import escape

_HIDDEN = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters of ASCII and Latin-1, but neither tab nor line feed
    "\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # direction, width zero
    "\U000e0000-\U000e007f\ud800-\udfff"  # tags; halves of characters
)
_NOT_PRINTABLE = re.compile(
    # The two joiners are letters of Persian, Hindi and of emoji, but between letters of ASCII they are only hidden.
    f"[{_HIDDEN}]|(?<![^\x00-\x7f])[\u200c\u200d]|[\u200c\u200d](?![^\x00-\x7f])"
)
_NOT_PLAIN_JSON = re.compile(f"[{_HIDDEN}]")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?%?")
_FORMULA = ("=", "+", "-", "@", "\t")


def printable(text: str) -> str:
    r"""Write invisible characters as their escapes: ``\x1b``, ``\u202e``. Tabs, line feeds and all others stay.

    Invisible are control characters, marks and overrides of the writing direction, characters without width, and
    halves of characters (surrogates).
    """
    return _NOT_PRINTABLE.sub(_escaped, text)


def html_text(text: str) -> str:
    """Escape a text for HTML; invisible characters are written as their escapes."""
    return escape(printable(text))


def json_text(document: str) -> str:
    r"""Write invisible characters of a JSON document as ``\uXXXX``; its meaning stays exactly the same."""
    return _NOT_PLAIN_JSON.sub(_as_json, document)


def csv_cell(text: str) -> str:
    """Return the cell of a CSV file that shows a text in a spreadsheet.

    What a spreadsheet would compute, as it begins with ``=``, ``+``, ``-``, ``@`` or a tab and is no number, gets an
    apostrophe in front, and so does what begins with apostrophes and one of these. Invisible characters are
    written as their escapes.
    """
    shown = printable(text)
    return f"'{shown}" if _needs_apostrophe(shown) else shown


def text_of_csv_cell(cell: str) -> str:
    """Return the text of a cell that :func:`csv_cell` wrote, with the escapes of invisible characters."""
    return cell[1:] if cell.startswith("'") and _needs_apostrophe(cell[1:]) else cell


def _needs_apostrophe(text: str) -> bool:
    bare = text.lstrip("' \n")
    return bare.startswith(_FORMULA) and not _NUMBER.fullmatch(text)


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65_536 else f"\\U{code:08x}"


def _as_json(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
