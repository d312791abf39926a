"""List the encoders that can be named, from tables and installed packages, without a network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from retrieval.encoders.aliases import ALIASES, ELSEWHERE, Alias
from retrieval.encoders.family import Family
from retrieval.encoders.licences import licence
from retrieval.encoders.names import LISTED
from retrieval.encoders.registry import family
from retrieval.errors import UnknownNameError


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """One name of an encoder.

    Attributes:
        name: what to type.
        family: the family that builds it.
        full_name: ``FAMILY/MODEL:WEIGHTS`` that it stands for; without weights if none are published.
        licence: licence of these weights, None if it is not known here.
        size: height and width in pixels of the image that the encoder reads.
        weights: tags of all published weights of the model.
    """

    name: str
    family: str
    full_name: str
    licence: str | None
    size: tuple[int, int]
    weights: tuple[str, ...] = ()


def encoders(word: str = "") -> tuple[CatalogueEntry, ...]:
    """List names of encoders, with what they stand for, licence and size of their images. No network is needed.

    Args:
        word: what the names contain; case does not matter. Without it, only short names are listed; with it also names
            elsewhere of the same weights, and models of open_clip, timm and torchvision.

    Raises:
        UnknownNameError: no name contains the word.
    """
    entries = (*_short_names(word), *(_models(word) if word else ()))
    if not entries:
        raise UnknownNameError(
            f"No name of an encoder contains '{word}'; 'vitrine encoders' lists the short ones. A repository of the "
            "hub is hf-hub:ORGANISATION/REPOSITORY, and a folder or file is named by its path."
        )
    return entries


def _short_names(word: str) -> list[CatalogueEntry]:
    """Return the short names; with a word, those that contain it in their own or their full name, and names elsewhere.

    Nothing is imported for them but the tables.
    """
    listed = ALIASES | ELSEWHERE if word else ALIASES
    return [_of_alias(name, alias) for name, alias in listed.items() if _has(word, name) or _has(word, alias.full_name)]


def _models(word: str) -> Iterator[CatalogueEntry]:
    """Yield the models of open_clip, timm and torchvision whose names contain a word."""
    for kind in LISTED:
        library = family(kind)
        for model in library.models():
            if _has(word, f"{kind}/{model}"):
                yield _of_model(kind, library, model)


def _of_alias(name: str, alias: Alias) -> CatalogueEntry:
    kind = alias.encoder.partition("/")[0]
    weights = (alias.weights,) if alias.weights else ()
    return CatalogueEntry(name, kind, alias.full_name, alias.licence, (alias.size, alias.size), weights)


def _of_model(kind: str, library: Family, model: str) -> CatalogueEntry:
    tags = tuple(library.tags(model))
    described = library.describe(model, f"tag:{tags[0]}" if tags else "random:0")
    name = f"{kind}/{model}"
    full_name = f"{name}:{tags[0]}" if tags else name
    return CatalogueEntry(full_name, kind, full_name, licence(described), described.preprocess.crop, tags)


def _has(word: str, name: str) -> bool:
    return word.lower() in name.lower()
