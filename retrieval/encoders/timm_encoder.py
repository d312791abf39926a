"""Encoder family ``timm``: the vector is the input of the classifier layer, which becomes the encoder's head.

``retrieval/encoders/registry.py`` loads :data:`FAMILY` for names such as ``timm/resnet50.a1_in1k``. Its methods are
those of :class:`retrieval.encoders.family.Family`. There, ``source`` and ``spec.weights`` say where the weights come
from: ``tag:T`` (published by timm), ``file:PATH``, ``hf-hub:REPOSITORY`` or ``random:SEED``.
"""

from __future__ import annotations

import math
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from retrieval.encoders.artefact import FOLDER, open_local, weight_file, weights_in
from retrieval.encoders.family import Description
from retrieval.encoders.hub import HUB, hub_file, torch_file
from retrieval.encoders.networks import note_positions, select_network
from retrieval.encoders.precision import torch_dtype
from retrieval.encoders.repository_configs import folder_family
from retrieval.encoders.timm_repositories import PIXELS, RESIZE_MODES, architecture, model_args, pretrained_config
from retrieval.encoders.torch_encoder import Classifier, TorchEncoder, seeded
from retrieval.encoders.torchvision_ops import repair_torchvision
from retrieval.encoders.weights import check_fit, read_weights
from retrieval.errors import InputError, UnknownNameError, WeightsError, unknown
from retrieval.types import Preprocess

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import torch

    from retrieval.encoders.artefact import Artefact
    from retrieval.encoders.weights import Weights
    from retrieval.types import EncoderSpec, Interpolation

FILES = ("model.safetensors", "pytorch_model.bin", "open_clip_model.safetensors", "open_clip_pytorch_model.bin")
"""Names of the weight file in a hub repository, in order of preference; some are of open_clip."""


def _timm() -> Any:
    repair_torchvision()
    import timm

    return timm


class TimmFamily:
    """The family ``timm``; see :class:`retrieval.encoders.family.Family` for what the methods return and raise."""

    def is_contrastive(self, model: str) -> bool:  # noqa: ARG002 - the interface has it
        """Return False: no model has a text tower."""
        return False

    def claims(self, path: Path) -> bool:
        """Return whether a path is a folder with timm's configuration; a file does not identify its model."""
        return folder_family(path) == "timm"

    def models(self) -> Sequence[str]:
        """Return the names of timm's models."""
        names: list[str] = _timm().list_models()
        return names

    def check(self, model: str) -> tuple[str, str | None]:
        """Split ``resnet50.a1_in1k`` into the name of the model and the tag of its weights (None without one).

        ``hf-hub:REPOSITORY`` and a folder are the model that their configuration names, with the weights beside it.
        """
        timm = _timm()
        if model.startswith(HUB):
            return architecture(model), model
        name, _, tag = model.partition(".")
        if not timm.is_model(name) and Path(model).expanduser().is_dir():
            source = f"{FOLDER}{Path(model).expanduser().resolve()}"
            return architecture(source), source
        if not timm.is_model(name):
            raise unknown("timm model", name, self.models())
        if tag and tag not in self.tags(name):
            raise unknown(f"weights tag of timm/{name}", tag, self.tags(name))
        return name, tag or None

    def tags(self, model: str) -> Sequence[str]:
        """Return the tags of weights published by timm, its default first."""
        names: list[str] = _timm().list_pretrained(f"{model}.*")
        default = _timm().get_pretrained_cfg(model).tag
        tags = sorted((name.partition(".")[2] for name in names), key=lambda tag: (tag != default, tag))
        return [tag for tag in tags if tag]

    def find(self, model: str, source: str) -> Artefact:
        """Return the files of a source, downloaded if need be."""
        if (local := open_local(source)) is not None:
            return local
        if source.startswith(HUB):
            return weight_file(hub_file(source.removeprefix(HUB), FILES))
        if source.startswith(FOLDER):
            return weight_file(weights_in(Path(source.removeprefix(FOLDER)), FILES))
        config = _config(model, source)
        if config.hf_hub_id:
            names = (config.hf_hub_filename,) if config.hf_hub_filename else FILES
            return weight_file(hub_file(config.hf_hub_id, names))
        if config.url:
            return weight_file(torch_file(config.url))
        raise UnknownNameError(f"timm publishes no weights for {model}.{source.removeprefix('tag:')}.")

    def describe(self, model: str, source: str) -> Description:
        """Describe the encoder; its preprocessing is timm's evaluation transform at the config's ``input_size``."""
        from timm.data import resolve_data_config

        published = _config(model, source)
        config, stated = published.to_dict(), pretrained_config(source)
        config |= {key: stated[key] for key in PIXELS if stated.get(key) is not None}
        licence = published.license if source.startswith("tag:") else stated.get("license")
        pixels = _preprocess(resolve_data_config({}, pretrained_cfg=config))
        return Description("timm", model, source, pixels, licence=licence if isinstance(licence, str) else None)

    def build(self, spec: EncoderSpec, device: str, artefact: Artefact | None) -> TorchEncoder:
        """Build the encoder with the weights of ``artefact``; without one, with random weights (``random:SEED``)."""
        import torch

        config = _config(spec.model, spec.weights)
        notes: list[str] = []
        names = (config.classifier,) if isinstance(config.classifier, str) else tuple(config.classifier or ())
        classifier = Classifier(names)
        if artefact is None:
            with seeded(int(spec.weights.removeprefix("random:"))):
                model, trained = _create(spec, config), False
        else:
            weights = read_weights(artefact.weights, artefact.inside)
            with seeded():  # a fixed seed; torch's global generator is left as it was
                model, trained = _with_weights(spec, config, weights, classifier)
            notes = weights.notes
        if not _has_all(model, classifier):
            classifier = Classifier(())  # no classifier layers
        head = classifier.cut_off(model, trained=trained)
        model = model.eval().to(device, torch_dtype(spec.precision)).to(memory_format=torch.channels_last)
        return TorchEncoder(spec, device, model, head, notes)


def _config(model: str, source: str) -> Any:
    """Return timm's ``pretrained_cfg`` of a model, for the tag of ``source`` or, without one, for its default tag."""
    tag = source.removeprefix("tag:") if source.startswith("tag:") else ""
    config = _timm().get_pretrained_cfg(f"{model}.{tag}" if tag else model)
    if config is None:
        raise UnknownNameError(f"timm has no preprocessing for {model}.{tag}; name another tag with `weights`.")
    return config


def _preprocess(data: Mapping[str, Any]) -> Preprocess:
    """Return timm's evaluation transform: resize to crop / crop_pct, then crop the centre."""
    _, height, width = data["input_size"]
    # bicubic stands in for timm's other names: box, hamming, random
    interpolation = data["interpolation"] if data["interpolation"] in ("nearest", "bilinear", "lanczos") else "bicubic"
    mode = RESIZE_MODES[data["crop_mode"]]
    return Preprocess(
        resize=math.floor(min(height, width) / data["crop_pct"]),
        crop=(height, width),
        mean=tuple(data["mean"]),
        std=tuple(data["std"]),
        interpolation=cast("Interpolation", interpolation),
        mode=mode,
        fill=round(255 * data["mean"][0]) if mode == "longest" else 0,
    )


def _has_all(model: torch.nn.Module, classifier: Classifier) -> bool:
    """Return whether a model has the classifier layers that timm lists for its architecture."""
    names = {name for name, _ in model.named_modules()}
    return names.issuperset(classifier.names)


def _create(spec: EncoderSpec, config: Any, classes: int | None = None) -> Any:
    """Build the model without weights, for the crop of ``spec`` and, if given, another number of classes."""
    tag = f".{spec.weights.removeprefix('tag:')}" if spec.weights.startswith("tag:") else ""
    options = model_args(spec.model, spec.weights) | ({} if classes is None else {"num_classes": classes})
    crop = spec.preprocess.crop if spec.preprocess else None
    if config.fixed_input_size and crop != tuple(config.input_size[1:]):
        options["img_size"] = crop
    try:
        return _timm().create_model(f"{spec.model}{tag}", pretrained=False, **options)
    except (RuntimeError, TypeError, ValueError, AssertionError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"timm/{spec.model} cannot be built ({reason}); leave crop out of `preprocess`, if it is set."
        ) from error


def _with_weights(spec: EncoderSpec, config: Any, weights: Weights, classifier: Classifier) -> tuple[Any, bool]:
    """Build a model with the weights of a file; its classifier has as many classes as that of the file.

    Keys that are named as in the original authors' code are renamed by timm's ``checkpoint_filter_fn``. A file without
    the classifier is accepted, since an encoder needs the features alone.

    Returns:
        The model, and whether the file has a classifier.
    """
    name = f"timm/{spec.model}"
    model = _create(spec, config, _likely_classes(weights, classifier))
    if not _has_all(model, classifier):
        classifier = Classifier(())  # no classifier layers
    tensors = classifier.unwrapped(select_network(weights, model.state_dict()))
    classes = classifier.classes_in(tensors)
    if classes not in {None, classifier.classes_in(model.state_dict())}:
        model = _create(spec, config, classes)
    state = model.state_dict()
    expected = {key: value for key, value in state.items() if classes is not None or not classifier.owns(key)}
    try:
        fitting = check_fit(tensors, expected, weights, name)
    except WeightsError:
        convert = getattr(sys.modules[_timm().model_entrypoint(spec.model).__module__], "checkpoint_filter_fn", None)
        converted = _converted(convert, tensors, model)
        if converted is None:
            raise
        note_positions(tensors, converted, weights)
        tensors = {key: value for key, value in converted.items() if classes is not None or not classifier.owns(key)}
        fitting = check_fit(tensors, expected, weights, name)
    state.update(fitting)
    model.load_state_dict(state)
    return model, classes is not None


def _likely_classes(weights: Weights, classifier: Classifier) -> int | None:
    """Return the number of classes of the only classifier in a file, so that the model is built once; else None.

    Prefixes of keys, which only the built model tells apart, are not looked at.
    """
    if not classifier.names:
        return None
    layer = re.compile(rf"(.*\.)?{re.escape(classifier.names[0])}(\.\d+)?\.weight")
    rows = {len(value) for key, value in weights.tensors.items() if value.ndim > 1 and layer.fullmatch(key)}
    return rows.pop() if len(rows) == 1 else None


def _converted(convert: Any, tensors: dict[str, torch.Tensor], model: Any) -> dict[str, torch.Tensor] | None:
    """Apply timm's converter of a model; None if it has none or the converter cannot read these tensors."""
    if convert is None:
        return None
    try:
        return dict(convert(dict(tensors), model))
    except Exception:  # noqa: BLE001  # converters may raise any error on files of other authors
        return None


FAMILY = TimmFamily()
