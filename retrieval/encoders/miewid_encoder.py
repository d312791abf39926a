"""MiewID, which tells individual animals apart: EfficientNetV2, generalised-mean pooling and batch normalisation.

``miewid/REPOSITORY``, ``miewid/FOLDER`` or ``miewid/FILE``, for example ``miewid/conservationxlabs/miewid-msv3``. The
repository comes with code of its own, which is not run: the module here has the same keys. Images are stretched to
440 x 440 and normalised as for ImageNet. The layer of the training loss (``final``) is set aside.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from retrieval.encoders.artefact import FOLDER, open_local, weight_file
from retrieval.encoders.family import Description
from retrieval.encoders.hub import HUB, REPOSITORY, hub_file
from retrieval.encoders.networks import select_network
from retrieval.encoders.precision import torch_dtype
from retrieval.encoders.preprocess import IMAGENET_MEAN, IMAGENET_STD
from retrieval.encoders.torch_encoder import TorchEncoder, seeded
from retrieval.encoders.torchvision_ops import repair_torchvision
from retrieval.encoders.weights import check_fit, read_weights
from retrieval.errors import InputError, MissingFileError, UnknownNameError, VitrineError, first_names, suggest
from retrieval.text_files import read_json
from retrieval.types import Preprocess

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from retrieval.encoders.artefact import Artefact
    from retrieval.encoders.weights import Weights
    from retrieval.types import EncoderSpec

BACKBONES = {
    "miewid-rw-m": "efficientnetv2_rw_m",
    "miewid-rw-s": "efficientnetv2_rw_s",
    "miewid-rw-t": "efficientnetv2_rw_t",
}
"""Names of models, and their backbones in timm; the published ones are of the first."""

FILES = ("model.safetensors", "pytorch_model.bin")
CONFIG = "config.json"
SIDE = 440
TRAINING = ("final.", "temperature")
"""Beginnings of keys that belong to the training: the layer of its loss, and a temperature that follows it."""


class MiewIdFamily:
    """Family ``miewid``; see :class:`retrieval.encoders.family.Family` for what the methods return and raise."""

    def is_contrastive(self, model: str) -> bool:  # noqa: ARG002 - the interface has it
        """Return False: no model has a text tower."""
        return False

    def claims(self, path: Path) -> bool:
        """Return whether a folder has the configuration of a MiewID."""
        return path.is_dir() and "miewid" in _declared(path / CONFIG).lower()

    def models(self) -> Sequence[str]:
        """Return the names of the models."""
        return tuple(BACKBONES)

    def check(self, model: str) -> tuple[str, str | None]:
        """Return the model, and the location of the weights that its name implies."""
        path = Path(model).expanduser()
        if model in BACKBONES:
            return model, None
        if path.exists():
            return model, f"{FOLDER if path.is_dir() else 'file:'}{path.resolve()}"
        repository = model.removeprefix(HUB)
        if REPOSITORY.fullmatch(repository) is None:
            raise MissingFileError(
                f"miewid/{model}: no such file or folder, and not of the form miewid/ORGANISATION/REPOSITORY."
                f"{suggest(model, BACKBONES)}"
            )
        return model, f"{HUB}{repository}"

    def tags(self, model: str) -> Sequence[str]:  # noqa: ARG002 - the interface has it
        """Return no tags; weights are in a repository, a folder or a file."""
        return ()

    def find(self, model: str, source: str) -> Artefact:
        """Return the file of weights."""
        if source.startswith(HUB):
            return weight_file(hub_file(source.removeprefix(HUB), FILES))
        if source.startswith(FOLDER):
            folder = Path(source.removeprefix(FOLDER))
            path = next((folder / name for name in FILES if (folder / name).is_file()), None)
            if path is None:
                raise MissingFileError(f"{folder} has no {' or '.join(FILES)}; name the file: `encoder=miewid/FILE`.")
            return weight_file(path)
        if (local := open_local(source)) is not None:
            return local
        raise UnknownNameError(f"miewid/{model} has no weights {source}.")

    def describe(self, model: str, source: str) -> Description:
        """Describe the encoder; its backbone is that of the configuration, if there is one."""
        name = model if model in BACKBONES else _model(source)
        pixels = Preprocess(SIDE, (SIDE, SIDE), IMAGENET_MEAN, IMAGENET_STD, "bilinear", "squash")
        return Description("miewid", name, source, pixels)

    def build(self, spec: EncoderSpec, device: str, artefact: Artefact | None) -> TorchEncoder:
        """Build the network with the weights of ``artefact``; without one, with random weights (``random:SEED``)."""
        import torch

        seed = 0 if artefact is not None else int(spec.weights.removeprefix("random:"))
        with seeded(seed):
            network = _network(BACKBONES[spec.model])
        notes: list[str] = []
        if artefact is not None:
            weights = read_weights(artefact.weights, artefact.inside)
            state = network.state_dict()
            state.update(check_fit(_without_training(weights, state), state, weights, f"miewid/{spec.model}"))
            network.load_state_dict(state)
            notes = weights.notes
        placed: Any = network.eval().to(device, torch_dtype(spec.precision))
        return TorchEncoder(spec, device, placed.to(memory_format=torch.channels_last), None, notes)


def _declared(path: Path) -> str:
    """Return the ``architectures`` and ``model_type`` of a configuration as text; empty without one."""
    try:
        content = read_json(path, "the configuration of a model") if path.is_file() else None
    except VitrineError:
        return ""
    values = (content.get("model_type"), content.get("architectures")) if isinstance(content, dict) else ()
    return " ".join(str(value) for value in values)


def _model(source: str) -> str:
    """Return the name of the model whose backbone the configuration beside the weights names; else the first.

    Raises:
        InputError: the backbone is another.
    """
    path = Path(source.removeprefix(FOLDER)) / CONFIG if source.startswith(FOLDER) else None
    if source.startswith(HUB):
        try:
            path = hub_file(source.removeprefix(HUB), [CONFIG])
        except UnknownNameError:
            path = None
    content = read_json(path, "the configuration of a model") if path is not None and path.is_file() else {}
    backbone = content.get("model_name") if isinstance(content, dict) else None
    if backbone is None:
        return next(iter(BACKBONES))
    name = next((name for name, value in BACKBONES.items() if value == backbone), None)
    if name is None:
        raise InputError(
            f"{path} names the backbone {backbone!r:.60}; MiewID has {first_names(BACKBONES.values())} here."
        )
    return name


def _without_training(weights: Weights, expected: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Select the network, and set aside what belongs to its training."""
    tensors = select_network(weights, expected)
    aside = sorted({key.split(".")[0] for key in tensors if key.startswith(TRAINING)})
    if aside:
        names = first_names(aside)
        weights.notes.append(f"{weights.path.name}: {names} belongs to the training, not to the encoder; set aside.")
    return {key: value for key, value in tensors.items() if not key.startswith(TRAINING)}


def _network(backbone: str) -> torch.nn.Module:
    """Build the network; its keys are those of the published files."""
    repair_torchvision()
    import timm
    import torch

    class GeneralisedMean(torch.nn.Module):
        """The mean of powers p of positive activations, to the power 1/p (Radenovic et al. 2018)."""

        def __init__(self) -> None:
            super().__init__()
            self.p = torch.nn.Parameter(torch.full((1,), 3.0))

        def forward(self, maps: torch.Tensor) -> torch.Tensor:
            """Map (batch, d, height, width) to (batch, d)."""
            return maps.clamp(min=1e-6).pow(self.p).mean(dim=(2, 3)).pow(1 / self.p)

    class MiewId(torch.nn.Module):
        """Backbone, pooling, batch normalisation."""

        def __init__(self) -> None:
            super().__init__()
            self.backbone = timm.create_model(backbone, num_classes=0, global_pool="")
            self.pooling = GeneralisedMean()
            self.bn = torch.nn.BatchNorm1d(self.backbone.num_features)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            """Map normalised images (batch, 3, height, width) to vectors (batch, d)."""
            vectors: torch.Tensor = self.bn(self.pooling(self.backbone(images)))
            return vectors

    return MiewId()


FAMILY = MiewIdFamily()
