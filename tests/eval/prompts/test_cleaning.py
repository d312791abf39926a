from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.prompts.cleaning import clean, clean_text, doubled_names
from eval.prompts.sets import PromptSet, read_prompts
from tests.support.shared_data import SHARED, needs_shared


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("a photo  of\ta\ncap ", "a photo of a cap"),
        ("a photo of Crucibulum_laeve, white,", "a photo of Crucibulum laeve, white"),
        ("red, , white ,brown,; ", "red, white,brown"),
        ("honey fungus fungus", "honey fungus"),
        ("Fungus fungus FUNGUS here", "Fungus here"),
        ("salt &amp;amp; pepper &quot;cap&quot;", 'salt & pepper "cap"'),
        ("zero\u200bwidth \ufeffmark\x00 soft\u00adhyphen", "zerowidth mark softhyphen"),
        ("cap 10 10 cm, well-well known", "cap 10 10 cm, well-well known"),
        ("e\u0301cu", "\u00e9cu"),
        ("\u0645\u06cc\u200c\u062e", "\u0645\u06cc\u200c\u062e"),
        (" ,; ", ""),
        ("the cap.", "the cap."),
    ],
)
def test_texts(text: str, want: str) -> None:
    assert clean_text(text) == want


def test_doubled_words_of_names_stay() -> None:
    prompts = PromptSet.of(
        "set",
        [("Bison_bison", ["a photo photo of Bison bison"]), ("Gorilla gorilla gorilla", ["Gorilla gorilla gorilla"])],
    )
    assert doubled_names(prompts.prompts) == {"bison", "gorilla"}
    assert clean(prompts).prompts.prompts == {
        "Bison_bison": ("a photo of Bison bison",),
        "Gorilla gorilla gorilla": ("Gorilla gorilla gorilla",),
    }


def test_what_was_done_is_counted() -> None:
    found = clean(PromptSet.of("set", [("a", ["x", "x ", " , ", "y"]), ("b", ["z"])]))
    assert found.prompts.prompts == {"a": ("x", "y"), "b": ("z",)}
    assert found[1:] == (2, 1, 1)


@given(st.text("ab ,;_\u200b\x00&;lt#e", max_size=30))
def test_clean_is_clean(text: str) -> None:
    once = clean_text(text)
    assert "  " not in once
    assert "_" not in once
    assert once == once.strip(" ,;")
    assert once.isprintable()


@needs_shared
def test_the_mushroom_prompts_lose_their_doubled_words() -> None:
    found = clean(read_prompts(SHARED / "mushroom" / "delta_prompts.json"))
    assert found[1:] == (55, 0, 2)
    assert not any("fungus fungus" in text or "mushroom mushroom" in text for text in found.prompts.unique_texts)
