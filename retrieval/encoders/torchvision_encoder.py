"""Classifiers of torchvision: the vector is the input of the last linear layer, which becomes the encoder's head.

GoogLeNet and Inception v3 renormalise their input (``transform_input``), as their published weights require, and are
built without auxiliary classifiers.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from retrieval.encoders.artefact import weight_file
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

    contrastive = False

    def claims(self, path: Path) -> bool:  # noqa: ARG002 - the interface has it
        """Return False, because a file of weights does not identify its model."""
        return False

    def check(self, model: str) -> tuple[str, str | None]:
        """See :class:`retrieval.encoders.family.Family`."""
        models = _models()
        names: list[str] = models.list_models(module=models)
        if model not in names:
            raise unknown("torchvision classification model", model, names)
        return model, None

    def tags(self, model: str) -> Sequence[str]:
        """Return ``DEFAULT`` and the names of the model's weights."""
        return ["DEFAULT", *(published.name for published in _models().get_model_weights(model))]

    def find(self, model: str, source: str) -> Artefact:
        """See :class:`retrieval.encoders.family.Family`."""
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
        return Description("torchvision", model, source, pixels)

    def build(self, spec: EncoderSpec, device: str, artefact: Artefact | None) -> TorchEncoder:
        """See :class:`retrieval.encoders.family.Family`."""
        import torch

        classifier = _classifier(spec.model)
        notes: list[str] = []
        if artefact is None:
            with seeded(int(spec.weights.removeprefix("random:"))):
                model, trained = _create(spec.model), False
        else:
            weights = read_weights(artefact.weights, artefact.inside)
            with seeded():
                model, trained = _filled(spec, weights, classifier)
            notes = weights.notes
        head = classifier.cut_off(model, trained=trained)
        model = model.eval().to(device, torch_dtype(spec.precision)).to(memory_format=torch.channels_last)
        return TorchEncoder(spec, device, model, head, notes)


def _published(model: str, source: str) -> Any:
    return _models().get_model_weights(model)[source.removeprefix("tag:")]


def _classifier(model: str) -> Classifier:
    """Return the last linear layer of a model.

    Raises:
        InputError: the model (SqueezeNet) has no linear layer.
    """
    import torch

    if model.startswith("regnet"):
        # RegNet computes its widths with tensors, which is not possible on the meta device.
        return Classifier(("fc",))
    with torch.device("meta"):
        empty = _models().get_model(model, weights=None, **OPTIONS.get(model, {}))
    names = [name for name, layer in empty.named_modules() if isinstance(layer, torch.nn.Linear)]
    if not names:
        raise InputError(f"torchvision/{model} has no linear classifier and so no penultimate vector; choose another.")
    return Classifier((names[-1],))


def _create(model: str, classes: int | None = None) -> Any:
    options = OPTIONS.get(model, {}) | ({} if classes is None else {"num_classes": classes})
    return _models().get_model(model, weights=None, **options)


def _filled(spec: EncoderSpec, weights: Weights, classifier: Classifier) -> tuple[Any, bool]:
    """Build a model with the weights of a file; its classifier has as many classes as that of the file.

    Returns:
        The model, and whether the file has a classifier.
    """
    model = _create(spec.model)
    tensors = classifier.unwrapped(_renamed_tensors(spec, weights, model.state_dict()))
    classes = classifier.classes_in(tensors)
    if classes not in {None, classifier.classes_in(model.state_dict())}:
        model = _create(spec.model, classes)
    state = model.state_dict()
    expected = {key: value for key, value in state.items() if classes is not None or not classifier.owns(key)}
    tensors = check_fit(tensors, expected, weights, f"torchvision/{spec.model}")
    # The state dict of the model contains layer versions that MNASNet requires.
    state.update(tensors)
    model.load_state_dict(state)
    return model, classes is not None


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
