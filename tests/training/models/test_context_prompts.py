"""Places of learned vectors among tokens, and what the text tower makes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from retrieval.errors import InputError
from tests.support import tiny_open_clip
from tests.support.prompt_problems import tiny, tiny_space
from training.models.context_prompts import Place, place_context, word_vectors
from training.models.text_tower import TextTower, find_text_tower
from training.models.towers import load_tower, require_text

PARTS = ((2, slice(0, 2)), (1, slice(2, 3)))
TEXTS = ("red cap", "a scaly white globular cap.", "X")


@pytest.fixture(scope="module")
def tower() -> TextTower:
    return require_text(load_tower(tiny_space(), "cpu"), "This test")


def words_of(tower: TextTower, text: str) -> list[int]:
    """Tokens of a text, without those of start and end."""
    row = tower.tokenise([text])[0].tolist()
    end = tower.tokenise([""])[0, 1].item()
    return row[1 : row.index(end)]


def test_learned_vectors_stand_before_the_text(tower: TextTower) -> None:
    prompts = place_context(tower, TEXTS, 3, "end")
    empty = tower.tokenise([""])[0].tolist()
    assert prompts.tokens.shape == (3, tower.context)
    for text, row, places in zip(TEXTS, prompts.tokens.tolist(), prompts.places.tolist(), strict=True):
        assert places == [1, 2, 3]
        words = words_of(tower, f"{text.rstrip('.')}.")
        assert row[4 : 5 + len(words)] == [*words, empty[1]]
        assert row[0] == empty[0]
        assert set(row[5 + len(words) :]) <= {0}


def test_half_of_them_stand_on_either_side(tower: TextTower) -> None:
    prompts = place_context(tower, TEXTS, 5, "middle")
    for text, row, places in zip(TEXTS, prompts.tokens.tolist(), prompts.places.tolist(), strict=True):
        name = words_of(tower, text.rstrip("."))
        assert row[3 : 3 + len(name)] == name
        after = 3 + len(name)
        assert places == [1, 2, after, after + 1, after + 2]
        assert row[after + 3] == words_of(tower, ".")[0]


@pytest.mark.parametrize("place", ["end", "middle"])
@pytest.mark.parametrize("custom", ["", "false", "true"])
def test_embeddings_of_words_give_the_vectors_of_the_words(
    place: Place, custom: str, tower: TextTower, tmp_path: Path
) -> None:
    encoder: Any = tiny()
    if custom:  # other classes of open_clip: the text tower in the model, or as a part of it
        config = {**tiny_open_clip.CONFIG, "custom_text": custom == "true"}
        tiny_open_clip.register(tmp_path, f"vitrine-test-{custom}", config)
        encoder = tiny_open_clip.encoder(name=f"open_clip/vitrine-test-{custom}", random_init=3)
        made = find_text_tower(encoder.spec, encoder.network)
        assert made is not None
        tower = made
    with torch.inference_mode():
        context = word_vectors(tower, "a photo of a")
        prompts = place_context(tower, TEXTS, len(context), place)
        parts = [prompts.encode(tower, context.expand(n, *context.shape), rows) for n, rows in PARTS]
    written = [f"a photo of a {text.rstrip('.')}." for text in TEXTS]
    if place == "middle":
        written = [f"a photo {text.rstrip('.')} of a." for text in TEXTS]
    np.testing.assert_allclose(torch.cat(parts).numpy(), encoder.encode_texts(written).vectors, atol=1e-5)


def test_what_is_too_long_is_told(tower: TextTower) -> None:
    place_context(tower, ["X"], 52, "end")  # start, 52 vectors, X, full stop, end: all 56
    with pytest.raises(InputError, match="more than the 56"):
        place_context(tower, ["X"], 53, "end")
    with pytest.raises(InputError, match="more than the 56"):
        place_context(tower, ["a cap " * 40], 4, "middle")
    with pytest.raises(InputError, match="room for 1 to 53"):
        word_vectors(tower, " ")
