"""Prompt sets that hypothesis draws."""

from __future__ import annotations

from hypothesis import strategies as st

from eval.prompts.sets import PromptSet

sets = st.dictionaries(st.sampled_from("abc"), st.lists(st.sampled_from(["p", "q", "r", "s"]), max_size=5)).map(
    lambda texts: PromptSet.of("set", texts.items())
)
"""Prompt sets of up to three classes and few texts, many of them shared."""


def pairs(prompts: PromptSet) -> set[tuple[str, str]]:
    """All (class, text) of a set."""
    return {(label, text) for label, texts in prompts.prompts.items() for text in texts}
