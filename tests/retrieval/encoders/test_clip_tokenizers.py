from __future__ import annotations

from pathlib import Path

from retrieval.encoders.clip_tokenizers import clip_tokenizer, named_tokenizer
from retrieval.encoders.open_clip_encoder import quiet_open_clip
from tests.support import tiny_open_clip


def test_one_is_shared_and_is_that_of_open_clip() -> None:
    open_clip = quiet_open_clip()
    assert named_tokenizer("ViT-B-32") is named_tokenizer("ViT-B-32")
    assert clip_tokenizer(16) is clip_tokenizer(16)
    texts = ["a Hand of  7", "ein Blatt, grün"]
    for made in (named_tokenizer("ViT-B-32"), clip_tokenizer(77)):
        assert made(texts).tolist() == open_clip.get_tokenizer("ViT-B-32")(texts).tolist()
    assert clip_tokenizer(16)(texts).tolist() == open_clip.get_tokenizer("ViT-B-32")(texts)[:, :16].tolist()


def test_a_name_that_is_registered_again_has_the_context_of_its_new_configuration(tmp_path: Path) -> None:
    for context in (8, 12):
        config = {**tiny_open_clip.CONFIG, "text_cfg": {**tiny_open_clip.CONFIG["text_cfg"], "context_length": context}}
        tiny_open_clip.register(tmp_path, "vitrine-test-again", config)
        assert named_tokenizer("vitrine-test-again")(["a hand"]).shape == (1, context)
