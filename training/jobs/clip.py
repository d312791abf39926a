"""Job ``clip``: contrastive training of an image and a text tower on captions (Radford et al. 2021)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from retrieval.encoders.artefact import INSIDE as ENCODER
from training.augment import augment
from training.checkpoint import BEST, open_run
from training.contrastive import backward_in_pieces, mean_reciprocal_rank
from training.hardware import Hardware, resolve_hardware
from training.jobs.clip_data import batches_of, load_captioned, pairs_of
from training.jobs.clip_export import build, export, prepare
from training.jobs.clip_recipe import ClipRecipe
from training.learner import LOSS, Learner
from training.loop import TrainingResult, fit
from training.optimisers import Optimisers, ScheduledOptimiser, decay_groups
from training.processes import rank, ranks, share_of
from training.schedule import Moment, cosine
from training.vocabulary import learn_merges

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from retrieval.config import Config
    from retrieval.types import UInt8
    from training.data.training_data import TrainingData
    from training.jobs.clip_data import CaptionedImages, Numbers
    from training.run_settings import RunSettings

SCORE = "retrieval"
"""The held-out metric by which weights are chosen: mean reciprocal rank of the true captions."""

HIGHEST_SCALE = math.log(100)
"""The logarithm of the largest factor on similarities."""

_EVAL_BATCH = 128


class ClipJob:
    """See :class:`training.registry.TrainingJob`."""

    recipe: type[Config] = ClipRecipe

    def needs(self, recipe: ClipRecipe) -> None:
        """Captions are read from the folders of the recipe."""

    def run(
        self,
        recipe: ClipRecipe,
        data: TrainingData | None,  # noqa: ARG002 - a TrainingJob
        out: Path,
        run: RunSettings,
    ) -> TrainingResult:
        """Train; ``out/encoder`` is then a folder that ``--encoder`` loads, with the best weights in fp16."""
        hardware = resolve_hardware(recipe.loop, run.device)
        train, val = pairs_of(recipe)
        open_run(out, recipe.model_dump(mode="json"))
        prepare(out / ENCODER, recipe, learn_merges((pair.caption for pair in train), recipe.tokens))
        model, tokenizer = build(out / ENCODER, recipe.loop.seed)
        hardware.prepare(model, (model.visual,))
        stage = ContrastiveStage(
            model,
            load_captioned(train, recipe, tokenizer, out / "train.npy", train=True, quiet=run.quiet),
            load_captioned(val, recipe, tokenizer, out / "val.npy", train=False, quiet=run.quiet),
            recipe,
            hardware,
        )
        result = fit(Learner(model, SCORE, [stage], recipe.loop.ema), out, seed=recipe.loop.seed, run=run)
        if result.history:
            export(out / ENCODER, out / BEST, recipe, result, {"train": train, "val": val})
        return result


class ContrastiveStage:
    """The only stage of the job: trains both towers and the factor of similarities by the contrastive loss."""

    name = "contrastive"

    def __init__(
        self, model: Any, train: CaptionedImages, val: CaptionedImages, config: ClipRecipe, hardware: Hardware
    ) -> None:
        """``model`` is an open_clip model on the device."""
        import torch

        self.epochs, self.patience = config.loop.epochs, config.loop.patience
        self._model: torch.nn.Module = model
        self.evaluate_every = config.loop.evaluate_every
        self._train, self._val, self._config = train, val, config
        self._hardware, self._device = hardware, hardware.device
        self._mean, self._std = (
            torch.tensor(values).view(3, 1, 1) for values in (config.pixels.mean, config.pixels.std)
        )
        self._optimisers = Optimisers({})

    def begin(self) -> Optimisers:
        """AdamW of all parameters, with a cosine schedule."""
        import torch

        loop, model = self._config.loop, self._model
        groups = decay_groups(model, loop.weight_decay)
        adamw = torch.optim.AdamW(groups, lr=loop.learning_rate, betas=(0.9, loop.beta_2), eps=1e-6)
        scheduled = ScheduledOptimiser(adamw, cosine(loop.warm_up, loop.final))
        named, scaler = {"adamw": scheduled}, self._hardware.scaler()
        self._optimisers = Optimisers(named, loop.clip_norm, model.parameters(), scaler)
        return self._optimisers

    def images(self, batch: tuple[int, Numbers]) -> int:
        """See :class:`training.learner.Stage`."""
        return len(batch[1])

    def batches(self, epoch: int) -> list[tuple[int, Numbers]]:
        """Seed and rows of every batch."""
        rng = np.random.default_rng([self._config.loop.seed, epoch])
        drawn = batches_of(self._train.folder, self._config.batch, self._config.batches, rng)
        return [(epoch * 1_000_003 + number, rows) for number, rows in enumerate(drawn)]

    def share(self, batch: tuple[int, Numbers]) -> tuple[int, Numbers]:
        """See :class:`training.learner.DividesBatches`; captions are told apart within a share."""
        seed, rows = batch
        return seed * ranks() + rank(), share_of(rows)

    def step(self, batch: tuple[int, Numbers], moment: Moment) -> dict[str, float]:
        """Take one step; the factor of similarities is clamped to 1..100."""
        self._optimisers.zero_grad()
        loss = self._backward(batch)
        self._optimisers.step(moment)
        self._parameter("logit_scale").data.clamp_(0, HIGHEST_SCALE)
        return {LOSS: loss}

    def _backward(self, batch: tuple[int, Numbers]) -> float:
        """Add the gradients of the loss of a batch, and return the loss."""
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
        return backward_in_pieces(encode, scale.exp, captions, self._config.loop.pieces, self._optimisers.backward)

    def validate(self) -> dict[str, float]:
        """Mean reciprocal rank of held-out captions among those of their source, averaged over sources."""
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
        return {SCORE: sum(ranks) / len(ranks), "scale": scale}

    def _parameter(self, name: str) -> torch.nn.Parameter:
        return self._model.get_parameter(name)

    def _normalised(self, images: torch.Tensor) -> torch.Tensor:
        return self._hardware.images((images - self._mean) / self._std)

    def _images(self, images: torch.Tensor) -> torch.Tensor:
        return self._encoded("encode_image", images)

    def _texts(self, tokens: torch.Tensor) -> torch.Tensor:
        return self._encoded("encode_text", tokens)

    def _encoded(self, method: str, batch: torch.Tensor) -> torch.Tensor:
        """Unit vectors in float32, computed in half precision if ``amp`` says so."""
        from torch.nn.functional import normalize

        with self._hardware.autocast():
            raw: torch.Tensor = getattr(self._model, method)(batch)
        return normalize(raw.float(), dim=-1)


def _channels_first(pixels: UInt8) -> torch.Tensor:
    import torch

    return torch.from_numpy(np.array(pixels)).permute(0, 3, 1, 2).float() / 255


JOB = ClipJob()
