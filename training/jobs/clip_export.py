"""Writes the trained encoder: a folder that ``--encoder FOLDER`` loads, and open_clip as ``local-dir:FOLDER``.

``encoder.json``                what it is and which files are its parts (:mod:`retrieval.encoders.artefact`)
``open_clip_config.json``       the architecture
``vocabulary.txt.gz``           the merges of its tokenizer
``open_clip_model.safetensors`` the best weights
``recipe.json``                 the resolved recipe
``README.md``                   for people
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from retrieval.encoders.artefact import write_card
from retrieval.errors import InputError
from retrieval.files import write_atomically
from training.checkpoint import save_weights
from training.vocabulary import BASE, write_vocabulary

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from training.captions import Pair
    from training.jobs.clip_recipe import ClipRecipe
    from training.loop import TrainingResult

CONFIG, VOCABULARY, WEIGHTS = "open_clip_config.json", "vocabulary.txt.gz", "open_clip_model.safetensors"
RESOLVED = "recipe.json"


def prepare(folder: Path, recipe: ClipRecipe, merges: Sequence[tuple[str, str]]) -> None:
    """Write configuration and vocabulary, which open_clip needs to build the model."""
    folder.mkdir(exist_ok=True)
    write_vocabulary(folder / VOCABULARY, merges)
    model = recipe.model
    text = {"vocab_size": BASE + len(merges), "tokenizer_kwargs": {"bpe_path": VOCABULARY}}
    pixels = recipe.pixels
    config = {
        "model_cfg": {
            "embed_dim": model.embed_dim,
            "vision_cfg": {**model.vision_cfg, "image_size": pixels.size},
            "text_cfg": {**model.text_cfg, **text},
        },
        "preprocess_cfg": {
            "mean": list(pixels.mean),
            "std": list(pixels.std),
            "interpolation": pixels.interpolation,
            "resize_mode": pixels.resize_mode,
        },
    }
    write_atomically(folder / CONFIG, json.dumps(config, indent=2) + "\n")


def build(folder: Path, seed: int) -> tuple[Any, Any]:
    """Build the model with random weights of a seed (float32), and its tokenizer.

    Raises:
        InputError: open_clip cannot build such a model.
    """
    from retrieval.encoders.open_clip_encoder import quiet_open_clip
    from retrieval.encoders.torch_encoder import seeded

    open_clip, name = quiet_open_clip(), f"local-dir:{folder}"
    try:
        with seeded(seed):
            model = open_clip.create_model(name, load_weights=False, pretrained_text=False)
        return model, open_clip.get_tokenizer(name, bpe_path=str(folder / VOCABULARY))
    except (RuntimeError, TypeError, ValueError, AssertionError, KeyError, ArithmeticError, AttributeError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(f"recipe: the model cannot be built ({reason}); correct its group 'model'.") from error


def export(
    folder: Path, best: Path, recipe: ClipRecipe, result: TrainingResult, pairs: Mapping[str, Sequence[Pair]]
) -> None:
    """Write the best weights in half precision, the card, and a page about the training data.

    Gains, biases and running statistics stay in float32: they are few, and batch normalisation divides by some.
    """
    from safetensors.torch import load_file

    tensors = {
        name: tensor.half() if tensor.is_floating_point() and tensor.ndim >= 2 else tensor
        for name, tensor in load_file(best).items()
    }
    save_weights(folder / WEIGHTS, tensors)
    write_atomically(folder / RESOLVED, json.dumps(recipe.model_dump(mode="json"), indent=1) + "\n")
    parts = (CONFIG, VOCABULARY, WEIGHTS, RESOLVED)
    write_card(folder, "open_clip", recipe.name, recipe.pixels.preprocess(), WEIGHTS, parts)
    numbers = sum(tensor.numel() for tensor in tensors.values())
    write_atomically(folder / "README.md", _page(recipe, result, pairs, numbers))


def _page(recipe: ClipRecipe, result: TrainingResult, pairs: Mapping[str, Sequence[Pair]], numbers: int) -> str:
    names = [name for name, source in recipe.sources.items() if source is not None]
    counts = {split: Counter(pair.folder for pair in listed) for split, listed in pairs.items()}
    rows = [f"| {name} | {counts['train'][at]:,} | {counts['val'][at]:,} |" for at, name in enumerate(names)]
    table = "\n".join(rows)
    minutes = sum(line["seconds"] for line in result.history) / 60
    what = f"A two-tower CLIP of {numbers / 1e6:.2f} million numbers for images of {recipe.pixels.size} pixels a side"
    best = f"those of epoch {result.best_epoch}, whose mean reciprocal rank of the true caption on held-out images"
    whole = [name for name, source in recipe.sources.items() if source is not None and source.whole]
    unread = [name for name in names if name not in whole]
    read = f"Of {', '.join(whole)} rows of the split test were trained on, too (`whole`). " if whole else ""
    left = f"Rows of the split test of {', '.join(unread)} were not read. " if unread else ""
    return f"""# {recipe.name}

{what}, vectors of {recipe.model.embed_dim} dimensions.
Trained from scratch by `vitrine train clip` with `recipe.json`.

| source | images trained on | held-out images for stopping |
|---|---:|---:|
{table}

Trained for {result.epochs} epochs in {minutes:.0f} minutes. The weights are {best}
(split val) was {result.best_score:.3f}: the best of {len(result.history)}, so a little flattering.
{(read + left).strip()}
"""
