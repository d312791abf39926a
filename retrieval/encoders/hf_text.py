"""Tokenizers of transformers folders. Those of CLIP are open_clip's, if the vocabulary in the folder is the same.

The functions are those that :mod:`retrieval.encoders.text_tokens` calls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from retrieval.encoders.clip_tokenizers import clip_tokenizer
from retrieval.encoders.hf_folder import ModelFiles
from retrieval.errors import InputError
from retrieval.text_files import read_json

if TYPE_CHECKING:
    from pathlib import Path

    from retrieval.types import EncoderSpec

VOCABULARIES = ("tokenizer.json", "vocab.json")
ENDS = {"<start_of_text>": "<|startoftext|>", "<end_of_text>": "<|endoftext|>"}
"""Tokens of start and end in open_clip, and in transformers."""


def context_length(spec: EncoderSpec) -> int:
    """Return how many tokens the text tower reads; 0 without one.

    Raises:
        InputError, MissingFileError, NetworkError, WeightsError: the configuration cannot be read.
    """
    text = ModelFiles(spec.weights).architecture().text
    return 0 if text is None else text.context


def tokenizer(spec: EncoderSpec) -> Any:
    """Return the tokenizer of a model: a function from texts to tokens (n, context).

    Raises:
        InputError: the model has no text tower, or its files no tokenizer that Vitrine has.
    """
    files = ModelFiles(spec.weights)
    architecture = files.architecture()
    if architecture.text is None:
        raise InputError(f"{files.spoken} is an image tower alone: it encodes no texts.")
    if architecture.kind != "clip":
        raise InputError(
            f"{files.spoken}: the tokenizer of SigLIP is not read from such folders, so its texts cannot be encoded; "
            "its images can. For texts, open_clip has SigLIP: `encoder=open_clip/ViT-B-16-SigLIP2`."
        )
    path = files.file(*VOCABULARIES)
    if path is None:
        raise InputError(f"{files.spoken} has no {' or '.join(VOCABULARIES)}, so its texts cannot be encoded.")
    made = clip_tokenizer(architecture.text.context)
    if not _is_vocabulary(made.encoder, path):
        raise InputError(
            f"{path} is not the vocabulary of CLIP, the only one that is read from such folders; so texts cannot be "
            "encoded, and images can."
        )
    return made


def _is_vocabulary(encoder: dict[str, int], path: Path) -> bool:
    """Return whether a vocabulary file has the tokens of CLIP; those of start and end may be elsewhere."""
    content = read_json(path, "a vocabulary")
    vocabulary = content.get("model", {}).get("vocab") if path.name == VOCABULARIES[0] else content
    if not isinstance(vocabulary, dict):
        return False
    expected = {ENDS.get(token, token): number for token, number in encoder.items()}
    return expected | vocabulary == expected and all(name in vocabulary or name in ENDS.values() for name in expected)
