"""A page of HTML: everything is escaped, and each block is the element that screen readers know."""

from __future__ import annotations

import base64
import hashlib
import re

from matplotlib.figure import Figure

from eval.report.document import (
    Block,
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
from eval.report.html import to_html
from eval.report.theme import SORTING

SVG = '<svg width="200pt" height="100pt" viewBox="0 0 200 100"><g><text>x</text></g></svg>'
EVIL = '<script>alert("x")</script>'


def page(*blocks: Block) -> str:
    return to_html(Document("T", (), (Section("Only", blocks),)), {"a.svg": SVG})


def test_no_text_of_a_result_is_markup() -> None:
    sample = Thumbnail("", b"", (1, 1), (EVIL, EVIL))
    blocks = (
        Paragraph(EVIL), Paragraph(EVIL, warning=True), ListBlock(EVIL, (Paragraph(EVIL),)),
        TableBlock(EVIL, (EVIL,), ((EVIL,),), note=EVIL, details=(EVIL,)),
        ThumbnailBlock((ThumbnailRow(EVIL, sample, (sample,)),)),
    )  # fmt: skip
    text = to_html(Document(EVIL, blocks, (Section(EVIL, ()), Section(EVIL, (), 3))), {})
    assert text.count("<script") == text.count("</script>") == 1
    assert text.count("&lt;script&gt;") == 20


def test_the_page_allows_its_script_and_nothing_else() -> None:
    text = page(Paragraph("x"))
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert script == SORTING
    assert (
        f"content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'\""
        in text
    )


def test_options_in_a_sentence_are_code() -> None:
    html = to_html(Document("T", (Paragraph("Pass `k=<3>` & go.", warning=True),), ()), {})
    assert "Pass <code>k=&lt;3&gt;</code> &amp; go." in html


def test_a_picture_has_its_words_and_small_ones_stand_side_by_side() -> None:
    text = page(PictureBlock("a.svg", 'curves & "bands"', Figure))
    assert (
        'role="img" aria-label="curves &amp; &quot;bands&quot;" width="250" height="125" viewBox="0 0 200 100">' in text
    )
    assert '<div class="panels">' not in text
    small = PictureBlock("a.svg", "x", Figure, small=True)
    text = page(small, small, Paragraph("between"), small)
    assert [part.count("<figure>") for part in text.split('<div class="panels">')] == [0, 2, 1]


def test_thumbnails_are_in_the_page_once_and_say_whether_they_are_right() -> None:
    sample = Thumbnail("k.webp", b"webp", (40, 30), ("a", "u.jpg"))
    near = (Thumbnail("k.webp", b"webp", (40, 30), ("a",), right=True), Thumbnail("", b"", (1, 1), ("b",), right=False))
    text = page(ThumbnailBlock((ThumbnailRow("1. a, taken for b", sample, near),)))
    assert text.count("data:image/webp;base64,d2VicA==") == 1
    assert text.count('<svg viewBox="0 0 40 30" role="img" aria-label="image of a"><use href="#k.webp"/></svg>') == 2
    assert '<li class="wrong"><span class="none">no picture</span>✗ b</li>' in text
    assert "</svg>✓ a</li>" in text


def test_a_wide_table_marks_the_best_and_hides_columns_on_narrow_pages() -> None:
    rows = (("x", "65.0 [57.7, 71.9] ±1.0", "2"), ("y", "1", "3"))
    text = page(TableBlock("T", ("result", "top-1", "top-5"), rows, details=("knn", ""), best=0, narrow=2))
    assert '<th scope="row" class="words">x<span class="mark">best</span><small>knn</small></th>' in text
    assert "<td>65.0 <small>[57.7,\N{NO-BREAK SPACE}71.9] ±1.0</small></td>" in text
    assert '<th scope="col" class="more">top-5</th>' in text
    assert text.count('<td class="more">') == 2
    assert text.count('<label class="all">') == 1


def test_names_stand_left_and_rows_have_heads() -> None:
    text = page(TableBlock("Sizes", ("class", "of", "n"), (("a", "x\n y", "3"),), words=2, note="All."))
    assert "<caption>Sizes</caption>" in text
    assert (
        '<tr><th scope="col" class="words">class</th><th scope="col" class="words">of</th><th scope="col">n</th></tr>'
    ) in text
    assert '<th scope="row" class="words">a</th><td class="words">x y</td><td>3</td>' in text
    assert '<p class="note">All.</p>' in text


def test_contents_only_where_there_is_more_than_one_section() -> None:
    assert "<nav" not in page(Paragraph("x"))
    text = to_html(Document("T", (), (Section("One", ()), Section("Two", (), 3))), {})
    assert '<li><a href="#s0">One</a></li>' in text
    assert '<a href="#s1">' not in text
    assert '<h3 id="s1">Two</h3>' in text
