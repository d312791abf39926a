"""The architecture that a transformers ``config.json`` describes, for the models that Vitrine builds itself.

Configurations leave out what equals the defaults of their class in transformers; those defaults are repeated here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from retrieval.encoders.config_faults import LARGEST_IMAGE
from retrieval.errors import InputError, WeightsError
from retrieval.text_files import read_json

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = "config.json"
Kind = Literal["clip", "siglip", "dinov2"]
Activation = Literal["quick_gelu", "gelu", "gelu_tanh"]

KINDS: dict[str, Kind] = {
    "clip": "clip", "clip_vision_model": "clip", "siglip": "siglip", "siglip_vision_model": "siglip",
    "dinov2": "dinov2", "dinov2_with_registers": "dinov2",
}  # fmt: skip
"""``model_type`` of configurations that are read, and the kind of architecture."""

ELSEWHERE = {
    "dinov3_vit": "DINOv3 is in timm: `encoder=timm/vit_small_patch16_dinov3` (see `vitrine encoders dinov3`)",
    "siglip2": "its images have no fixed size (NaFlex); use a SigLIP 2 of one size, such as "
    "`encoder=hf/google/siglip2-base-patch16-224`, or open_clip's: `encoder=open_clip/ViT-B-16-SigLIP2`",
    "vit": "use the same model in timm: `encoder=timm/vit_base_patch16_224`",
    "resnet": "use the same model in timm: `encoder=timm/resnet50`",
    "swin": "use the same model in timm: `encoder=timm/swin_base_patch4_window7_224`",
    "convnext": "use the same model in timm: `encoder=timm/convnext_base`",
}
"""Other values of ``model_type``, and where such a model is."""

ACTIVATIONS: dict[str, Activation] = {
    "quick_gelu": "quick_gelu", "gelu": "gelu", "gelu_pytorch_tanh": "gelu_tanh", "gelu_new": "gelu_tanh",
}  # fmt: skip
"""``hidden_act`` of configurations."""

_TOWER = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12}
_VISION: dict[Kind, dict[str, Any]] = {
    "clip": {**_TOWER, "intermediate_size": 3072, "image_size": 224, "patch_size": 32, "hidden_act": "quick_gelu",
             "layer_norm_eps": 1e-5},
    "siglip": {**_TOWER, "intermediate_size": 3072, "image_size": 224, "patch_size": 16,
               "hidden_act": "gelu_pytorch_tanh", "layer_norm_eps": 1e-6},
    "dinov2": {**_TOWER, "image_size": 224, "patch_size": 14, "hidden_act": "gelu", "layer_norm_eps": 1e-6},
}  # fmt: skip
_TEXT: dict[Kind, dict[str, Any]] = {
    "clip": {**_TOWER, "hidden_size": 512, "num_attention_heads": 8, "intermediate_size": 2048, "vocab_size": 49408,
             "max_position_embeddings": 77, "hidden_act": "quick_gelu", "layer_norm_eps": 1e-5, "eos_token_id": 49407},
    "siglip": {**_TOWER, "intermediate_size": 3072, "vocab_size": 32000, "max_position_embeddings": 64,
               "hidden_act": "gelu_pytorch_tanh", "layer_norm_eps": 1e-6, "eos_token_id": None},
}  # fmt: skip
SIZES = {192: "ti", 384: "s", 768: "b", 1024: "l", 1152: "so400m", 1280: "h", 1408: "g", 1536: "g", 1664: "bigg"}
"""Width of an image tower, and how the field calls its size."""

_MOST = 1 << 20
"""Far above every size that a configuration names, so that no model of a wrong size fills the memory."""


@dataclass(frozen=True, slots=True)
class Tower:
    """A transformer: ``width``, ``hidden`` (of its MLP), numbers of layers and heads, activation, epsilon of norms."""

    width: int
    hidden: int
    layers: int
    heads: int
    activation: Activation
    epsilon: float


@dataclass(frozen=True, slots=True)
class Vision(Tower):
    """An image tower; ``size`` of the (square) images, ``patch``, number of ``registers``, SwiGLU instead of an MLP."""

    size: int
    patch: int
    registers: int = 0
    swiglu: bool = False
    qkv_bias: bool = True


@dataclass(frozen=True, slots=True)
class Text(Tower):
    """A text tower; ``eos`` is the token whose vector is that of the text, None for the last or the highest one."""

    vocabulary: int
    context: int
    eos: int | None


@dataclass(frozen=True, slots=True)
class Architecture:
    """What a folder's configuration describes; ``text`` is None for an image tower alone."""

    kind: Kind
    vision: Vision
    text: Text | None
    dimension: int

    @property
    def name(self) -> str:
        """Name such as ``clip-vit-b-32``, by which spaces are called; ``-image`` without the text tower of its kind."""
        size = SIZES.get(self.vision.width, str(self.vision.width))
        registers = f"-reg{self.vision.registers}" if self.vision.registers else ""
        alone = "-image" if self.text is None and self.kind != "dinov2" else ""
        return f"{self.kind}-vit-{size}-{self.vision.patch}{registers}{alone}"


def read_architecture(path: Path) -> Architecture:
    """Read ``config.json``.

    Raises:
        InputError: the file is not JSON, or describes a model that Vitrine does not build.
        WeightsError: a value is impossible.
    """
    config = read_json(path, "the configuration of a model")
    model_type = config.get("model_type") if isinstance(config, dict) else None
    if not isinstance(model_type, str):
        raise InputError(f"{path} names no model_type of transformers; say `encoder=FAMILY/MODEL` `weights=FILE`.")
    kind = KINDS.get(model_type)
    if kind is None:
        hint = ELSEWHERE.get(model_type, f"models that are read are {', '.join(KINDS)}")
        raise InputError(f"{path} describes a model of type '{model_type}', which the family hf does not have; {hint}.")
    reader = _Reader(path, kind, config)
    vision, text = reader.vision(), reader.text()
    dimension = vision.width if kind != "clip" else reader.whole(config, "projection_dim", 512)
    return Architecture(kind, vision, text, dimension)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads values of a configuration and checks them; errors name the file."""

    path: Path
    kind: Kind
    config: Mapping[str, Any]

    def vision(self) -> Vision:
        """Return the image tower."""
        part = {**_VISION[self.kind], **self._part("vision")}
        swiglu = bool(part.get("use_swiglu_ffn", False))
        width = self.whole(part, "hidden_size")
        if self.kind == "dinov2":
            hidden = int(width * self._number(part, "mlp_ratio", 4))
            hidden = (int(hidden * 2 / 3) + 7) // 8 * 8 if swiglu else hidden  # as transformers rounds it
        else:
            hidden = self.whole(part, "intermediate_size")
        if part.get("num_channels", 3) != 3 or part.get("vision_use_head", True) is not True:
            raise self._fault("num_channels or vision_use_head", "3 and true")
        registers = self.config.get("model_type") == "dinov2_with_registers"
        size, patch = self._side(part, "image_size"), self._side(part, "patch_size")
        if size > LARGEST_IMAGE or patch > size:
            raise self._fault(f"image_size {size} and patch_size {patch}", f"at most {LARGEST_IMAGE}")
        return Vision(
            **self._tower(part, hidden),
            size=size,
            patch=patch,
            registers=self.whole(part, "num_register_tokens", 4) if registers else 0,
            swiglu=swiglu,
            qkv_bias=bool(part.get("qkv_bias", True)),
        )

    def text(self) -> Text | None:
        """Return the text tower; None if the configuration has none."""
        if self.kind == "dinov2" or "vision" in str(self.config.get("model_type")):
            return None
        part = {**_TEXT[self.kind], **self._part("text")}
        eos = part.get("eos_token_id") if self.kind == "clip" else None
        return Text(
            **self._tower(part, self.whole(part, "intermediate_size")),
            vocabulary=self.whole(part, "vocab_size"),
            context=self.whole(part, "max_position_embeddings"),
            # 2 stands in configurations of early conversions, which take the vector at the highest token
            eos=eos if isinstance(eos, int) and eos != 2 else None,
        )

    def _part(self, name: str) -> Mapping[str, Any]:
        """Return the configuration of a tower; early files repeat it, with the values that hold, under ``_dict``."""
        if self.kind == "dinov2" or "vision" in str(self.config.get("model_type")):
            return self.config
        parts = (self.config.get(f"{name}_config"), self.config.get(f"{name}_config_dict"))
        merged: dict[str, Any] = {}
        for part in parts:
            merged |= part if isinstance(part, dict) else {}
        return {key: value for key, value in merged.items() if value is not None}

    def _tower(self, part: Mapping[str, Any], hidden: int) -> dict[str, Any]:
        name = part.get("hidden_act")
        if name not in ACTIVATIONS:
            raise self._fault(f"hidden_act {name!r:.40}", ", ".join(ACTIVATIONS))
        width, heads = self.whole(part, "hidden_size"), self.whole(part, "num_attention_heads")
        if width % heads:
            raise self._fault(f"{heads} heads of a width of {width}", "a divisor of it")
        return {
            "width": width,
            "hidden": hidden,
            "layers": self.whole(part, "num_hidden_layers"),
            "heads": heads,
            "activation": ACTIVATIONS[name],
            "epsilon": self._number(part, "layer_norm_eps", 1e-6),
        }

    def whole(self, part: Mapping[str, Any], key: str, default: int | None = None) -> int:
        """Return a positive whole number."""
        value = part.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= _MOST:
            raise self._fault(f"{key} {value!r:.40}", "a whole number")
        return value

    def _side(self, part: Mapping[str, Any], key: str) -> int:
        """Return the side of a square."""
        value = part.get(key)
        if isinstance(value, list) and len(set(map(str, value))) == 1:
            value = value[0]
        return self.whole({key: value}, key)

    def _number(self, part: Mapping[str, Any], key: str, default: float) -> float:
        value = part.get(key, default)
        if not isinstance(value, int | float) or not 0 < value < 1000:
            raise self._fault(f"{key} {value!r:.40}", "a positive number")
        return float(value)

    def _fault(self, what: str, expected: str) -> WeightsError:
        return WeightsError(f"{self.path} says {what}, where {expected} is expected; fetch the folder again.")
