"""Find the licence of weights: in their configuration, in the model card beside them, or in the table of aliases."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from retrieval.encoders.aliases import licence_of
from retrieval.encoders.artefact import FOLDER
from retrieval.encoders.hub import HUB, MODEL_CARD, model_card
from retrieval.errors import VitrineError
from retrieval.text_files import parse_yaml, read_text

if TYPE_CHECKING:
    from retrieval.encoders.family import Description

RULE = "---"
"""Line before and after the data at the beginning of a model card."""

LONGEST = 80
"""Characters of the name of a licence."""


def licence(description: Description) -> str | None:
    """Return the licence of the weights of an encoder, in the words of their authors; None if none is named.

    Model cards are read from the local cache of the hub and from folders; nothing is downloaded.
    """
    if description.licence:
        return description.licence[:LONGEST]
    kind, _, value = description.source.partition(":")
    card = _card(description)
    if card is not None and (named := card_licence(card)):
        return named
    if kind != "tag":
        return licence_of(description.source.partition("@")[0])
    encoder = f"{description.family}/{description.model}".removesuffix("-quickgelu")  # as open_clip names it for OpenAI
    return licence_of(f"{encoder}:{value}") or licence_of(encoder)


def _card(description: Description) -> Path | None:
    """Return the model card of a description's hub repository or folder; None if it is not on this machine."""
    source = description.source
    if source.startswith(FOLDER):
        path = Path(source.removeprefix(FOLDER)) / MODEL_CARD
        return path if path.is_file() else None
    repository = source.removeprefix(HUB) if source.startswith(HUB) else description.repository
    return None if repository is None else model_card(repository)


def card_licence(path: Path) -> str | None:
    """Return the licence in the data at the beginning of a model card; None if it names none, or cannot be read."""
    try:
        lines = read_text(path, "a model card").splitlines()
        if not lines or lines[0].strip() != RULE or RULE not in (ends := [line.strip() for line in lines[1:]]):
            return None
        data = parse_yaml("\n".join(lines[1 : 1 + ends.index(RULE)]), str(path), unique_keys=False)
    except VitrineError:
        return None
    named = _text(data.get("license")) if isinstance(data, dict) else None
    return (_text(data.get("license_name")) or named) if named == "other" else named


def _text(value: Any) -> str | None:
    """Return the text of a field, of a list the first; None for anything else."""
    value = value[0] if isinstance(value, list) and value else value
    return value.strip()[:LONGEST] or None if isinstance(value, str) else None
