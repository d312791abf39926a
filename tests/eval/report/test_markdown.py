"""Markdown: literal texts, tables of equal rows, pictures as links."""

from __future__ import annotations

import re

from matplotlib.figure import Figure

from eval.report.document import (
    Document,
    ListBlock,
    Paragraph,
    PictureBlock,
    Section,
    TableBlock,
    Thumbnail,
    ThumbnailBlock,
    ThumbnailRow,
)
from eval.report.markdown import escape, to_markdown


def test_options_are_code_and_all_else_is_literal() -> None:
    text = to_markdown(Document("T", (Paragraph("Run `vitrine compare` <b> & a*b."), Paragraph("1. no list")), ()))
    assert "Run `vitrine compare` \\<b\\> \\& a\\*b." in text
    assert "\n1\\. no list\n" in text
    assert escape("a `b` | c\n- d") == "a \\`b\\` \\| c - d"


def test_lists_tables_and_pictures() -> None:
    careful = ListBlock("Careful:", (Paragraph("bad", warning=True), Paragraph("odd")))
    table = TableBlock("T", ("result", "top-1"), (("a|b", "1"), ("c", "2")), details=("knn", ""), best=0, narrow=2)
    small = PictureBlock("s.svg", "x", Figure, small=True)
    text = to_markdown(
        Document("T", (careful,), (Section("S", (table, small, small, PictureBlock("b.svg", "y", Figure))),))
    )
    assert "**Careful:**\n\n- **Warning:** bad\n- odd\n" in text
    assert "| **a\\|b** (best)<br>knn | 1 |\n| c | 2 |" in text
    assert "![x](s.svg)\n![x](s.svg)\n\n![y](b.svg)" in text


def test_wrong_predictions_are_a_table_with_equal_rows() -> None:
    sample = Thumbnail("k.webp", b"", (1, 1), ("a", "u.jpg"))
    rows = (
        ThumbnailRow("1. a, taken for b", sample, (Thumbnail("", b"", (1, 1), ("b",), right=False),)),
        ThumbnailRow("2. a, taken for c", sample, ()),
    )
    text = to_markdown(Document("T", (ThumbnailBlock(rows),), ()))
    assert "| 1\\. a, taken for b<br>![image of a](thumbs/k.webp)<br>a<br>u.jpg | no picture<br>✗ b |" in text
    assert {line.count("|") for line in text.splitlines() if line.startswith("|")} == {3}
    assert re.search(r"\| 2\\\. a, taken for c<br>.*\|  \|", text)
