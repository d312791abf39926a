"""Consoles of rich for texts with names of strangers in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from retrieval.escapes import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.segment import Segment
    from rich.text import Text


def plain_console(**settings: Any) -> Console:
    """Make a console of rich that reads no markup in texts and shows invisible characters as their escapes."""
    from rich.console import Console
    from rich.segment import Segment

    class PlainConsole(Console):
        def render_str(self, text: str, **how: Any) -> Text:
            """Convert a text before it is measured, so that its column is as wide as its escapes."""
            return super().render_str(printable(text), **{**how, "markup": False, "emoji": False})

        def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
            """Render; texts that were made as ``Text`` are not seen by :meth:`render_str`."""
            for segment in super().render(renderable, options):
                yield segment if segment.control else Segment(printable(segment.text), segment.style)

    return PlainConsole(highlight=False, markup=False, emoji=False, **settings)
