"""What is invisible is shown as its escape; everything else stays as it is."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.console import plain_console
from retrieval.escapes import csv_cell, html_text, json_text, printable, text_of_csv_cell
from retrieval.fitted_table import FittedTable
from retrieval.notebook import as_html, as_text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("a\rb\x08c\x07", "a\\x0db\\x08c\\x07"),
        ("\x9b2J", "\\x9b2J"),
        ("\u202egpj.exe", "\\u202egpj.exe"),
        ("a\u200bb\ufeff", "a\\u200bb\\ufeff"),
        ("a\u200db", "a\\u200db"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_what_is_invisible_is_written_as_its_escape(text: str, shown: str) -> None:
    assert printable(text) == shown


@pytest.mark.parametrize(
    "text",
    ["Ölberg", "a\tb\nc", "'it' \"is\" <b> & -1", "می‌خواهم", "👩‍🔬", "日本語", "e\u0301", "C:\\x1b"],
)
def test_what_people_write_stays(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("@SUM(1)", "'@SUM(1)"),
        ("+1-1", "'+1-1"),
        ("-a", "'-a"),
        (" =1", "' =1"),
        ("'=1", "''=1"),
        ("-1", "-1"),
        ("+1.5e-3", "+1.5e-3"),
        ("-5%", "-5%"),
        ("it's", "it's"),
        ("'quoted'", "'quoted'"),
        ("a=b", "a=b"),
        ("\t=1", "'\t=1"),
        ("a\r\nb", "a\\x0d\nb"),
    ],
)
def test_a_spreadsheet_computes_no_cell(text: str, cell: str) -> None:
    assert csv_cell(text) == cell


@given(st.text())
def test_a_cell_is_read_back_as_its_text_with_escapes(text: str) -> None:
    assert text_of_csv_cell(csv_cell(text)) == printable(text)
    assert not csv_cell(text).startswith(("=", "@"))


@given(st.text() | st.just("\u202e\x9b\ufeff\U000e0041"))
def test_json_keeps_its_meaning(text: str) -> None:
    document = json_text(json.dumps({"name": text}, ensure_ascii=False))
    assert json.loads(document) == {"name": text}
    assert printable(document.replace("\u200c", "").replace("\u200d", "")) == document.replace("\u200c", "").replace(
        "\u200d", ""
    )


def test_html() -> None:
    assert html_text("<b>\x1b\u202e&\"'") == "&lt;b&gt;\\x1b\\u202e&amp;&quot;&#x27;"


def test_tables_show_markup_and_are_as_wide_as_their_escapes() -> None:
    table = FittedTable()
    for name in ("name", "n"):
        table.add_column(name)
    table.add_row("[red]x[/]\x1b", "1")
    table.add_row("\u202e[b]", ":smile:")
    table.add_detail("\x1b", ["\u202e"])
    console = plain_console(file=io.StringIO(), width=60)
    console.print(table)
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert lines[3:] == ["  \\x1b", "    \\u202e"]
    assert lines[1].startswith("[red]x[/]\\x1b  1")
    assert "\\u202e[b]" in lines[2]
    assert ":smile:" in lines[2]
    assert "[red]x[/]\\x1b  1" in as_text([table])
    assert '<td style="text-align:left">[red]x[/]\\x1b</td>' in as_html([table])
