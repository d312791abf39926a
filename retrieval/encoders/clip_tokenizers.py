"""Tokenizers of open_clip that are read once per process; callers share them.

Reading the vocabulary of CLIP takes about as long as building a small text tower.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from retrieval.encoders.torchvision_ops import repair_torchvision

KEPT = 4
"""Tokenizers that are kept; one with the vocabulary of CLIP takes some 20 MB."""


@lru_cache(KEPT)
def clip_tokenizer(context: int) -> Any:
    """Return the tokenizer with the vocabulary of CLIP, a function from texts to tokens (n, context)."""
    repair_torchvision()  # open_clip imports torchvision, which may be broken
    from open_clip.tokenizer import SimpleTokenizer

    return SimpleTokenizer(context_length=context)


def named_tokenizer(name: str) -> Any:
    """Return the tokenizer of an architecture of open_clip; a name that is registered again has a new one.

    Raises:
        ImportError, NameError, OSError: it needs a package that is not installed, or a download.
    """
    repair_torchvision()
    import open_clip

    return _tokenizer(name, json.dumps(open_clip.get_model_config(name), sort_keys=True))


@lru_cache(KEPT)
def _tokenizer(name: str, config: str) -> Any:
    del config  # part of the key alone: open_clip looks it up again
    import open_clip

    return open_clip.get_tokenizer(name)
