"""Classifiers of torchvision: the vector is the input of the last linear layer, which becomes the encoder's head.

GoogLeNet and Inception v3 renormalise their input (``transform_input``), as their published weights require, and are
built without auxiliary classifiers.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

from retrieval.encoders.artefact import open_local, weight_file
from retrieval.encoders.family import Description
from retrieval.encoders.hub import HUB, hub_file, torch_file
from retrieval.encoders.networks import select_network
from retrieval.encoders.precision import torch_dtype
from retrieval.encoders.torch_encoder import Classifier, TorchEncoder, seeded
from retrieval.encoders.torchvision_ops import repair_torchvision
from retrieval.encoders.weights import check_fit, read_weights
from retrieval.errors import InputError, unknown
from retrieval.types import Preprocess

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import torch

    from retrieval.encoders.artefact import Artefact
    from retrieval.encoders.weights import Weights
    from retrieval.types import EncoderSpec

FILES = ("model.safetensors", "pytorch_model.bin")
OPTIONS = {
    name: {"transform_input": True, "aux_logits": False, "init_weights": False}
    for name in ("googlenet", "inception_v3")
}
_AUXILIARY = ("aux1.", "aux2.", "AuxLogits.")
_OLD_DENSENET = re.compile(r"(denselayer\d+\.(?:norm|conv))\.(\d)\.")


def _models() -> Any:
    repair_torchvision()
    import torchvision

    return torchvision.models


class TorchvisionFamily:
    """Family ``torchvision``."""

    def is_contrastive(self, model: str) -> bool:  # noqa: ARG002 - the interface has it
        """Return False: no model has a text tower."""
        return False

    def claims(self, path: Path) -> bool:  # noqa: ARG002 - the interface has it
        """Return False, because a file of weights does not identify its model."""
        return False

    def models(self) -> Sequence[str]:
        """Return the names of torchvision's classification models."""
        models = _models()
        names: list[str] = models.list_models(module=models)
        return names

    def check(self, model: str) -> tuple[str, str | None]:
        """See :class:`retrieval.encoders.family.Family`."""
        if model not in (names := self.models()):
            raise unknown("torchvision classification model", model, names)
        return model, None

    def tags(self, model: str) -> Sequence[str]:
        """Return ``DEFAULT`` and the names of the model's weights."""
        return ["DEFAULT", *(published.name for published in _models().get_model_weights(model))]

    def find(self, model: str, source: str) -> Artefact:
        """See :class:`retrieval.encoders.family.Family`."""
        if (local := open_local(source)) is not None:
            return local
        if source.startswith(HUB):
            return weight_file(hub_file(source.removeprefix(HUB), FILES))
        return weight_file(torch_file(_published(model, source).url))

    def describe(self, model: str, source: str) -> Description:
        """Return the preset of the weights, for a file that of the default weights; ``DEFAULT`` is resolved."""
        published = _published(model, source if source.startswith("tag:") else "tag:DEFAULT")
        if source.startswith("tag:"):
            source = f"tag:{published.name}"
        preset = published.transforms()
        pixels = Preprocess(
            resize=preset.resize_size[0],
            crop=(preset.crop_size[0], preset.crop_size[0]),
            mean=tuple(preset.mean),
            std=tuple(preset.std),
            interpolation=preset.interpolation.value,
        )
        licence = published.meta.get("license") if source.startswith("tag:") else None
        return Description("torchvision", model, source, pixels, licence=licence)

    def build(self, spec: EncoderSpec, device: str, artefact: Artefact | None) -> TorchEncoder:
        """See :class:`retrieval.encoders.family.Family`."""
        import torch

        weights = None if artefact is None else read_weights(artefact.weights, artefact.inside)
        with seeded(0 if weights is not None else int(spec.weights.removeprefix("random:"))):
            model = _models().get_model(spec.model, weights=None, **OPTIONS.get(spec.model, {}))
        classifier = _classifier(spec.model, model)
        trained = weights is not None and _fill(model, spec, weights, classifier)
        head = classifier.cut_off(model, trained=trained)
        model = model.eval().to(device, torch_dtype(spec.precision)).to(memory_format=torch.channels_last)
        return TorchEncoder(spec, device, model, head, () if weights is None else weights.notes)


def _published(model: str, source: str) -> Any:
    return _models().get_model_weights(model)[source.removeprefix("tag:")]


def _classifier(name: str, model: torch.nn.Module) -> Classifier:
    """Return the last linear layer of a model.

    Raises:
        InputError: the model (SqueezeNet) has no linear layer.
    """
    import torch

    names = [layer_name for layer_name, layer in model.named_modules() if isinstance(layer, torch.nn.Linear)]
    if not names:
        raise InputError(f"torchvision/{name} has no linear classifier and so no penultimate vector; choose another.")
    return Classifier((names[-1],))


def _fill(model: torch.nn.Module, spec: EncoderSpec, weights: Weights, classifier: Classifier) -> bool:
    """Load the weights of a file into a model; its classifier gets as many classes as that of the file.

    Returns:
        Whether the file has a classifier.
    """
    tensors = classifier.unwrapped(_renamed_tensors(spec, weights, model.state_dict()))
    classes = classifier.classes_in(tensors)
    if classes not in {None, classifier.classes_in(model.state_dict())}:
        _resize(model, classifier.names[0], classes)
    state = model.state_dict()
    expected = {key: value for key, value in state.items() if classes is not None or not classifier.owns(key)}
    tensors = check_fit(tensors, expected, weights, f"torchvision/{spec.model}")
    # The state dict of the model contains layer versions that MNASNet requires.
    state.update(tensors)
    model.load_state_dict(state)
    return classes is not None


def _resize(model: torch.nn.Module, name: str, classes: int) -> None:
    """Give a linear layer another number of outputs, with weights that are not set."""
    import torch

    layer = cast("torch.nn.Linear", model.get_submodule(name))
    resized = torch.nn.Linear(layer.in_features, classes, layer.bias is not None, device="meta")
    model.set_submodule(name, resized.to_empty(device="cpu"))


def _renamed_tensors(
    spec: EncoderSpec, weights: Weights, expected: Mapping[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """Return the tensors of a file under the keys of the model."""
    renamed = {_OLD_DENSENET.sub(r"\1\2.", key): value for key, value in weights.tensors.items()}
    tensors = select_network(weights, expected, renamed)
    if spec.model in OPTIONS:
        tensors = {key: value for key, value in tensors.items() if not key.startswith(_AUXILIARY)}
    return tensors


FAMILY = TorchvisionFamily()
