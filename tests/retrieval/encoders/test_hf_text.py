from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from retrieval.encoders.hf_text import context_length, tokenizer
from retrieval.encoders.registry import resolve
from retrieval.encoders.request import EncoderRequest
from retrieval.encoders.text_tokens import cut_texts
from retrieval.errors import InputError
from tests.support import hf_folders

if TYPE_CHECKING:
    from pathlib import Path

    from retrieval.types import EncoderSpec


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> EncoderSpec:
    return resolve(EncoderRequest(f"hf/{hf_folders.save(tmp_path_factory.mktemp('hf') / 'clip', 'clip')}"))


def test_texts_longer_than_the_context_of_the_configuration_are_found(spec: EncoderSpec) -> None:
    assert context_length(spec) == 16
    long = "word " * 20
    assert cut_texts([long, "a hand"], spec).tokens == {long: 22}


def test_the_vocabulary_may_be_in_either_file_and_must_be_that_of_clip(spec: EncoderSpec, tmp_path: Path) -> None:
    folder = hf_folders.save(tmp_path / "clip", "clip")
    here = spec.at(f"folder:{folder}")
    words = json.loads((folder / "vocab.json").read_text())
    (folder / "tokenizer.json").write_text(json.dumps({"model": {"vocab": words}}))
    (folder / "vocab.json").unlink()
    assert tokenizer(here)(["a hand"]).tolist() == tokenizer(spec)(["a hand"]).tolist()
    words["hand</w>"], words["arm</w>"] = words["arm</w>"], words["hand</w>"]
    (folder / "tokenizer.json").write_text(json.dumps({"model": {"vocab": words}}))
    with pytest.raises(InputError, match="is not the vocabulary of CLIP"):
        tokenizer(here)
    (folder / "tokenizer.json").unlink()
    with pytest.raises(InputError, match=r"has no tokenizer\.json or vocab\.json, so its texts cannot be encoded"):
        tokenizer(here)
