"""Names under which people look for an encoder, and those of other hubs for weights that open_clip or timm have.

Sources of the licences: the model cards (BioCLIP, MegaDescriptor), timm's configurations (DINOv2, DINOv3, SigLIP,
ResNet), and the repositories openai/CLIP and mlfoundations/open_clip, both MIT. None stands where the card of the
weights names no licence.
"""

from __future__ import annotations

from typing import NamedTuple


class Alias(NamedTuple):
    """What a name stands for.

    Attributes:
        encoder: ``FAMILY/MODEL``.
        weights: their tag; empty if ``encoder`` implies them.
        licence: licence of the weights; None if their card names none.
        size: side in pixels of the image that the encoder reads.
        remark: what else the name may mean, or what to know of it, for the user.
    """

    encoder: str
    weights: str
    licence: str | None
    size: int
    remark: str = ""

    @property
    def full_name(self) -> str:
        """The name with family and weights, as ``--encoder`` takes it."""
        return f"{self.encoder}:{self.weights}" if self.weights else self.encoder


MIT, APACHE, DINOV3, NO_COMMERCE = "mit", "apache-2.0", "dinov3-license", "cc-by-nc-4.0"


def _megadescriptor(size: str, side: int, licence: str | None) -> Alias:
    return Alias(f"timm/hf-hub:BVRA/MegaDescriptor-{size}-{side}", "", licence, side)


def _dinov2(size: str, registers: str = "") -> Alias:
    return Alias(f"timm/vit_{size}_patch14{registers}_dinov2", "lvd142m", APACHE, 518)


def _dinov3(size: str, weights: str = "lvd1689m") -> Alias:
    return Alias(f"timm/vit_{size}_patch16_dinov3", weights, DINOV3, 256)


def _dinov3_convnext(size: str) -> Alias:
    return Alias(f"timm/convnext_{size}", "dinov3_lvd1689m", DINOV3, 224)


def _openai(model: str, size: int) -> Alias:
    return Alias(f"open_clip/{model}", "openai", MIT, size)


def _siglip(model: str, size: int) -> Alias:
    return Alias(f"open_clip/{model}", "webli", APACHE, size)


OPENAI_RESNETS = {"50": 224, "101": 224, "50x4": 288, "50x16": 384, "50x64": 448}
"""ResNets of OpenAI's CLIP, and the side of their images."""

DINOV2_MODELS = {"vits14": "small", "vitb14": "base", "vitl14": "large", "vitg14": "giant"}
DINOV3_MODELS = {
    "vits16": "small", "vits16plus": "small_plus", "vitb16": "base", "vitl16": "large", "vith16plus": "huge_plus",
    "vit7b16": "7b",
}  # fmt: skip
"""Models as their authors name them, and their sizes in timm's names."""

DINOV2_SIZE = "Its images have 518 pixels; many use 224: `preprocess=resize=256,crop=224`."

ALIASES: dict[str, Alias] = {
    "clip": _openai("ViT-B-32", 224)._replace(
        remark="Larger: openai/clip-vit-base-patch16, openai/clip-vit-large-patch14, openai/clip-vit-large-patch14-336."
    ),
    "ViT-B-32": Alias(
        "open_clip/ViT-B-32", "laion2b_s34b_b79k", MIT, 224, "The weights of OpenAI are 'clip'; 'vitrine encoders "
        "ViT-B-32' lists all.",
    ),
    "ViT-B/32": _openai("ViT-B-32", 224),
    "ViT-B/16": _openai("ViT-B-16", 224),
    "ViT-L/14": _openai("ViT-L-14", 224),
    "ViT-L/14@336px": _openai("ViT-L-14-336", 336),
    **{f"RN{model}": _openai(f"RN{model}", n) for model, n in OPENAI_RESNETS.items()},
    "bioclip": Alias("open_clip/hf-hub:imageomics/bioclip", "", MIT, 224),
    "bioclip-2": Alias("open_clip/hf-hub:imageomics/bioclip-2", "", MIT, 224),
    "megadescriptor": _megadescriptor("L", 384, NO_COMMERCE)._replace(
        remark="Smaller: megadescriptor-l-224, -b-224, -s-224, -t-224."
    ),
    "megadescriptor-l-384": _megadescriptor("L", 384, NO_COMMERCE),
    "megadescriptor-l-224": _megadescriptor("L", 224, NO_COMMERCE),
    "megadescriptor-b-224": _megadescriptor("B", 224, NO_COMMERCE),
    "megadescriptor-s-224": _megadescriptor("S", 224, None),
    "megadescriptor-t-224": _megadescriptor("T", 224, None),
    "miewid": Alias("miewid/conservationxlabs/miewid-msv3", "", None, 440, "An earlier one: miewid-msv2."),
    "miewid-msv3": Alias("miewid/conservationxlabs/miewid-msv3", "", None, 440),
    "miewid-msv2": Alias("miewid/conservationxlabs/miewid-msv2", "", None, 440),
    "dinov2": _dinov2("base")._replace(remark=f"Also: dinov2-small, dinov2-large, dinov2-giant. {DINOV2_SIZE}"),
    **{f"dinov2-{size}": _dinov2(size)._replace(remark=DINOV2_SIZE) for size in ("small", "base", "large", "giant")},
    "dinov3": _dinov3("base")._replace(remark="Also: dinov3-small, dinov3-large, dinov3-7b."),
    **{f"dinov3-{size}": _dinov3(size) for size in ("small", "base", "large", "7b")},
    "siglip": _siglip("ViT-B-16-SigLIP", 224)._replace(remark="Larger: siglip-so400m."),
    "siglip-so400m": _siglip("ViT-SO400M-14-SigLIP-384", 384),
    "siglip2": _siglip("ViT-B-16-SigLIP2", 224)._replace(remark="Larger: siglip2-so400m."),
    "siglip2-so400m": _siglip("ViT-SO400M-14-SigLIP2-378", 378),
    "resnet50": Alias("timm/resnet50", "a1_in1k", APACHE, 224, "That of torchvision is torchvision/resnet50:DEFAULT."),
    "vitrine-tiny": Alias("open_clip/vitrine-tiny", "", APACHE, 112),
}  # fmt: skip
"""Short names, as they are listed; case and hyphens do not matter. ``ViT-B/32`` and the like are OpenAI's own."""

ELSEWHERE: dict[str, Alias] = {
    "openai/clip-vit-base-patch32": _openai("ViT-B-32", 224),
    "openai/clip-vit-base-patch16": _openai("ViT-B-16", 224),
    "openai/clip-vit-large-patch14": _openai("ViT-L-14", 224),
    "openai/clip-vit-large-patch14-336": _openai("ViT-L-14-336", 336),
    "google/siglip-base-patch16-224": _siglip("ViT-B-16-SigLIP", 224),
    **{f"google/siglip-base-patch16-{n}": _siglip(f"ViT-B-16-SigLIP-{n}", n) for n in (256, 384, 512)},
    "google/siglip-base-patch16-256-multilingual": _siglip("ViT-B-16-SigLIP-i18n-256", 256),
    **{f"google/siglip-large-patch16-{n}": _siglip(f"ViT-L-16-SigLIP-{n}", n) for n in (256, 384)},
    "google/siglip-so400m-patch14-224": _siglip("ViT-SO400M-14-SigLIP", 224),
    "google/siglip-so400m-patch14-384": _siglip("ViT-SO400M-14-SigLIP-384", 384),
    "google/siglip-so400m-patch16-256-i18n": _siglip("ViT-SO400M-16-SigLIP-i18n-256", 256),
    "google/siglip2-base-patch16-224": _siglip("ViT-B-16-SigLIP2", 224),
    **{f"google/siglip2-base-patch16-{n}": _siglip(f"ViT-B-16-SigLIP2-{n}", n) for n in (256, 384, 512)},
    "google/siglip2-base-patch32-256": _siglip("ViT-B-32-SigLIP2-256", 256),
    **{f"google/siglip2-large-patch16-{n}": _siglip(f"ViT-L-16-SigLIP2-{n}", n) for n in (256, 384, 512)},
    **{f"google/siglip2-giant-opt-patch16-{n}": _siglip(f"ViT-gopt-16-SigLIP2-{n}", n) for n in (256, 384)},
    "google/siglip2-so400m-patch14-224": _siglip("ViT-SO400M-14-SigLIP2", 224),
    "google/siglip2-so400m-patch14-384": _siglip("ViT-SO400M-14-SigLIP2-378", 378),
    **{f"google/siglip2-so400m-patch16-{n}": _siglip(f"ViT-SO400M-16-SigLIP2-{n}", n) for n in (256, 384, 512)},
    **{f"facebook/dinov2-{size}": ALIASES[f"dinov2-{size}"] for size in ("small", "base", "large", "giant")},
    **{
        f"facebook/dinov2-with-registers-{size}": _dinov2(size, "_reg4")._replace(remark=DINOV2_SIZE)
        for size in ("small", "base", "large", "giant")
    },
    **{f"facebook/dinov3-{short}-pretrain-lvd1689m": _dinov3(size) for short, size in DINOV3_MODELS.items()},
    "facebook/dinov3-vitl16-pretrain-sat493m": _dinov3("large", "sat493m"),
    "facebook/dinov3-vit7b16-pretrain-sat493m": _dinov3("7b", "sat493m"),
    **{
        f"facebook/dinov3-convnext-{size}-pretrain-lvd1689m": _dinov3_convnext(size)
        for size in ("tiny", "small", "base", "large")
    },
    **{f"dinov2_{short}": ALIASES[f"dinov2-{size}"] for short, size in DINOV2_MODELS.items()},
    **{
        f"dinov2_{short}_reg": _dinov2(size, "_reg4")._replace(remark=DINOV2_SIZE)
        for short, size in DINOV2_MODELS.items()
    },
    **{f"dinov3_{short}": _dinov3(size) for short, size in DINOV3_MODELS.items()},
}
"""Names of weights elsewhere: repositories in transformers' format, and models of torch.hub (``dinov2_vitb14``)."""


_BY_NAME = {name.rpartition("/")[2].lower(): alias for name, alias in ELSEWHERE.items()}
_BY_NAME |= {name.lower(): alias for name, alias in (ELSEWHERE | ALIASES).items()}
_WITHOUT_HYPHENS = {name.lower().replace("-", ""): alias for name, alias in ALIASES.items()}
_LICENCES = {alias.full_name[max(0, alias.full_name.find("hf-hub:")) :]: alias.licence for alias in _BY_NAME.values()}


def find_alias(name: str) -> Alias | None:
    """Return what a short name or a name elsewhere stands for, with or without its organisation; None for others."""
    lower = name.lower()
    return _BY_NAME.get(lower) or _WITHOUT_HYPHENS.get(lower.replace("-", ""))


def licence_of(encoder: str) -> str | None:
    """Return the licence that the tables have for ``FAMILY/MODEL:TAG``, ``FAMILY/MODEL`` or ``hf-hub:REPOSITORY``."""
    return _LICENCES.get(encoder)
