"""Types that all packages share: samples, encoders, spaces, banks and split sets.

Nothing here imports torch, a store or a search library. Pure code may import everything but
:mod:`retrieval.types.store`, which describes the store.
"""

from __future__ import annotations

from retrieval.types.arrays import Float32, Int64, UInt8, digest
from retrieval.types.banks import TEXT_KINDS, Bank, BankKind
from retrieval.types.encoders import (
    PREPROJ,
    ClassifierHead,
    Embeddings,
    Encoder,
    EncoderSpec,
    Interpolation,
    Precision,
    Preprocess,
    ProjectingEncoder,
    ResizeMode,
    TextEncoder,
)
from retrieval.types.samples import (
    BOX_COLUMNS,
    WHOLE,
    Box,
    Corner,
    MetaValue,
    Polygon,
    Sample,
    Source,
    SourceProblem,
    SourceTally,
    Thumbnails,
)
from retrieval.types.spaces import (
    Neighbors,
    SearchIndex,
    SpaceInfo,
    SpaceState,
    VectorMatrix,
    require_bank_of,
    require_bank_width,
    require_same_space,
    shares_texts,
)
from retrieval.types.splits import SplitSet

__all__ = [
    "BOX_COLUMNS",
    "PREPROJ",
    "TEXT_KINDS",
    "WHOLE",
    "Bank",
    "BankKind",
    "Box",
    "ClassifierHead",
    "Corner",
    "Embeddings",
    "Encoder",
    "EncoderSpec",
    "Float32",
    "Int64",
    "Interpolation",
    "MetaValue",
    "Neighbors",
    "Polygon",
    "Precision",
    "Preprocess",
    "ProjectingEncoder",
    "ResizeMode",
    "Sample",
    "SearchIndex",
    "Source",
    "SourceProblem",
    "SourceTally",
    "SpaceInfo",
    "SpaceState",
    "SplitSet",
    "TextEncoder",
    "Thumbnails",
    "UInt8",
    "VectorMatrix",
    "digest",
    "require_bank_of",
    "require_bank_width",
    "require_same_space",
    "shares_texts",
]  # fmt: skip
