"""Names of arrays and columns that look like vectors or a field without having its name.

Scripts of the field call identities ``pid``, cameras ``camid``, paths ``fname``; what is meant is asked, not guessed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from indexers.sources.manifest_columns import LIKE_FIELDS
from indexers.tables import snake_case
from retrieval.export.columns import FIELDS, FILEPATH

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

ROLES = ("query", "gallery")

FEATURES = frozenset(
    (
        *("f", "fs", "feat", "feats", "feature", "features", "emb", "embs", "embed", "embeddings", "embedding"),
        *("vec", "vecs", "vector", "vectors", "x", "data"),
    )
)
"""Names (in snake_case) of arrays of vectors."""

_MORE: dict[str, frozenset[str]] = {
    "label": frozenset({"targets", "labels", "gt", "ground_truth", "cls"}),
    "identity": frozenset({"identities"}),
    "camera": frozenset({"cid"}),
    "group": frozenset(),
    "split": frozenset({"splits", "set", "subset", "partition", "phase", "is_train", "fold"}),
    "filepath": frozenset(
        (
            *("path", "image_path", "img_path", "im_path", "file_path", "file", "filename", "file_name", "fname"),
            *("image", "image_name", "img_name", "uri"),
        )
    ),
}

UNSURE = frozenset({"id", "name", "y", "f", "x", "data", "device", "image", "file"})
"""Names that mean many things: they are asked about only where nothing else says what the vectors are of."""

_SHORT = {"l": "label", "c": "camera"}
"""Letters behind ``q`` and ``g``."""

_CANONICAL = frozenset((*ROLES, *(f"{role}_{field}" for role in ROLES for field in (FILEPATH, *FIELDS))))

_ROLE = re.compile(r"(query|probe|gallery|q|g)_?(\w*)")


def field_like(name: str) -> str | None:
    """Return the field that a name looks like, such as ``identity`` for ``pids``; None if it looks like none."""
    plain = snake_case(name)
    forms = {plain, plain.removesuffix("s")}
    for field, more in _MORE.items():
        if forms & (more | set(LIKE_FIELDS.get(field, ()))):
            return field
    return None


def fields_in_doubt(names: Iterable[str], settled: Collection[str]) -> dict[str, str]:
    """Map fields that the user should be asked about to the array or column that may hold them.

    These are a label or an identity if neither is settled, a camera if there are identities, and paths.

    Args:
        names: arrays or columns of one value per vector that are not taken.
        settled: fields that are taken, or said to be absent.
    """
    matches: dict[str, str] = {}
    described = bool({"label", "identity"} & set(settled))
    for name in names:
        field = field_like(name)
        if field is None or field in settled or field in matches or field == "group":
            continue
        if described and (field in {"label", "identity"} or snake_case(name) in UNSURE):
            continue
        matches[field] = name
    if "camera" in matches and not {"identity"} & {*settled, *matches}:
        del matches["camera"]
    return matches


def doubt(where: str, fields: Mapping[str, str]) -> str:
    """Return the sentence that asks which arrays or columns hold fields."""
    looks = ", ".join(f"'{name}' looks like {field}" for field, name in fields.items())
    said = ", ".join(f"`{field}={name}`" for field, name in fields.items())
    first = next(iter(fields))
    return f"{where}: {looks}, but may mean something else; say {said}, or leave one out with `{first}=`."


def role_names(names: Iterable[str]) -> dict[str, str]:
    """Map the names that query and gallery should have to those that they have in a file.

    ``qf``, ``gf``, ``q_pids``, ``g_camids``, ``query_feature``, ``gallery_cam`` and the like; empty for files that have
    no vectors of both. Names that mean many things, such as ``q_id``, tell nothing; names that are as they should be go
    before others.
    """
    matches: dict[str, str] = {}
    for name in sorted(names, key=lambda name: name not in _CANONICAL):
        match = _ROLE.fullmatch(name)
        if match is None:
            continue
        role = "query" if match[1] in {"query", "probe", "q"} else "gallery"
        rest = snake_case(match[2])
        field = "" if not rest or rest in FEATURES else _field_of_role(rest)
        if field is not None:
            matches.setdefault(f"{role}_{field}".rstrip("_"), name)
    return matches if {"query", "gallery"} <= matches.keys() else {}


def _field_of_role(rest: str) -> str | None:
    """Return the field that the name of an array tells behind its role: ``pids``, ``l`` of ``ql``."""
    if rest in FIELDS:
        return rest
    if {rest, rest.removesuffix("s")} & UNSURE:
        return None
    return _SHORT.get(rest) or field_like(rest)
