"""CLIP, SigLIP and DINOv2 as transformers saves them: ``hf/FOLDER`` or ``hf/ORGANISATION/REPOSITORY[@REVISION]``.

The models are open_clip's and timm's (:mod:`retrieval.encoders.hf_model`), the tensors are renamed for them
(:mod:`retrieval.encoders.hf_keys`), and the package transformers is not needed. The vector of an image is what
transformers gives: the projected vector of CLIP, the pooled one of SigLIP, the normalised class token of DINOv2. The
architecture and the weights identify the encoder, so a folder may move, or be named differently.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from retrieval.encoders.artefact import FOLDER
from retrieval.encoders.family import Description
from retrieval.encoders.hf_config import CONFIG, KINDS, Architecture
from retrieval.encoders.hf_folder import ModelFiles
from retrieval.encoders.hf_keys import rename, resize_positions
from retrieval.encoders.hf_model import build_towers, in_precision
from retrieval.encoders.hf_pixels import FILES as PIXEL_FILES
from retrieval.encoders.hf_pixels import read_pixels, usual_pixels
from retrieval.encoders.hf_text import tokenizer
from retrieval.encoders.hub import HUB, REPOSITORY
from retrieval.encoders.torch_encoder import TorchEncoder, seeded
from retrieval.encoders.two_towers import TwoTowerEncoder
from retrieval.encoders.weights import check_fit
from retrieval.errors import InputError, MissingFileError, VitrineError, WeightsError
from retrieval.text_files import read_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from retrieval.encoders.artefact import Artefact
    from retrieval.encoders.weights import Weights
    from retrieval.types import EncoderSpec

ACTIVATIONS = {"quick_gelu": "QuickGELU", "gelu": "GELU", "gelu_tanh": "GELU by tanh"}


class HfFamily:
    """Family ``hf``; see :class:`retrieval.encoders.family.Family` for what the methods return and raise."""

    def is_contrastive(self, model: str) -> bool:
        """Return whether a model is CLIP or SigLIP with its text tower."""
        return model.startswith(("clip-", "siglip-")) and not model.endswith("-image")

    def claims(self, path: Path) -> bool:
        """Return whether a folder has the configuration of a model that this family builds."""
        config = path / CONFIG
        if not config.is_file():
            return False
        try:
            content = read_json(config, "the configuration of a model")
        except VitrineError:
            return False
        return isinstance(content, dict) and content.get("model_type") in KINDS

    def models(self) -> Sequence[str]:
        """Return no names, because every folder is a model of its own."""
        return ()

    def check(self, model: str) -> tuple[str, str | None]:
        """Return the folder or repository, and the location of the weights in it."""
        path = Path(model).expanduser()
        if path.is_dir():
            return model, f"{FOLDER}{path.resolve()}"
        if path.is_file():
            raise InputError(f"hf/{model} is a file; name its folder, with a {CONFIG}: `encoder=hf/{path.parent}`.")
        repository = model.removeprefix(HUB)
        if REPOSITORY.fullmatch(repository) is None:
            raise MissingFileError(f"hf/{model}: no such folder, and not of the form hf/ORGANISATION/REPOSITORY.")
        return model, f"{HUB}{repository}"

    def tags(self, model: str) -> Sequence[str]:  # noqa: ARG002 - the interface has it
        """Return no tags, because a folder has only one set of weights."""
        return ()

    def find(self, model: str, source: str) -> Artefact:
        """Return the weights; their digest covers the architecture."""
        return _files(model, source).artefact()

    def describe(self, model: str, source: str) -> Description:
        """Read the configurations of the model and of its preprocessing."""
        files = _files(model, source)
        architecture = files.architecture()
        path = files.file(*PIXEL_FILES)
        pixels = usual_pixels(architecture.kind, architecture.vision.size) if path is None else read_pixels(path)
        return Description("hf", architecture.name, source, pixels)

    def build(self, spec: EncoderSpec, device: str, artefact: Artefact | None) -> TorchEncoder:
        """Build the towers and fill them."""
        del artefact  # its digest was checked; the files are read by their index
        files = _files(spec.model, spec.weights)
        architecture, weights = files.architecture(), files.read()
        _check_sizes(architecture, spec, weights)
        tensors = rename(weights.tensors, architecture.kind)
        scale = tensors.pop("logit_scale", None)
        tensors.pop("logit_bias", None)
        notes = [*_activation_note(files, architecture), *_fill_note(files, architecture, spec, tensors, weights)]
        towers = _towers(architecture, spec, tensors, weights)
        return _encoder(spec, device, towers, scale, [*notes, *weights.notes])


def _files(model: str, source: str) -> ModelFiles:
    if not source.startswith((FOLDER, HUB)):
        raise InputError(f"hf/{model} has its own weights; leave out `weights` and `random_init`.")
    return ModelFiles(source)


def _activation_note(files: ModelFiles, architecture: Architecture) -> list[str]:
    """Return which activation is used and who says so, for CLIP, whose models differ in it."""
    if architecture.kind != "clip":
        return []
    name = ACTIVATIONS[architecture.vision.activation]
    return [f"{files.spoken}: the activation is {name}, as hidden_act in {CONFIG} says."]


def _fill_note(
    files: ModelFiles, architecture: Architecture, spec: EncoderSpec, tensors: dict[str, torch.Tensor], weights: Weights
) -> list[str]:
    """Fit the tensors to the size of the images and to the towers, and return what the user should know of it."""
    vision, notes = architecture.vision, []
    if files.file(*PIXEL_FILES) is None:
        notes.append(f"{files.spoken} has no {PIXEL_FILES[0]}; that of most {architecture.kind} models is assumed.")
    height, width = _crop(spec)
    grid = (height // vision.patch, width // vision.patch)
    if (side := resize_positions(tensors, grid, antialias=vision.registers > 0)) is not None:
        notes.append(
            f"{files.spoken}: positions of {side} x {side} patches are interpolated to {grid[0]} x {grid[1]}, "
            f"because images are {height}x{width} instead of {vision.size}x{vision.size}."
        )
    if architecture.text is None and (texts := [key for key in tensors if key.startswith("text")]):
        for key in texts:
            del tensors[key]
        notes.append(f"{weights.path.name}: its text tower is not in {CONFIG} and is left out.")
    return notes


def _crop(spec: EncoderSpec) -> tuple[int, int]:
    if spec.preprocess is None:
        raise InputError(f"hf/{spec.model} is a space without preprocessing: it cannot encode images.")
    return spec.preprocess.crop


def _towers(
    architecture: Architecture, spec: EncoderSpec, tensors: dict[str, torch.Tensor], weights: Weights
) -> torch.nn.ModuleDict:
    """Build the towers with the tensors.

    Raises:
        WeightsError: the tensors do not fit.
    """
    with seeded():
        towers = build_towers(architecture, _crop(spec), spec.precision)
    fitting = check_fit(tensors, towers.state_dict(), weights, f"hf/{spec.model}")
    towers.load_state_dict(fitting)
    return in_precision(towers, spec.precision)


def _check_sizes(architecture: Architecture, spec: EncoderSpec, weights: Weights) -> None:
    """Check the size of the images and of the model, before anything of that size is made.

    Raises:
        InputError: the images are no multiple of the patches.
        WeightsError: the configuration describes a far larger model than the weights are of.
    """
    crop, patch = _crop(spec), architecture.vision.patch
    if any(side % patch for side in crop):
        raise InputError(
            f"hf/{spec.model} divides images into patches of {patch} pixels; give a multiple of {patch} as "
            "`preprocess=img_size=SIDE`."
        )
    if _numbers(architecture, crop) > 2 * sum(tensor.numel() for tensor in weights.tensors.values()) + (1 << 20):
        raise WeightsError(f"{weights.path} holds far less than the model that {CONFIG} describes; fetch both again.")


def _numbers(architecture: Architecture, crop: tuple[int, int]) -> int:
    """Return at least how many numbers the towers hold, so that no wrong configuration fills the memory."""
    towers = [tower for tower in (architecture.vision, architecture.text) if tower is not None]
    layers = sum(tower.layers * tower.width * (4 * tower.width + 2 * tower.hidden) for tower in towers)
    vision, text = architecture.vision, architecture.text
    positions = (crop[0] // vision.patch) * (crop[1] // vision.patch) * vision.width
    texts = (text.vocabulary + text.context) * text.width + text.context**2 if text else 0  # with the causal mask
    return layers + positions + texts


def _encoder(
    spec: EncoderSpec, device: str, towers: torch.nn.ModuleDict, scale: torch.Tensor | None, notes: Sequence[str]
) -> TorchEncoder:
    import torch

    placed: Any = towers.to(device)
    placed = placed.to(memory_format=torch.channels_last)
    if not FAMILY.is_contrastive(spec.model):
        return TorchEncoder(spec, device, placed["visual"], None, notes)
    factor = 1.0 if scale is None else float(scale.float().exp())
    return TwoTowerEncoder(spec, device, placed["visual"], placed["text"], lambda: tokenizer(spec), factor, notes)


FAMILY = HfFamily()
