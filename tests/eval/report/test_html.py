"""A page of HTML: everything is escaped, and each block is the element that screen readers know."""

from __future__ import annotations

import struct

from eval.report.document import Document, Paragraph, PictureBlock, Section, TableBlock
from eval.report.html import to_html

PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 200, 100)
EVIL = '<script>alert("x")</script>'


def page(*blocks: Paragraph | TableBlock | PictureBlock) -> str:
    return to_html(Document("T", (), (Section("Only", blocks),)), {"a.png": PNG})


def test_no_text_of_a_result_is_markup() -> None:
    blocks = (Paragraph(EVIL), Paragraph(EVIL, warning=True), TableBlock(EVIL, (EVIL,), ((EVIL,),), note=EVIL))
    text = to_html(Document(EVIL, blocks, (Section(EVIL, ()), Section(EVIL, (), 3))), {})
    assert "<script" not in text
    assert text.count("&lt;script&gt;") == 13


def test_options_in_a_sentence_are_code() -> None:
    html = to_html(Document("T", (Paragraph("Pass `k=<3>` & go.", warning=True),), ()), {})
    assert "Pass <code>k=&lt;3&gt;</code> &amp; go." in html


def test_a_picture_has_its_words_and_two_thirds_of_its_pixels() -> None:
    text = page(PictureBlock("a.png", 'curves & "bands"', lambda _: None))
    assert '<img width="128" height="64" alt="curves &amp; &quot;bands&quot;" src="data:image/png;base64,iVBORw' in text


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
    assert '<li class=inner><a href="#s1">Two</a></li>' in text
    assert '<h3 id="s1">Two</h3>' in text
