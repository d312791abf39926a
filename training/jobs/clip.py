"""Job ``clip``: two towers learn which caption belongs to which image (Radford et al. 2021)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from retrieval.encoders.artefact import INSIDE as ENCODER
from training.augment import augment
from training.checkpoint import BEST, open_run
from training.config import checked
from training.contrastive import backward_in_pieces, mean_reciprocal_rank
from training.export import build, export, prepare
from training.jobs.clip_data import batches_of, captioned, pairs_of
from training.jobs.clip_recipe import ClipRecipe
from training.loop import Fitted, fit
from training.vocabulary import learn_merges

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import torch

    from retrieval.types import UInt8
    from training.jobs.clip_data import Captioned, Numbers

HIGHEST_SCALE = math.log(100)
"""The logarithm of the largest factor on similarities."""

_EVAL_BATCH = 128


class ClipJob:
    """See :class:`training.registry.TrainingJob`."""

    def run(self, recipe: Mapping[str, Any], out: Path, *, device: str = "auto", quiet: bool = False) -> Fitted:
        """Train; ``out/encoder`` is then a folder that open_clip loads, with the best weights in fp16."""
        from retrieval.encoders.precision import choose_device

        config = checked(ClipRecipe, recipe, "recipe")
        where = choose_device(device)
        train, val = pairs_of(config)
        open_run(out, config.model_dump(mode="json"))
        prepare(out / ENCODER, config, learn_merges((pair.caption for pair in train), config.tokens))
        model, tokenizer = build(out / ENCODER, config.loop.seed)
        learner = ClipLearner(
            model.to(where),
            captioned(train, config, tokenizer, out / "train.npy", train=True, quiet=quiet),
            captioned(val, config, tokenizer, out / "val.npy", train=False, quiet=quiet),
            config,
            where,
        )
        fitted = fit(learner, config.loop, out, quiet=quiet)
        if fitted.history:
            export(out / ENCODER, out / BEST, config, fitted, {"train": train, "val": val})
        return fitted


class ClipLearner:
    """The model, its data and its loss, for the loop."""

    score = "retrieval"

    def __init__(self, model: Any, train: Captioned, val: Captioned, config: ClipRecipe, device: str) -> None:
        """``model`` is an open_clip model on ``device``."""
        import torch

        self.model: torch.nn.Module = model
        self._train, self._val, self._config, self._device = train, val, config, device
        self._half = _half_precision(config.loop.amp, device)
        self._mean, self._std = (
            torch.tensor(values).view(3, 1, 1) for values in (config.pixels.mean, config.pixels.std)
        )

    def images(self, batch: tuple[int, Numbers]) -> int:
        """See :class:`training.loop.Learner`."""
        return len(batch[1])

    def batches(self, epoch: int) -> Iterator[tuple[int, Numbers]]:
        """A seed and rows of each batch."""
        rng = np.random.default_rng([self._config.loop.seed, epoch])
        drawn = batches_of(self._train.folder, self._config.batch, self._config.batches, rng)
        for number, rows in enumerate(drawn):
            yield (epoch * 1_000_003 + number, rows)

    def backward(self, batch: tuple[int, Numbers]) -> float:
        """See :class:`training.loop.Learner`."""
        import torch

        seed, rows = batch
        generator = torch.Generator().manual_seed(self._config.loop.seed * 7_368_787 + seed)
        data, side = self._train, self._config.pixels.size
        taken = torch.from_numpy(rows)
        raw = _channels_first(data.pixels[rows])
        images = self._normalised(augment(raw, data.flip[taken], side, self._config.augmentation, generator))
        captions = data.caption[taken].to(self._device)
        tokens = data.tokens[data.caption[taken]].to(self._device)

        def encode(part: slice) -> tuple[torch.Tensor, torch.Tensor]:
            return self._images(images[part]), self._texts(tokens[part])

        scale = self._parameter("logit_scale")
        return backward_in_pieces(encode, scale.exp, captions, self._config.loop.pieces)

    def after_step(self) -> None:
        """Keep the factor on similarities between 1 and 100."""
        self._parameter("logit_scale").data.clamp_(0, HIGHEST_SCALE)

    def validate(self) -> dict[str, float]:
        """Mean reciprocal rank of each held-out image's caption among those of its source, averaged over sources."""
        import torch

        data = self._val
        images = torch.cat(
            [
                self._images(self._normalised(_channels_first(data.pixels[start : start + _EVAL_BATCH])))
                for start in range(0, len(data.pixels), _EVAL_BATCH)
            ]
        )
        texts = torch.cat([self._texts(part.to(self._device)) for part in torch.split(data.tokens, _EVAL_BATCH)])
        ranks = []
        for folder in np.unique(data.folder):
            rows = torch.from_numpy(np.flatnonzero(data.folder == folder))
            columns, truth = torch.unique(data.caption[rows], return_inverse=True)
            ranks.append(mean_reciprocal_rank(images[rows], texts[columns], truth.to(self._device)))
        scale = float(self._parameter("logit_scale").exp())
        return {self.score: sum(ranks) / len(ranks), "scale": scale}

    def _parameter(self, name: str) -> torch.nn.Parameter:
        return self.model.get_parameter(name)

    def _normalised(self, images: torch.Tensor) -> torch.Tensor:
        import torch

        scaled = (images - self._mean) / self._std
        return scaled.to(self._device).contiguous(memory_format=torch.channels_last)

    def _images(self, images: torch.Tensor) -> torch.Tensor:
        return self._encoded("encode_image", images)

    def _texts(self, tokens: torch.Tensor) -> torch.Tensor:
        return self._encoded("encode_text", tokens)

    def _encoded(self, method: str, batch: torch.Tensor) -> torch.Tensor:
        """Vectors of length 1 in float32; what is between may be in half precision."""
        import torch
        from torch.nn.functional import normalize

        with torch.autocast(self._device.partition(":")[0], torch.bfloat16, enabled=self._half):
            raw: torch.Tensor = getattr(self.model, method)(batch)
        return normalize(raw.float(), dim=-1)


def _channels_first(pixels: UInt8) -> torch.Tensor:
    import torch

    return torch.from_numpy(np.array(pixels)).permute(0, 3, 1, 2).float() / 255


def _half_precision(amp: str, device: str) -> bool:
    from retrieval.encoders.precision import cpu_has_bf16

    if amp != "auto":
        return amp == "bf16"
    return device.startswith("cuda") or (device == "cpu" and cpu_has_bf16())


JOB = ClipJob()
