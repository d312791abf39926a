"""Image encoders trained by CLIP-ReID (Li et al. 2023), which the training job ``reid`` leaves in folders.

The vector of an image is the feature before the projection of CLIP and the one after it, side by side, then
L2-normalised. So it has more dimensions than the vectors of the text tower, which is not part of such a folder: texts
cannot be compared with these images. ``clipreid/FOLDER`` and the folder alone name the same encoder.

``open_clip_config.json``   the architecture of the image tower, as open_clip describes it
weights                     those of the image tower, ``visual.*``
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from retrieval.encoders.artefact import FOLDER
from retrieval.encoders.clip_features import reid_features, tower_kind
from retrieval.encoders.config_faults import exceeds_weights
from retrieval.encoders.family import Description
from retrieval.encoders.folder_family import FolderFamily
from retrieval.encoders.open_clip_encoder import quiet_open_clip, read_model_config
from retrieval.encoders.precision import torch_dtype
from retrieval.encoders.repository_configs import OPEN_CLIP_CONFIG as CONFIG
from retrieval.encoders.torch_encoder import TorchEncoder, seeded
from retrieval.encoders.weights import check_fit, read_weights
from retrieval.errors import InputError, MissingFileError, WeightsError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import torch

    from retrieval.encoders.artefact import Artefact
    from retrieval.types import EncoderSpec

FAMILY_NAME = "clipreid"
SMALL_TEXT = {"context_length": 2, "vocab_size": 2, "width": 2, "heads": 1, "layers": 1}
"""The text tower in the configuration of such a folder: open_clip asks for one, and it is not kept."""


class ClipReidFamily(FolderFamily):
    """Family ``clipreid``; see :class:`retrieval.encoders.family.Family` for what the methods return and raise."""

    def is_contrastive(self, model: str) -> bool:  # noqa: ARG002 - the interface has it
        """Return False: the text tower, whose vectors have another dimension, is no part of it."""
        return False

    def describe(self, model: str, source: str) -> Description:
        """Describe the encoder by its card."""
        artefact = self.find(model, source)
        card, pixels = artefact.card, artefact.preprocess
        if card is None or pixels is None or card.family != FAMILY_NAME:
            family = "another family" if card is None else f"the family {card.family}"
            raise InputError(f"{model} is an encoder of {family}; leave the family out: `encoder={model}`.")
        return Description(FAMILY_NAME, card.model, f"{FOLDER}{artefact.path}", pixels)

    def build(self, spec: EncoderSpec, device: str, artefact: Artefact | None) -> ClipReidEncoder:
        """Build the image tower and fill it."""
        if artefact is None:
            raise InputError(f"clipreid/{spec.model} has its weights in a folder, not random ones.")
        path = artefact.part(CONFIG)
        if path is None:
            raise MissingFileError(f"{artefact.path} is not complete: {CONFIG} is missing; copy the folder again.")
        config = read_model_config(path)["model_cfg"]
        if exceeds_weights(config, artefact.weights.stat().st_size):
            raise WeightsError(f"{path} describes a model far larger than {artefact.weights}; copy both again.")
        network = _image_tower(config, spec, path)
        weights = read_weights(artefact.weights)
        state = network.state_dict()
        network.load_state_dict(state | check_fit(weights.tensors, state, weights, f"clipreid/{spec.model}"))
        return ClipReidEncoder(spec, device, network, weights.notes)


class ClipReidEncoder(TorchEncoder):
    """Encodes images to both features of an image tower side by side."""

    def __init__(self, spec: EncoderSpec, device: str, network: torch.nn.Module, notes: Sequence[str] = ()) -> None:
        """``network`` has the image tower as its submodule ``visual``."""
        import torch

        placed: Any = network.eval().to(device, torch_dtype(spec.precision))
        self._network: torch.nn.Module = placed.to(memory_format=torch.channels_last)
        visual = self._network.get_submodule("visual")
        super().__init__(spec, device, lambda images: torch.cat(reid_features(visual, images), dim=1), None, notes)

    @property
    def network(self) -> torch.nn.Module:
        """The image tower as the submodule ``visual``, in evaluation mode."""
        return self._network


def _image_tower(config: Mapping[str, Any], spec: EncoderSpec, path: Path) -> torch.nn.Module:
    """Build the image tower of a configuration with random weights, as the submodule ``visual``."""
    import torch

    quiet_open_clip()
    from open_clip.model import CLIP

    pixels = spec.preprocess
    side = None if pixels is None else pixels.crop[0] if pixels.crop[0] == pixels.crop[1] else pixels.crop
    vision = {**config["vision_cfg"], "image_size": side, "timm_model_pretrained": False}
    try:
        with seeded():
            model = CLIP(config["embed_dim"], vision, SMALL_TEXT, quick_gelu=bool(config.get("quick_gelu", False)))
    except (RuntimeError, TypeError, ValueError, AssertionError, KeyError, ArithmeticError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise WeightsError(f"{path} describes no image tower that can be built ({reason}); copy it again.") from error
    if tower_kind(model.visual) == "plain":
        raise WeightsError(f"{path} describes an image tower without a projection; copy the folder again.")
    return torch.nn.ModuleDict({"visual": model.visual})


FAMILY = ClipReidFamily(FAMILY_NAME)
