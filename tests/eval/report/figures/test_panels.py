"""What all pictures share."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from eval.report.figures.panels import shortened


@given(st.text(max_size=80), st.integers(5, 60))
def test_short_names_keep_their_ends(text: str, longest: int) -> None:
    line = shortened(text, longest)
    assert len(line) <= longest
    assert line == " ".join(text.split()) or (line[0] == text.split(maxsplit=1)[0][0] and "…" in line)
