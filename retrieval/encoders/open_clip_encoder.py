"""Contrastive image-text models of open_clip, with weights by tag, from hub repositories or from files.

In bf16 and fp16, weights of convolutions and linear layers are in half precision and layer norms in float32, as in
open_clip.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from contextlib import suppress
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from retrieval.encoders.artefact import FOLDER, open_folder, open_local, plain_folder, weight_file
from retrieval.encoders.clip_features import projection_features, tower_kind
from retrieval.encoders.clip_tokenizers import named_tokenizer
from retrieval.encoders.config_faults import exceeds_weights, open_clip_fault
from retrieval.encoders.family import Description
from retrieval.encoders.hub import HUB, WITH_FOLDER, hub_file
from retrieval.encoders.networks import note_positions, select_network
from retrieval.encoders.openai_clip import QUICK, activation_note, archive_model, is_archive, quick_reason
from retrieval.encoders.repository_configs import OPEN_CLIP_CONFIG as CONFIG
from retrieval.encoders.repository_configs import folder_family
from retrieval.encoders.shipped import NAMES, TAG, VOCABULARY, shipped, shipped_artefact
from retrieval.encoders.torch_encoder import seeded
from retrieval.encoders.torchvision_ops import repair_torchvision
from retrieval.encoders.two_towers import TwoTowerEncoder
from retrieval.encoders.weights import check_fit, read_weights
from retrieval.errors import InputError, MissingDependencyError, NetworkError, UnknownNameError, WeightsError, unknown
from retrieval.types import Preprocess

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import torch

    from retrieval.encoders.artefact import Artefact
    from retrieval.encoders.weights import Weights
    from retrieval.types import Embeddings, EncoderSpec, UInt8

FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
TOKENIZER_FILES = (
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.json", "merges.txt", "vocab.txt",
    "spiece.model", "sentencepiece.bpe.model",
)  # fmt: skip
"""Files in which transformers keeps a tokenizer."""

USUAL_CONTEXT = 77
"""Tokens that CLIP reads (Radford et al. 2021), two of which mark start and end."""
# Names in TorchScript archives of OpenAI that are not weights: scalars and the causal mask.
_NO_WEIGHTS = ("input_resolution", "context_length", "vocab_size", "attn_mask", "text.attn_mask")


def quiet_open_clip() -> Any:
    """Import open_clip, without its warning about models that are built before their weights are read."""
    repair_torchvision()
    import open_clip

    logging.getLogger().addFilter(_without_open_clip_chatter)
    return open_clip


def _without_open_clip_chatter(record: logging.LogRecord) -> bool:
    return record.module != "factory" or "open_clip" not in record.pathname


class OpenClipFamily:
    """Family ``open_clip``."""

    def is_contrastive(self, model: str) -> bool:  # noqa: ARG002 - the interface has it
        """Return True: every model has a text tower."""
        return True

    def claims(self, path: Path) -> bool:
        """Return whether a path is a folder with open_clip's configuration, or an archive of OpenAI."""
        return folder_family(path) == "open_clip" or is_archive(path)

    def models(self) -> Sequence[str]:
        """Return the names of open_clip's models, and of those that are shipped."""
        names: list[str] = quiet_open_clip().list_models()
        return [*NAMES, *names]

    def check(self, model: str) -> tuple[str, str | None]:
        """See :class:`retrieval.encoders.family.Family`; ``hf-hub:``, folders and shipped models imply weights."""
        if model.startswith(HUB):
            return model, model
        if shipped(model):
            return model, TAG
        path = Path(model).expanduser()
        if is_archive(path):
            return archive_model(path, _with_quickgelu()), f"file:{path.resolve()}"
        if self.claims(path):
            return _name_of_folder(path.resolve()), f"{FOLDER}{path.resolve()}"
        model = model.replace("/", "-")
        if model not in (names := self.models()):
            raise unknown("open_clip model", model, names)
        return model, None

    def tags(self, model: str) -> Sequence[str]:
        """Return the tags that open_clip lists for a model; weights with QuickGELU are listed under both its names."""
        if shipped(model):
            return [TAG]
        return cast("list[str]", quiet_open_clip().list_pretrained_tags_by_model(model))

    def find(self, model: str, source: str) -> Artefact:
        """See :class:`retrieval.encoders.family.Family`."""
        if (local := open_local(source)) is not None:
            return local
        if source.startswith(HUB):
            return weight_file(hub_file(source.removeprefix(HUB), FILES))
        artefact = _folder_artefact(model, source)
        if artefact is not None:
            return artefact
        config = _tag_config(model, source)
        organisation, repository, *name = config["hf_hub"].split("/")
        names = _alternatives(name[0]) if name and name[0] else FILES
        return weight_file(hub_file(f"{organisation}/{repository}", names))

    def describe(self, model: str, source: str) -> Description:
        """See :class:`retrieval.encoders.family.Family`; for weights with QuickGELU the model is that variant."""
        open_clip = quiet_open_clip()
        if (path := _config_file(model, source)) is not None:
            config = read_model_config(path)
            pixels = _preprocess(config["model_cfg"], config.get("preprocess_cfg", {}))
            return Description("open_clip", model, source, pixels)
        repository = None
        pretrained = _tag_config(model, source) if source.startswith("tag:") else _usual(model)
        if source.startswith("tag:"):
            repository = "/".join(pretrained["hf_hub"].split("/")[:2])
        pixels = _preprocess(open_clip.get_model_config(model), pretrained)
        if f"{model}{QUICK}" in open_clip.list_models() and quick_reason(source, pretrained) is not None:
            model += QUICK
        return Description("open_clip", model, source, pixels, repository=repository)

    def build(self, spec: EncoderSpec, device: str, artefact: Artefact | None) -> OpenClipEncoder:
        """See :class:`retrieval.encoders.family.Family`."""
        path = _config_file(spec.model, spec.weights)
        if artefact is not None and path is not None:
            stored = artefact.weights.stat().st_size
            if exceeds_weights(read_model_config(path)["model_cfg"], stored):
                raise WeightsError(f"{path} describes a model far larger than {artefact.weights}; fetch both again.")
        seed = 0 if artefact is not None else int(spec.weights.removeprefix("random:"))
        with seeded(seed):
            model = _create(spec)
        scale = model.logit_scale.detach().float()
        notes: list[str] = []
        if artefact is not None:
            weights = read_weights(artefact.weights, artefact.inside)
            tensors = _adapt(model, weights, spec)
            tensors = check_fit(tensors, model.state_dict(), weights, f"open_clip/{spec.model}")
            scale = tensors["logit_scale"].float()
            state = model.state_dict()
            state.update(tensors)
            model.load_state_dict(state)
            notes = [*_activation_notes(spec), *weights.notes]
        return OpenClipEncoder(spec, device, model.eval(), float(scale.exp()), notes)


def _activation_notes(spec: EncoderSpec) -> list[str]:
    """Return which activation was chosen where open_clip has a model with either; a folder's configuration says it."""
    if _config_file(spec.model, spec.weights) is not None:
        return []
    config = _tag_config(spec.model, spec.weights) if spec.weights.startswith("tag:") else {}
    reason = quick_reason(spec.weights, config) if spec.model.endswith(QUICK) else None
    note = activation_note(spec.model, spec.weights, reason, quiet_open_clip().list_models())
    return [] if note is None else [note]


def _with_quickgelu() -> dict[str, Mapping[str, Any]]:
    """Return the configurations of the models that open_clip has with QuickGELU, too, by their plain names."""
    open_clip = quiet_open_clip()
    names = set(open_clip.list_models())
    return {name: open_clip.get_model_config(name) for name in sorted(names) if f"{name}{QUICK}" in names}


class OpenClipEncoder(TwoTowerEncoder):
    """The image tower and the text tower of an open_clip model."""

    def __init__(
        self, spec: EncoderSpec, device: str, model: Any, logit_scale: float, notes: Sequence[str] = ()
    ) -> None:
        """``model`` is an open_clip model in evaluation mode, already in the spec's precision."""
        import torch

        self._model = model.to(device).to(memory_format=torch.channels_last)
        super().__init__(
            spec,
            device,
            lambda pixels: self._model.encode_image(pixels, normalize=False),
            lambda tokens: self._model.encode_text(tokens, normalize=False),
            lambda: tokenizer(spec),
            logit_scale,
            notes,
        )

    @property
    def network(self) -> torch.nn.Module:
        """Both towers and the factor of similarities, in evaluation mode."""
        model: torch.nn.Module = self._model
        return model

    @cached_property
    def unprojected_dimension(self) -> int:
        """Number of dimensions of the vectors before the projection; 0 if the image tower has none."""
        if tower_kind(self._model.visual) == "plain":
            return 0
        black = np.zeros((1, *self._pixels.crop, 3), np.uint8)
        return int(self._run(black, self._both).shape[1]) - self.dimension

    def unprojected_tower(self, pixels: torch.Tensor) -> torch.Tensor:
        """Map normalised images (batch, 3, height, width) to vectors before the projection, not normalised."""
        return projection_features(self._model.visual, pixels)[0]

    def encode_both(self, batch: UInt8) -> tuple[Embeddings, Embeddings]:
        """Encode pixels to the vectors of ``encode_images``, bit for bit, and to those before the projection.

        Raises:
            InputError: the image tower has no projection, or ``batch`` has another shape or type.
            WeightsError: a vector is zero or not finite.
        """
        width = self.unprojected_dimension
        raw = self._encoded(batch, self._both, width + self.dimension)
        return self.normalised(raw[:, width:], "image"), self.normalised(raw[:, :width], "image")

    def _both(self, pixels: torch.Tensor) -> torch.Tensor:
        import torch

        return torch.cat(projection_features(self._model.visual, pixels), 1)


def tokenizer(spec: EncoderSpec) -> Any:
    """Return open_clip's tokenizer of a text tower; the weights are not needed.

    Raises:
        MissingDependencyError: it needs a package that is not installed.
        NetworkError: it could not be downloaded.
    """
    model, name, options = spec.model, spec.model, {}
    artefact = _folder_artefact(model, spec.weights)
    if artefact is not None and artefact.part(CONFIG) is not None:
        name = f"local-dir:{artefact.path}"
        # Without this option, open_clip searches the current folder for the vocabulary in the configuration.
        options = {"bpe_path": str(path)} if (path := artefact.part(VOCABULARY)) else {}
    elif model.startswith(HUB) and "@" in model:
        name = f"local-dir:{_revision_folder(model)}"
    if ":" not in name:
        return _guarded(model, "tokenizer", lambda: named_tokenizer(name))
    return _guarded(model, "tokenizer", lambda: quiet_open_clip().get_tokenizer(name, **options))


def _revision_folder(model: str) -> Path:
    """Return the folder of a revision of a hub repository, with the files of its tokenizer if it has one of its own."""
    path = hub_file(model.removeprefix(HUB), [CONFIG])
    if read_model_config(path)["model_cfg"].get("text_cfg", {}).get("hf_tokenizer_name"):
        for name in TOKENIZER_FILES:
            with suppress(UnknownNameError):  # no tokenizer has all of them
                hub_file(model.removeprefix(HUB), [name])
    return path.parent


def context_length(spec: EncoderSpec) -> int:
    """Return how many tokens a text tower reads, from its configuration; open_clip itself is not imported.

    Raises:
        WeightsError: the configuration beside the weights is damaged.
        NetworkError: the configuration could not be downloaded.
    """
    path = _config_file(spec.model, spec.weights)
    if path is not None:
        config = read_model_config(path)["model_cfg"]
    else:
        package = find_spec("open_clip")
        folder = Path(str(package.origin)).parent if package is not None else Path()
        try:
            config = json.loads((folder / "model_configs" / f"{spec.model}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            config = {}
    length = config.get("text_cfg", {}).get("context_length", USUAL_CONTEXT)
    return length if isinstance(length, int) else USUAL_CONTEXT


def _guarded(model: str, what: str, make: Any) -> Any:
    """Call a function of open_clip that may need another package or the network, and convert its errors."""
    try:
        return make()
    except (ImportError, NameError) as error:
        raise _needs_transformers(model, what) from error
    except OSError as error:
        reason = str(error).strip().splitlines()[0]
        raise NetworkError(
            f"the {what} of open_clip/{model} is not in the local cache and could not be downloaded ({reason}); "
            "run once with a network, or choose a model with open_clip's own text tower."
        ) from error


def _needs_transformers(model: str, what: str) -> MissingDependencyError:
    return MissingDependencyError(
        f"the {what} of open_clip/{model} needs another package: pip install transformers sentencepiece."
    )


def _create(spec: EncoderSpec) -> Any:
    """Build the architecture with random weights, in the precision and image size of the spec."""
    open_clip = quiet_open_clip()
    config = _config(spec)
    if config is None:
        raise unknown("open_clip model", spec.model, open_clip.list_models())
    if config["text_cfg"].get("hf_model_name") and find_spec("transformers") is None:
        raise _needs_transformers(spec.model, "text tower")
    path = _config_file(spec.model, spec.weights)
    name = spec.model if path is None else f"local-dir:{path.parent}"
    size = _overridden_size(spec, config)
    options = {"load_weights": False, "pretrained_text": False, "precision": spec.precision, "force_image_size": size}
    try:
        return _guarded(spec.model, "text tower", lambda: open_clip.create_model(name, **options))
    except (RuntimeError, TypeError, ValueError, AssertionError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"open_clip/{spec.model} cannot be built ({reason}); leave crop out of `preprocess`."
        ) from error


def _overridden_size(spec: EncoderSpec, config: Mapping[str, Any]) -> int | tuple[int, int] | None:
    """Return the image size of the spec if it differs from that of the architecture, else None."""
    usual = _preprocess(config, {}).crop
    crop = spec.preprocess.crop if spec.preprocess else usual
    if crop == usual:
        return None
    return crop[0] if crop[0] == crop[1] else crop


def _adapt(model: Any, weights: Weights, spec: EncoderSpec) -> dict[str, torch.Tensor]:
    """Rename and reshape a state dict to that of the model, as open_clip's loader does."""
    from open_clip.convert import convert_state_dict
    from open_clip.model import convert_to_custom_text_state_dict, resize_pos_embed, resize_text_pos_embed

    expected = model.state_dict()
    tensors = select_network(weights, expected)
    tensors = {k: v for k, v in convert_state_dict(model, tensors).items() if k not in _NO_WEIGHTS}
    if "positional_embedding" in tensors and "positional_embedding" not in expected:
        tensors = convert_to_custom_text_state_dict(tensors)
    if "text.transformer.embeddings.position_ids" not in expected:
        tensors.pop("text.transformer.embeddings.position_ids", None)
    for name in ("logit_scale", "logit_bias"):
        if name in tensors and name in expected and tensors[name].numel() == expected[name].numel():
            tensors[name] = tensors[name].reshape(expected[name].shape)
    if "logit_bias" in expected and "logit_bias" not in tensors:
        tensors["logit_bias"] = expected["logit_bias"].new_zeros(expected["logit_bias"].shape)
    if spec.weights.startswith("tag:") or _overridden_size(spec, _config(spec)) is not None:
        trained = dict(tensors)
        try:
            resize_pos_embed(tensors, model)
            resize_text_pos_embed(tensors, model)
        except (AssertionError, RuntimeError) as error:
            raise WeightsError(f"{weights.path} does not fit open_clip/{spec.model}: {error}.") from error
        note_positions(trained, tensors, weights)
    return tensors


def _config(spec: EncoderSpec) -> Any:
    """Return open_clip's configuration of the architecture; None if open_clip does not have the model."""
    path = _config_file(spec.model, spec.weights)
    return quiet_open_clip().get_model_config(spec.model) if path is None else read_model_config(path)["model_cfg"]


def _name_of_folder(folder: Path) -> str:
    """Return the name of the model in a folder: that of its repository in the hub's cache, else the folder's name."""
    cache = folder.parent.parent.name  # models--ORGANISATION--REPOSITORY/snapshots/COMMIT
    return cache.removeprefix("models--").replace("--", "/") if cache.startswith("models--") else folder.name


def _folder_artefact(model: str, source: str) -> Artefact | None:
    """Return the artefact of a model in a folder (of a job, of its authors, shipped with Vitrine); None for others."""
    if source.startswith(FOLDER):
        folder = Path(source.removeprefix(FOLDER))
        if folder_family(folder) == "open_clip":
            return plain_folder(folder, FILES, (CONFIG, *TOKENIZER_FILES))
        return open_folder(folder)
    return shipped_artefact(model) if shipped(model) else None


def _config_file(model: str, source: str) -> Path | None:
    """Return the configuration beside the weights or in the hub's repository; None for architectures of open_clip."""
    artefact = _folder_artefact(model, source)
    if artefact is not None:
        return artefact.part(CONFIG)
    return hub_file(model.removeprefix(HUB), [CONFIG], WITH_FOLDER) if model.startswith(HUB) else None


def read_model_config(path: Path) -> dict[str, Any]:
    """Read ``open_clip_config.json``.

    Raises:
        WeightsError: the file does not describe an open_clip model.
    """
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        config = None
    if fault := open_clip_fault(config):
        raise WeightsError(
            f"{path} describes no open_clip model ({fault}); name the architecture: `encoder=open_clip/MODEL`."
        )
    return cast("dict[str, Any]", config)


def _tag_config(model: str, source: str) -> dict[str, Any]:
    open_clip = quiet_open_clip()
    config: dict[str, Any] = open_clip.get_pretrained_cfg(model, source.removeprefix("tag:"))
    return config


def _usual(model: str) -> dict[str, Any]:
    """Return the preprocessing of most published weights of a model; empty if it has none."""
    open_clip = quiet_open_clip()
    keys = ("mean", "std", "interpolation", "resize_mode")
    configs = [open_clip.get_pretrained_cfg(model, tag) for tag in open_clip.list_pretrained_tags_by_model(model)]
    counts = Counter(tuple(config.get(key) for key in keys) for config in configs)
    return dict(zip(keys, counts.most_common(1)[0][0], strict=True)) if counts else {}


def _preprocess(config: Mapping[str, Any], pretrained: Mapping[str, Any]) -> Preprocess:
    """Return open_clip's preprocessing: that of the weights, with defaults of open_clip for the rest."""
    from open_clip.constants import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD

    size = config["vision_cfg"].get("image_size", 224)
    height, width = size if isinstance(size, list | tuple) else (size, size)
    return Preprocess(
        resize=min(height, width),
        crop=(height, width),
        mean=tuple(pretrained.get("mean") or OPENAI_DATASET_MEAN),
        std=tuple(pretrained.get("std") or OPENAI_DATASET_STD),
        interpolation="bilinear" if pretrained.get("interpolation") == "bilinear" else "bicubic",
        mode=pretrained.get("resize_mode") or "shortest",
        fill=pretrained.get("fill_color") or 0,
    )


def _alternatives(name: str) -> tuple[str, ...]:
    """Return the names to try for a file of a repository: for a pickled file, first its safetensors version."""
    stem = name.rpartition(".")[0]
    return (f"{stem}.safetensors", name) if name.endswith((".bin", ".pth")) else (name,)


FAMILY = OpenClipFamily()
