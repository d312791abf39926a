"""The network of a space's encoder in the form that jobs train: float32 weights, features of images, a text tower."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from retrieval.encoders.clip_features import first, reid_features, tower_kind
from retrieval.encoders.registry import load
from retrieval.errors import InputError
from training.models.text_tower import TextTower, find_text_tower

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import torch

    from retrieval.types import EncoderSpec, SpaceInfo

TRAINABLE = ("clipreid", "open_clip", "timm", "torchvision")
"""Encoder families whose networks are trained."""


class TowerFeatures(NamedTuple):
    """Features of n images.

    Attributes:
        previous: (n, v), of a CLIP one stage before the end: the class token before the last block, or the activations
            before layer4, averaged over positions; None for other networks.
        feat: (n, w) before the projection; the pooled features of a network that has none.
        proj: (n, d) after the projection; None for a network that has none.
    """

    previous: torch.Tensor | None
    feat: torch.Tensor
    proj: torch.Tensor | None

    def in_float32(self) -> TowerFeatures:
        """Return the features in float32, in whatever precision they were computed."""
        return self.mapped(lambda features: features.float())

    def mapped(self, change: Callable[[torch.Tensor], torch.Tensor]) -> TowerFeatures:
        """Return what ``change`` makes of the features that there are."""
        previous, feat, proj = self
        return TowerFeatures(
            None if previous is None else change(previous), change(feat), None if proj is None else change(proj)
        )


class Widths(NamedTuple):
    """Numbers of dimensions of :class:`TowerFeatures`; 0 where there is no such feature."""

    previous: int
    feat: int
    proj: int


@dataclass(frozen=True, slots=True)
class ImageTower:
    """The network of an encoder, its weights in float32.

    Attributes:
        spec: the encoder it was loaded from.
        network: the whole network under its library's parameter names, without a classifier; that of a CLIP has its
            text tower, too.
        clip: kind of the image tower of a CLIP (:func:`retrieval.encoders.clip_features.tower_kind`), or None.
        device: torch device.
        text: the text tower, or None.
        widths: numbers of dimensions of the features.
    """

    spec: EncoderSpec
    network: torch.nn.Module
    clip: str | None
    device: str
    text: TextTower | None
    widths: Widths

    @property
    def visual(self) -> torch.nn.Module:
        """The network of images alone."""
        return self.network if self.clip is None else self.network.get_submodule("visual")

    @property
    def prefix(self) -> str:
        """What the names of the parameters of :attr:`visual` begin with in :attr:`network`."""
        return "" if self.clip is None else "visual."

    @property
    def side(self) -> tuple[int, int]:
        """Height and width of its images."""
        pixels = self.spec.preprocess
        if pixels is None:
            raise InputError(f"{self.spec.family}/{self.spec.model} has no preprocessing, so it takes no images.")
        return pixels.crop

    def features(self, images: torch.Tensor) -> TowerFeatures:
        """Return the features of normalised images (n, 3, height, width) on the tower's device."""
        if self.clip in (None, "plain"):
            return TowerFeatures(None, first(self.visual(images)), None)
        if self.clip == "timm":
            return TowerFeatures(None, *reid_features(self.visual, images))
        with self._last_stage_input() as kept:
            feat, proj = reid_features(self.visual, images)
        return TowerFeatures(self._pooled(kept[0]), feat, proj)

    def vectors(self, features: TowerFeatures) -> torch.Tensor:
        """Return what the encoder that is exported gives for these features, before it is L2-normalised."""
        import torch

        if features.proj is None:
            return features.feat
        return torch.cat([features.feat, features.proj], 1) if self.spec.family == "clipreid" else features.proj

    @contextmanager
    def _last_stage_input(self) -> Iterator[list[torch.Tensor]]:
        """Keep what the last block, or layer4, gets in the forward passes of the block."""
        kept: list[torch.Tensor] = []
        name = "layer4" if self.clip == "resnet" else "transformer.resblocks"
        last: Any = self.visual.get_submodule(name)
        stage: torch.nn.Module = last if self.clip == "resnet" else last[-1]
        handle = stage.register_forward_pre_hook(lambda _, given: kept.append(given[0]))
        try:
            yield kept
        finally:
            handle.remove()

    def _pooled(self, activations: torch.Tensor) -> torch.Tensor:
        if self.clip == "resnet":
            return activations.mean(dim=(2, 3))
        transformer: Any = self.visual.get_submodule("transformer")
        return activations[:, 0] if getattr(transformer, "batch_first", False) else activations[0]


def load_tower(space: SpaceInfo, device: str, takes: str = "open_clip, timm or torchvision") -> ImageTower:
    """Load the network of a space's encoder, in evaluation mode.

    Args:
        space: the space.
        device: torch device, from :func:`retrieval.encoders.precision.choose_device`.
        takes: the families that the job trains, as the message names them.

    Raises:
        InputError: the space was imported, or its encoder is of a kind that is not trained.
        WeightsError: the weights have changed.
        MissingFileError: the file of weights does not exist.
    """
    if space.imported:
        raise InputError(
            f"Space {space.name} was imported: it has vectors but no network to train; index the images with an "
            "encoder, and name its space with `space`."
        )
    if space.spec.family not in TRAINABLE:
        raise InputError(
            f"The encoder of space {space.name}, {space.spec.family}/{space.spec.model}, cannot be trained; name a "
            f"space of an encoder of {takes} with `space`."
        )
    return tower_of(space.spec, device)


def tower_of(spec: EncoderSpec, device: str) -> ImageTower:
    """Load the network of a spec of one of the families :data:`TRAINABLE`, in evaluation mode."""
    encoder: Any = load(replace(spec, precision="fp32"), device)
    network: torch.nn.Module = encoder.network
    clip = tower_kind(network.get_submodule("visual")) if spec.family in ("open_clip", "clipreid") else None
    text = find_text_tower(spec, network) if spec.family == "open_clip" else None
    tower = ImageTower(replace(spec, precision="fp32"), network, clip, device, text, Widths(0, 0, 0))
    return replace(tower, widths=_widths(tower))


def _widths(tower: ImageTower) -> Widths:
    """Find the numbers of dimensions by one black image."""
    import torch

    with torch.no_grad():
        features = tower.features(torch.zeros(1, 3, *tower.side, device=tower.device))
    return Widths(*(0 if feature is None else feature.shape[1] for feature in features))


def require_text(tower: ImageTower, job: str) -> TextTower:
    """Return the text tower that a job needs.

    Raises:
        InputError: there is none.
    """
    if tower.text is None:
        raise InputError(
            f"{job} needs an encoder with a text tower, and {tower.spec.family}/{tower.spec.model} has none that takes "
            "learned words; name a space of an open_clip encoder with `space`, such as open_clip/ViT-B-16."
        )
    return tower.text
