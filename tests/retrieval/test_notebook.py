"""Tables of objects: as text in which nothing is markup, as HTML escaped."""

from __future__ import annotations

from collections.abc import Iterator

from retrieval.fitted_table import FittedTable
from retrieval.notebook import ShowsTables


class Shown(ShowsTables):
    def _tables(self) -> Iterator[FittedTable]:
        table = FittedTable("Of <b>", "A caption & more\nin two lines")
        table.add_column("name")
        table.add_column("n", "metric")
        table.add_row("[bold]a[/bold]", "59.4 [58.6, 60.2]")
        table.add_detail("A line [x]", ["a <path>"])
        yield table


def test_a_prompt_shows_text_as_it_is() -> None:
    shown = repr(Shown())
    for words in ("A line [x]", "Of <b>", "59.4 [58.6, 60.2]", "A caption & more"):
        assert words in shown
    assert "[bold]a[/bold]" in shown


def test_a_notebook_shows_escaped_html() -> None:
    html = Shown()._repr_html_()
    assert "Of &lt;b&gt;</caption>" in html
    assert '<td style="text-align:left">[bold]a[/bold]</td><td style="text-align:right">59.4 [58.6, 60.2]</td>' in html
    assert "<p>A caption &amp; more<br>in two lines</p>" in html
    assert "<p></p>" not in html
    assert '<td colspan="2">A line [x]<br>a &lt;path&gt;</td>' in html
